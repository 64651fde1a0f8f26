"""Tracepoint formats of modules that do not load in a guest, from their files.

``event_NAME`` (a ``struct trace_event_call``) points to ``event_class_CLASS``, whose first member points to
``str__SYSTEM__trace_system_name``; ``struct trace_event_raw_CLASS`` of the BTF has the fields.  What a guest prints
is the same but for the spelling of some types.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from btaot_tool.kernel.image import TypeImage
from btaot_tool.kernel.sizes import type_size
from btaot_tool.kernel.types import (
    CArray,
    CInt,
    CPtr,
    CRef,
    CStruct,
    CType,
    CTypedef,
    Member,
    Tracepoint,
    TracepointField,
    strip_typedefs,
)

# Of struct trace_event_call on 64-bit machines: behind the list's two pointers.
_CLASS_OFFSET = 16
_LOCATED = re.compile(r"__(data|rel)_loc_(.+)")


def derive_tracepoints(module: bytes, types: TypeImage) -> list[Tracepoint]:
    """Return the tracepoints that a module's file defines, with the types of its BTF."""
    elf = ELFFile(io.BytesIO(module))
    pointers = dict(_pointers(elf))
    found = []
    for (symbol, offset), target in sorted(pointers.items()):
        if not symbol.startswith("event_") or offset != _CLASS_OFFSET or not target.startswith("event_class_"):
            continue
        system = re.fullmatch(r"str__(.+)__trace_system_name", pointers.get((target, 0), ""))
        struct = types.struct(f"struct trace_event_raw_{target.removeprefix('event_class_')}")
        if system is not None and struct is not None:
            found.append(Tracepoint(system[1], symbol.removeprefix("event_"), tuple(_fields(struct, types))))
    return found


def _pointers(elf: ELFFile) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield ((variable, offset), variable that it points to)."""
    for section in elf.iter_sections():
        if not isinstance(section, RelocationSection):
            continue
        symbols = elf.get_section(section["sh_link"])
        places: dict[int, tuple[str, int]] = {}
        names: dict[tuple[int, int], str] = {}
        for symbol in symbols.iter_symbols():
            if symbol["st_info"]["type"] != "STT_OBJECT":
                continue
            names[symbol["st_shndx"], symbol["st_value"]] = symbol.name
            if symbol["st_shndx"] == section["sh_info"]:
                for at in range(0, symbol["st_size"], 8):
                    places[symbol["st_value"] + at] = symbol.name, at
        for relocation in section.iter_relocations():
            place = places.get(relocation["r_offset"])
            target = symbols.get_symbol(relocation["r_info_sym"])
            # Either the variable itself, or its section and the offset there.
            name = target.name if target["st_info"]["type"] == "STT_OBJECT" else ""
            name = name or names.get((target["st_shndx"], target["st_value"] + relocation["r_addend"]), "")
            if place is not None and name:
                yield place, name


def _fields(struct: CStruct, types: TypeImage) -> Iterator[TracepointField]:
    members: Sequence[Member] = struct.members
    for member in members:
        if member.name in ("ent", "__data"):
            continue
        offset, size = member.bit_offset // 8, type_size(member.type, types)
        if located := _LOCATED.fullmatch(member.name):
            # The type of the elements is not recorded; nearly all are strings.
            yield TracepointField(located[2], "char", offset, size, False, 0, f"{located[1]}_loc")
            continue
        plain = strip_typedefs(member.type)
        element, count = (plain.elem, plain.count) if isinstance(plain, CArray) else (member.type, 0)
        number = strip_typedefs(element)
        signed = isinstance(number, CInt) and number.signed and not number.is_bool
        yield TracepointField(member.name, _spell(element), offset, size, signed, count, "inline")


def _spell(ctype: CType) -> str:
    """Return a type as C writes it."""
    match ctype:
        case CInt() | CTypedef():
            return ctype.name
        case CRef():
            return ctype.name
        case CPtr():
            return f"{_spell(ctype.target)} *"
    return "void"
