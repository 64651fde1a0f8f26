"""Between syntax and sema: imports, C definitions and macros."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import read_config
from ..diagnostics import Diagnostics, Source
from ..kernel.types import Kernel
from ..options import Options
from ..syntax import tree
from .native import NativeCode


@dataclass(frozen=True)
class Expanded:
    """The whole script without imports and macros.

    ``table`` has the types of its C definitions over those of the kernel; ``dependencies`` are the files that were
    read besides the script; ``native`` is to be linked into its programs.
    """

    program: tree.Program
    table: Kernel
    dependencies: list[str]
    native: NativeCode


def expand(source: Source, program: tree.Program, kernel: Kernel, options: Options, diags: Diagnostics) -> Expanded:
    """Return the script with everything that it imports and uses; raises CompileError if some of it is wrong."""
    from .definitions import read_definitions
    from .flow import check_jumps, warn_unreachable
    from .fold import fold_literals
    from .imports import resolve_imports
    from .macros import expand_macros
    from .native import read_native
    from .notices import give_notices

    give_notices(program, read_config(program.config, Diagnostics(), options.config), diags)
    diags.check()
    imports = resolve_imports(source, program, options.include_dirs, diags)
    check_jumps(imports.program.macros, imports.program.probes, diags)
    c_side = read_definitions(imports, kernel, options)
    expanded = expand_macros(imports.program, c_side.macros, diags)
    diags.check()
    expanded = fold_literals(expanded, diags)
    warn_unreachable(expanded, diags)
    diags.check()
    native = read_native(imports.bpf_sources, options, kernel)
    files = dict.fromkeys(str(path) for path in (*imports.files, *c_side.files, *native.files))
    return Expanded(expanded, c_side.table, list(files), native)


__all__ = ["Expanded", "expand"]
