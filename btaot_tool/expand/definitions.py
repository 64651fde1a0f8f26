"""The C side of a script: its C section, those of imported scripts, and imported headers, as one table of types."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..kernel.types import Kernel
from ..options import Options
from .imports import Imports, Unit

if TYPE_CHECKING:
    from ..kernel.cdefs import CDefinitions


@dataclass(frozen=True)
class CMacros:
    """What object-like C macros of a script stand for: text, or the value of a number or string.

    Those that stand for an enumerator are left out: it has a name to be printed.
    """

    texts: dict[str, str] = field(default_factory=dict)
    strings: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    own: frozenset[str] = frozenset()  # those that the script or its headers define


@dataclass(frozen=True)
class CSide:
    """``table`` holds the script's types over the kernel's; ``files`` are the headers that were read."""

    table: Kernel
    macros: CMacros = CMacros()
    files: tuple[Path, ...] = ()


def read_definitions(imports: Imports, kernel: Kernel, options: Options) -> CSide:
    """Read all C definitions; a script without any costs nothing."""
    script = imports.units[-1]
    before = "".join(f"#define {_definition(text)}\n" for text in options.defines)
    before += "".join(f'#line 1 "<command line>"\n{_inclusion(name)}\n' for name in options.includes)
    before += "".join(_section(unit) for unit in imports.units[:-1] if unit.program.c_text.strip())
    before += "".join(f'#include "{path.absolute()}"\n' for path in imports.headers)
    text = script.program.c_text
    if not text.strip() and not imports.headers and not before.strip():
        return CSide(kernel)
    from ..kernel.cdefs import parse_c
    from ..kernel.layered import ScriptKernel

    include = list(dict.fromkeys([unit.directory for unit in reversed(imports.units)]))
    include += [Path(name) for name in options.include_dirs]
    # BPFTRACE_HAVE_BTF stays undefined: fields that the kernel pack does not know, a script's own definition may.
    if before:
        text = f'{before}#line 1 "section.c"\n{text}'
    definitions = parse_c(text, options.target, script.source, kernel, include)
    return CSide(ScriptKernel(definitions, kernel), _macros(definitions), definitions.files)


def _macros(definitions: CDefinitions) -> CMacros:
    texts = {
        name: macro.body
        for name, macro in definitions.macros.items()
        if macro.params is None and macro.body and definitions.enumerator(name) is None
    }
    numbers = {name: value for name in texts if (value := definitions.constant(name)) is not None}
    own = frozenset(name for name in texts if definitions.own(name))
    return CMacros(texts, definitions.strings, numbers, own)


def _section(unit: Unit) -> str:
    return f'#line 1 "{Path(unit.source.name).absolute()}"\n{unit.program.c_text}\n'


def _definition(text: str) -> str:
    """Turn ``NAME=VALUE`` of the command line into what follows #define."""
    name, equals, value = text.partition("=")
    return f"{name} {value if equals else '1'}"


def _inclusion(name: str) -> str:
    """Include what the command line names: a file, as seen from the working directory, or a header of the C library,
    the kernel or the include directories."""
    return f'#include "{Path(name).absolute()}"' if Path(name).is_file() else f"#include <{name}>"
