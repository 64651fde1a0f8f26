"""Structs as values: copied from the kernel member by member, and read from copies.

A copy has the layout of the kernel pack, so that it means the same on every host: each member is read with the
host's offset and size and stored where the pack has it; what the host lacks of an array or a union is zero.
"""

from __future__ import annotations

from typing import Any

from ..kernel.types import CRef, CStruct, Member, strip_typedefs
from ..payload.layout import SymbolKind
from ..sema.ctypes import from_c
from ..sema.operators import lookup_member
from ..sema.types import UINT8, Int, Struct, Type
from ..symbols import Symbol
from .llvm import const
from .memory import MemoryGen
from .reading import bit_place, root_name
from .values import Memory, Place, Scalar, Value


class Structs(MemoryGen):
    """Adds copying of structs to a function."""

    def gather(self, value: Place, place: Memory) -> None:
        """Copy a struct of the kernel into memory with the pack's layout."""
        definition = self._definition(value.type)
        self.zero(place.ptr, place.type.size, place.align)
        if definition.is_union:
            self._gather_bytes(value, place.ptr, definition.size)
            return
        self._gather_members(value, definition, place.ptr, 0)

    def _definition(self, typ: Type) -> CStruct:
        assert isinstance(typ, Struct)
        definition = self.mod.types.struct(typ.name)
        assert definition is not None
        return definition

    def _gather_members(self, value: Place, definition: CStruct, dst: Any, bits: int) -> None:
        """Copy the members of a struct, or of an anonymous one inside it that begins ``bits`` bits into it."""
        for member in definition.members:
            inner = strip_typedefs(member.type)
            if not member.name:
                anonymous = self.mod.types.struct(inner.name) if isinstance(inner, CRef) else None
                if anonymous:
                    members = anonymous.members[:1] if anonymous.is_union else anonymous.members
                    part = CStruct(anonymous.name, anonymous.size, members, False)
                    self._gather_members(value, part, dst, bits + member.bit_offset)
                continue
            with self.lifetime():
                self._gather_known(value, member, dst, bits + member.bit_offset)

    def _gather_known(self, value: Place, member: Member, dst: Any, bits: int) -> None:
        """Copy a member unless the host's type lacks it; then it stays zero."""
        path = f"{value.path}.{member.name}" if value.path else member.name
        root = value.root if value.path else root_name(str(value.type))
        exists = self.symbol(Symbol(SymbolKind.FIELD_EXISTS, root, path))
        self.when(self.truth(exists), lambda: self._gather_member(value, member, dst, bits))

    def _gather_member(self, value: Place, member: Member, dst: Any, bits: int) -> None:
        typ = from_c(member.type, self.mod.types, value.space)
        if not typ.size:
            return
        source = self.member(value, member.name, typ)
        if member.bit_size:
            self._insert_bits(self.as_scalar(source), typ, member.bit_size, dst, bits)
            return
        at = self.offset(dst, bits // 8)
        if typ.is_scalar:
            self.store(self.as_scalar(source), at, typ.size, 1 if bits // 8 % typ.size else typ.size)
        elif isinstance(typ, Struct) and typ.kernel and not self._definition(typ).is_union:
            self._gather_members(source, self._definition(typ), at, 0)
        else:
            self._gather_bytes(source, at, typ.size)

    def _gather_bytes(self, source: Place, dst: Any, size: int) -> None:
        """Copy an array or a union: the smaller of the host's size and the pack's."""
        if source.path:
            host = self.symbol(Symbol(SymbolKind.FIELD_SIZE, source.root, source.path))
        else:
            assert isinstance(source.type, Struct)
            host = self.symbol(Symbol(SymbolKind.TYPE_SIZE, root_name(source.type.name)))
        length = self.b.select(self.b.icmp_unsigned("<", host, const(size)), host, const(size))
        self.probe_read(dst, length, self.address(source), source.space)

    def _insert_bits(self, value: Any, typ: Type, width: int, dst: Any, bits: int) -> None:
        """Or a bitfield into its unit, which began as zero."""
        unit = bits // 8 // typ.size * typ.size
        shift = bits - unit * 8
        if shift + width > typ.size * 8:
            self._insert_packed(value, width, dst, bits)
            return
        if self.mod.options.target.big_endian:
            shift = typ.size * 8 - shift - width
        at = self.offset(dst, unit)
        word = Int(typ.size, False)
        part = self.b.shl(self.b.and_(value, const((1 << width) - 1)), const(shift))
        self.store(self.b.or_(self.load(at, word), part), at, typ.size)

    def _insert_packed(self, value: Any, width: int, dst: Any, bits: int) -> None:
        value = self.b.and_(value, const((1 << width) - 1))
        for byte in range(bits // 8, (bits + width + 7) // 8):
            shift = 8 * byte - bits
            part = self.b.lshr(value, const(shift)) if shift >= 0 else self.b.shl(value, const(-shift))
            at = self.offset(dst, byte)
            self.store(self.b.or_(self.load(at, UINT8), part), at, 1)

    def member_in_memory(self, base: Memory, name: str, typ: Type) -> Value:
        """Return a member of a struct that was copied: its layout is the compiler's own."""
        found = lookup_member(self._definition(base.type), name, self.mod.types)
        assert found is not None
        offset = found.bit_offset // 8
        if not found.bit_size:
            align = base.align if offset % base.align == 0 else (offset & -offset)
            return self.at_pointer(typ, self.offset(base.ptr, offset), align)
        unit, shift = bit_place(found, typ.size)
        bits = (shift, found.bit_size)
        if sum(bits) > 8 * typ.size:
            return Scalar(typ, self.packed_bits(self.offset(base.ptr, unit), bits, typ))
        raw = self.load(self.offset(base.ptr, unit), Int(typ.size, False))
        return self.bitfield(raw, bits, typ)
