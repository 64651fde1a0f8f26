"""Sizes and alignments of C types, as their definitions in a table tell them; for 64-bit targets."""

from __future__ import annotations

from .types import CArray, CFloat, CInt, CPtr, CRef, CStruct, CType, TypeTable, strip_typedefs

_POINTER = 8
_LARGEST_ALIGNMENT = 16


def type_size(ctype: CType, table: TypeTable) -> int:
    """Return the size of a type in bytes; 0 for what has none."""
    plain = strip_typedefs(ctype)
    match plain:
        case CInt() | CFloat():
            return plain.size
        case CPtr():
            return _POINTER
        case CArray():
            return plain.count * type_size(plain.elem, table)
        case CRef():
            definition = table.struct(plain.name) or table.enum(plain.name)
            return definition.size if definition is not None else 0
    return 0


def type_alignment(ctype: CType, table: TypeTable) -> int:
    """Return the alignment of a type; packed structs give themselves away by their offsets."""
    plain = strip_typedefs(ctype)
    match plain:
        case CArray():
            return type_alignment(plain.elem, table)
        case CRef():
            struct = table.struct(plain.name)
            if struct is not None:
                return _struct_alignment(struct, table)
    return min(type_size(plain, table), _LARGEST_ALIGNMENT) or 1


def _struct_alignment(struct: CStruct, table: TypeTable) -> int:
    wanted = [(0 if m.bit_size else m.bit_offset // 8, type_alignment(m.type, table)) for m in struct.members]
    align = max((alignment for _, alignment in wanted), default=1)
    while align > 1 and (struct.size % align or any(place % min(align, own) for place, own in wanted)):
        align //= 2
    return align
