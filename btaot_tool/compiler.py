"""The way of a script: the list of stages, each a function from one typed result to the next."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .diagnostics import Diagnostic, Diagnostics, Source
from .options import Options
from .syntax.depth import room_for_recursion
from .targets import TARGETS

if TYPE_CHECKING:
    from .bpf.object import BpfObject
    from .codegen.module import Generated
    from .kernel.merged import MergedKernel
    from .kernel.pack import PackKernel
    from .sema.result import Checked


@dataclass(frozen=True)
class CompileResult:
    """The two sections, the warnings, and the files that were read besides the script."""

    meta: bytes
    text: bytes
    diagnostics: list[Diagnostic] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)


def compile_script(source: Source, options: Options) -> CompileResult:
    """Compile a script; raises CompileError with everything that is wrong with it."""
    with room_for_recursion():
        return _compile(source, options)


def _compile(source: Source, options: Options) -> CompileResult:
    from .bpf.loops import jump_into_loops
    from .bpf.object import read_object
    from .codegen import generate
    from .codegen.limits import check_maps
    from .codegen.parts import driven_loops
    from .expand import expand
    from .payload.assemble import assemble
    from .sema.program import check_program
    from .symbols.minimum import check_minimum
    from .syntax import parse

    diags = Diagnostics()
    program = parse(source, diags)  # text -> syntax tree
    kernel = read_kernel(options, diags)
    expanded = expand(source, program, kernel, options, diags)  # -> imports, C definitions and macros are in it
    checked = check_program(
        expanded.program, kernel, expanded.table, options, diags, expanded.native
    )  # -> checked, typed tree
    generated = generate(checked, options, diags)  # -> LLVM IR -> BPF object
    check_minimum(generated.symbols, options.min_kernel, driven_loops(generated.templates), diags)
    _dump(options, "ir", generated.ir_text)
    obj = read_object(generated.object)  # -> programs and relocations
    check_maps(generated, obj, diags)
    obj = _link(obj, checked, generated, diags)  # -> with the functions of imported C
    for code in obj.programs:
        jump_into_loops(code, obj.byteorder)
    meta, text = assemble(checked, generated, obj, source.name)  # -> payload
    return CompileResult(meta, text, diags.items, [*expanded.dependencies, *checked.files])


def _link(obj: BpfObject, checked: Checked, generated: Generated, diags: Diagnostics) -> BpfObject:
    """Put the functions of imported C sources and objects into the programs that call them."""
    if not checked.native.objects:
        return obj
    from .bpf.elf import ObjectError
    from .bpf.link import link_objects
    from .codegen.imported import HostWants

    try:
        return link_objects(obj, checked.native.objects, HostWants(generated.symbols, generated.maps))
    except ObjectError as error:
        raise diags.fatal(None, f"import: {error}", code="import") from None


def read_kernel(options: Options, diags: Diagnostics) -> PackKernel | MergedKernel:
    """Return the kernel packs that the script is checked against, merged.

    Without a choice they are those of all targets, the script's own first: what compiles for one compiles for all (a
    system call that only some architectures have, for example), and the host has the last word.
    """
    from .kernel.pack import default_pack, load_pack, merge
    from .kernel.packfile import PackError

    try:
        if options.kernel:
            return merge([load_pack(name) for name in options.kernel])
        others = [name for name in TARGETS if name != options.target.name]
        return default_pack(options.target.name, *others)
    except PackError as error:
        raise diags.fatal(None, str(error), code="kernel-pack") from None


def _dump(options: Options, stage: str, text: str) -> None:
    if stage in options.dump:
        print(text, file=sys.stderr)
