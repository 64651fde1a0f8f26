"""Reading memory of the kernel and of processes: places, CO-RE fields, strings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..kernel.types import CStruct, Member, strip_typedefs
from ..payload.layout import SymbolKind
from ..sema.operators import lookup_member
from ..sema.types import Array, Buffer, Int, Ptr, Space, Str, Struct, Type
from ..sema.widening import integer_sign
from ..symbols import Symbol
from .frame import Frame
from .llvm import I8, I64, const
from .values import Memory, Place, Scalar, Value


def root_name(struct: str) -> str:
    """Return a type's name as symbols give it: structs without their tag word, unions with it."""
    return struct.removeprefix("struct ")


class Reading(Frame):
    """Adds reads through probe_read to a function."""

    def probe_read(self, dst: Any, size: Any, address: Any, space: Space, suffix: str = "") -> Any:
        """Read memory into ``dst``; returns the helper's result.  Without a known space both are tried."""
        if space is not Space.NONE:
            name = f"probe_read_{space.value}{suffix}"
            result = self.helper(name, dst, size, address)
            self.check_helper(name, result, self.b.icmp_signed("<", result, const(0)))
            return result
        first = self.helper(f"probe_read_kernel{suffix}", dst, size, address)
        result = self.choose(
            self.b.icmp_signed("<", first, const(0)),
            lambda: self.helper(f"probe_read_user{suffix}", dst, size, address),
            lambda: first,
        )
        self.check_helper(f"probe_read{suffix}", result, self.b.icmp_signed("<", result, const(0)))
        return result

    def address(self, place: Place) -> Any:
        """Return the address of a place, i64."""
        value = place.base
        if place.path:
            value = self.b.add(value, self.symbol(Symbol(SymbolKind.FIELD_OFFSET, place.root, place.path)))
        if place.offset:
            value = self.b.add(value, const(place.offset))
        return value

    def member(self, place: Place, name: str, typ: Type) -> Place:
        """Return the place of a member of a struct."""
        assert isinstance(place.type, Struct)
        definition = self.mod.types.struct(place.type.name)
        assert definition is not None
        found = lookup_member(definition, name, self.mod.types)
        assert found is not None
        if place.type.kernel and not _anonymous(place, definition):
            root = place.root if place.path else root_name(place.type.name)
            path = f"{place.path}.{name}" if place.path else name
            return Place(typ, place.base, place.space, root, path, place.offset)
        bits = (0, 0)
        offset = found.bit_offset // 8
        if found.bit_size:
            offset, shift = bit_place(found, getattr(strip_typedefs(found.type), "size", 4))
            bits = (shift, found.bit_size)
        return replace(place, type=typ, offset=place.offset + offset, bits=bits)

    def element(self, place: Place, index: Any, elem: Type, constant: int | None) -> Place:
        """Return the place of an array's element."""
        if constant is not None and place.path:
            return Place(elem, place.base, place.space, place.root, f"{place.path}[{constant}]", place.offset)
        step = self.b.mul(index, self.sizeof(elem))
        return Place(elem, self.b.add(self.address(place), step), place.space)

    def sizeof(self, typ: Type) -> Any:
        """Return the size of a type in bytes; kernel structs have the host's size."""
        if isinstance(typ, Struct) and typ.kernel:
            return self.symbol(Symbol(SymbolKind.TYPE_SIZE, root_name(typ.name)))
        if isinstance(typ, Array):
            return self.b.mul(self.sizeof(typ.elem), const(typ.count))
        return const(max(1, typ.size))

    def read(self, place: Place) -> Value:
        """Read a place: scalars into a register, strings and arrays into temporary memory; structs stay places."""
        if isinstance(place.type, Struct):
            return place
        if place.type.is_scalar:
            return Scalar(place.type, self._read_scalar(place))
        return self.read_into(place, self.temp(place.type))

    def read_into(self, place: Place, dst: Memory) -> Memory:
        """Read a string, array or plain struct into memory that has its layout."""
        size = place.type.size
        if isinstance(place.type, (Str, Buffer)):
            self.zero(dst.ptr, size, dst.align)
            address = self.address(place)
            result = self.probe_read(dst.ptr, size, address, place.space, "_str")
            if isinstance(place.type, Str):
                self._last_byte(dst.ptr, size, address, place.space, result)
        else:
            self.probe_read(dst.ptr, size, self.address(place), place.space)
        return Memory(place.type, dst.ptr, dst.align)

    def _last_byte(self, dst: Any, size: int, address: Any, space: Space, result: Any) -> None:
        """Replace the NUL that ends a string of full size: a char array may be full without one."""
        last = const(size - 1)
        full = self.b.icmp_unsigned("==", result, const(size))
        self.when(full, lambda: self._run_read(self.offset(dst, last), self.b.add(address, last), space))

    def _run_read(self, dst: Any, address: Any, space: Space) -> None:
        self.probe_read(dst, 1, address, space)

    def _read_scalar(self, place: Place) -> Any:
        typ = place.type
        if sum(place.bits) > 8 * typ.size:
            return self._read_packed_bits(place)
        cell = self.bytes(8)
        if place.path and not isinstance(typ, Ptr):
            return self._read_relocated(place, cell)
        size = self.mod.options.target.bits // 8 if isinstance(typ, Ptr) else typ.size
        self.b.store(const(0), cell)
        self.probe_read(cell, size, self.address(place), place.space)
        load = typ if not isinstance(typ, Ptr) or size == 8 else _word(size)
        value = self.load(cell, load)
        return self._extract_bits(value, *place.bits, typ) if place.bits[1] else value

    def _read_packed_bits(self, place: Place) -> Any:
        size = (sum(place.bits) + 7) // 8
        cell = self.bytes(16)
        self.zero(cell, 16)
        self.probe_read(cell, size, self.address(place), place.space)
        return self.packed_bits(cell, place.bits, place.type)

    def packed_bits(self, ptr: Any, bits: tuple[int, int], typ: Type) -> Any:
        """Return a bitfield that does not lie in one unit, as some in packed structs; byte by byte, for memory without
        alignment.  Little-endian, as all targets.
        """
        shift, width = bits
        value: Any = const(0)
        for i in range((shift + width + 7) // 8):
            byte = self.b.zext(self.b.load(self.offset(ptr, i), align=1, typ=I8), I64)
            at = 8 * i - shift
            value = self.b.or_(value, self.b.shl(byte, const(at)) if at >= 0 else self.b.lshr(byte, const(-at)))
        return self._extract_bits(value, 0, width, Int(8, integer_sign(typ)))

    def bitfield(self, raw: Any, bits: tuple[int, int], typ: Type) -> Scalar:
        """Return a bitfield of a unit that was loaded."""
        return Scalar(typ, self._extract_bits(raw, *bits, typ))

    def _read_relocated(self, place: Place, cell: Any) -> Any:
        """Read an integer with the host's size, then shift it into place as libbpf reads bitfields."""
        size, left, right = (
            self.symbol(Symbol(kind, place.root, place.path))
            for kind in (SymbolKind.FIELD_SIZE, SymbolKind.FIELD_LSHIFT, SymbolKind.FIELD_RSHIFT)
        )
        self.b.store(const(0), cell)
        dst = cell
        if self.mod.options.target.big_endian:
            dst = self.offset(cell, self.b.sub(const(8), size))
        self.probe_read(dst, size, self.address(place), place.space)
        value = self.b.shl(self.b.load(cell, typ=I64), left)
        signed = integer_sign(place.type) and not place.bits[1]
        value = self.b.ashr(value, right) if signed else self.b.lshr(value, right)
        return self.fit(value, place.type)

    def _extract_bits(self, value: Any, shift: int, width: int, typ: Type) -> Any:
        if self.mod.options.target.big_endian:
            shift = typ.size * 8 - shift - width
        value = self.b.shl(value, const(64 - shift - width))
        return self.b.lshr(value, const(64 - width))  # as bpftrace: without a sign, whatever the type says


def bit_place(member: Member, unit: int) -> tuple[int, int]:
    """Return the byte from which a bitfield is read and its first bit there: of its unit, or, if it does not lie in
    one, of the first byte that it touches.
    """
    byte = member.bit_offset // 8
    start = byte // unit * unit
    shift = member.bit_offset - start * 8
    return (start, shift) if shift + member.bit_size <= unit * 8 else (byte, member.bit_offset % 8)


def _anonymous(place: Place, definition: CStruct) -> bool:
    """Whether a type has no name that the host's BTF could be asked for (only roots need one)."""
    return not place.path and "(anon" in definition.name


def _word(size: int) -> Type:
    from ..sema.types import Int

    return Int(size, False)
