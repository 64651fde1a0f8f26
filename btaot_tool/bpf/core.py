"""CO-RE relocations of an object (``.BTF.ext``): which instruction wants what of the host's types."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from .btf import MAGIC, ext_records
from .btf_view import KIND_ARRAY, BtfView
from .elf import ObjectError

_FLAVOUR = "___"


class CoreKind(enum.IntEnum):
    """What is asked for; the numbers are those of the kernel's ``bpf_core_relo_kind``."""

    FIELD_OFFSET = 0
    FIELD_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LSHIFT = 4
    FIELD_RSHIFT = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_HOST = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUM_EXISTS = 10
    ENUM_VALUE = 11
    TYPE_MATCHES = 12


@dataclass(frozen=True, slots=True)
class CoreReloc:
    """A relocation: ``root`` is the type as symbols name it, ``path`` a field of it or an enumerator.

    ``known`` is the answer where the object itself has it.
    """

    insn: int
    kind: CoreKind
    root: str
    path: str = ""
    known: int | None = None


def read_core(ext: bytes, view: BtfView) -> dict[str, list[CoreReloc]]:
    """Return the relocations by section; instructions count from the section's start."""
    order = view.order
    magic, _, _, size = struct.unpack_from(order + "HBBI", ext)
    if magic != MAGIC:
        raise ObjectError("damaged .BTF.ext section")
    if size < 32:  # written before there were any
        return {}
    offset, length = struct.unpack_from(order + "II", ext, 24)
    found: dict[str, list[CoreReloc]] = {}
    for section, row in ext_records(ext, size + offset, length, "IIII", view.data, order):
        insn, type_id, access, kind = row
        found.setdefault(section, []).append(_read(view, insn // 8, type_id, view.text(access), kind))
    return found


def _read(view: BtfView, insn: int, type_id: int, access: str, number: int) -> CoreReloc:
    try:
        kind = CoreKind(number)
    except ValueError:
        raise ObjectError(f"CO-RE relocation of the unknown kind {number}") from None
    root = _root(view, type_id)
    if kind in (CoreKind.ENUM_EXISTS, CoreKind.ENUM_VALUE):
        return CoreReloc(insn, kind, root, view.enumerator(view.plain(type_id), int(access)).partition(_FLAVOUR)[0])
    if kind > CoreKind.FIELD_RSHIFT:
        return CoreReloc(insn, kind, root)
    path, member = _path(view, type_id, [int(index) for index in access.split(":")])
    known = int(view.is_signed(member)) if kind is CoreKind.FIELD_SIGNED else None
    return CoreReloc(insn, kind, root, path, known)


def _root(view: BtfView, type_id: int) -> str:
    """Return a type's name without its flavour; unions have their tag word."""
    plain = view.plain(type_id)
    name = (view.name(plain) or view.name(type_id)).partition(_FLAVOUR)[0]
    return f"union {name}" if view.kind(plain) == 5 else name


def _path(view: BtfView, type_id: int, access: list[int]) -> tuple[str, int]:
    """Return the path that member numbers give, and the type at its end; members without a name are left out."""
    current, path = view.plain(type_id), ""
    if access[0]:
        raise ObjectError(f"CO-RE relocation of an element after the first of a '{view.name(current)}'")
    for index in access[1:]:
        if view.is_record(current):
            field = view.fields(current)[index]
            if field.name:
                path += f".{field.name}" if path else field.name
            current = view.plain(field.type)
        elif view.kind(current) == KIND_ARRAY:
            path += f"[{index}]"
            current = view.plain(view.array(current)[0])
        else:
            raise ObjectError(f"CO-RE relocation into '{view.name(current)}', which has no members")
    return path, current
