"""The BTF of an object that clang made, type by type: what linking asks of it (maps, externals, CO-RE paths)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

from . import btf
from .elf import ObjectError

KIND_PTR, KIND_ARRAY, KIND_FWD, KIND_TYPEDEF, KIND_VOLATILE, KIND_RESTRICT = 2, 3, 7, 8, 9, 11
_SEE_THROUGH = frozenset({KIND_TYPEDEF, KIND_VOLATILE, btf.KIND_CONST, KIND_RESTRICT, btf.KIND_TYPE_TAG})
_RECORDS = (btf.KIND_STRUCT, btf.KIND_UNION)
LINKAGE_EXTERN = 2


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a struct or union; ``bits`` is 0 unless it is a bitfield."""

    name: str
    type: int
    bits: int


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable (or external function) of a data section."""

    name: str
    type: int
    is_function: bool
    extern: bool


class BtfView:
    """Types by id; a damaged section raises ObjectError, or what ``struct`` and indexing raise."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data = data
        self.order = order
        magic, _, _, size, type_off, type_len, _, _ = struct.unpack_from(order + "HBBIIIII", data)
        if magic != btf.MAGIC:
            raise ObjectError("damaged .BTF section")
        void = btf.TypeEntry(0, 0, 0, b"")
        self._types = [void, *btf.iter_types(data[size + type_off :][:type_len], order)]

    def text(self, offset: int) -> str:
        """Return a string."""
        return btf.string_at(self.data, self.order, offset)

    def kind(self, type_id: int) -> int:
        """Return BTF_KIND_*, 0 for void."""
        return self._types[type_id].kind

    def name(self, type_id: int) -> str:
        """Return a type's name, which may be empty."""
        return self.text(self._types[type_id].name)

    def plain(self, type_id: int) -> int:
        """Return the type behind typedefs and qualifiers."""
        while self.kind(type_id) in _SEE_THROUGH:
            type_id = self._types[type_id].size
        return type_id

    def target(self, type_id: int) -> int:
        """Return what a pointer, variable or function refers to."""
        return self._types[type_id].size

    def size(self, type_id: int) -> int:
        """Return the bytes that a value of a type takes."""
        type_id = self.plain(type_id)
        if self.kind(type_id) == KIND_PTR:
            return 8
        if self.kind(type_id) == KIND_ARRAY:
            elem, count = self.array(type_id)
            return self.size(elem) * count
        return self._types[type_id].size

    def array(self, type_id: int) -> tuple[int, int]:
        """Return type and number of an array's elements."""
        elem, _, count = struct.unpack(self.order + "III", self._types[type_id].rest)
        return elem, count

    def is_record(self, type_id: int) -> bool:
        """Tell whether a type is a struct or union."""
        return self.kind(type_id) in _RECORDS

    def fields(self, type_id: int) -> list[Field]:
        """Return the members of a struct or union."""
        entry = self._types[type_id]
        flagged = entry.info >> 31
        rows = struct.iter_unpack(self.order + "III", entry.rest)
        return [Field(self.text(name), typ, offset >> 24 if flagged else 0) for name, typ, offset in rows]

    def enumerator(self, type_id: int, index: int) -> str:
        """Return the name of one value of an enum."""
        width = 12 if self.kind(type_id) == btf.KIND_ENUM64 else 8
        (name,) = struct.unpack_from(self.order + "I", self._types[type_id].rest, index * width)
        return self.text(name)

    def is_signed(self, type_id: int) -> bool:
        """Tell whether an integer or enum is signed."""
        entry = self._types[self.plain(type_id)]
        if entry.kind == btf.KIND_INT:
            return bool(int.from_bytes(entry.rest, "little" if self.order == "<" else "big") >> 24 & 1)
        return bool(entry.info >> 31)

    @cached_property
    def variables(self) -> dict[str, list[Variable]]:
        """The variables by section; external functions are in ``.ksyms`` too."""
        found: dict[str, list[Variable]] = {}
        for entry in self._types:
            if entry.kind == btf.KIND_DATASEC:
                rows = struct.iter_unpack(self.order + "III", entry.rest)
                found[self.text(entry.name)] = [self._variable(typ) for typ, _, _ in rows]
        return found

    def _variable(self, type_id: int) -> Variable:
        entry = self._types[type_id]
        if entry.kind == btf.KIND_FUNC:
            return Variable(self.text(entry.name), entry.size, True, (entry.info & 0xFFFF) == LINKAGE_EXTERN)
        linkage = int.from_bytes(entry.rest[:4], "little" if self.order == "<" else "big")
        return Variable(self.text(entry.name), entry.size, False, linkage == LINKAGE_EXTERN)


class BtfBuilder:
    """Makes the BTF of programs that functions of several objects take part in: names, no parameters."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._strings = bytearray(b"\0")
        self._known: dict[str, int] = {"": 0}
        self._types = bytearray()
        self._count = 0
        integer = struct.pack(order + "I", 1 << 24 | 64)
        self._integer = self._add("long", btf.KIND_INT, 8, integer)
        self._proto = self._add("", btf.KIND_FUNC_PROTO, self._integer)
        self._functions: dict[str, int] = {}

    def string(self, text: str) -> int:
        """Return the offset of a string."""
        if text not in self._known:
            self._known[text] = len(self._strings)
            self._strings += text.encode("utf-8", "surrogateescape") + b"\0"
        return self._known[text]

    def function(self, name: str) -> int:
        """Return the type of a function that gives a number."""
        if name not in self._functions:
            self._functions[name] = self._add(name, btf.KIND_FUNC, self._proto)
        return self._functions[name]

    def _add(self, name: str, kind: int, size: int, rest: bytes = b"") -> int:
        self._types += struct.pack(self._order + "III", self.string(name), kind << 24, size) + rest
        self._count += 1
        return self._count

    def build(self) -> bytes:
        """Return the section."""
        types, strings = bytes(self._types), bytes(self._strings)
        head = struct.pack(self._order + "HBBIIIII", btf.MAGIC, 1, 0, 24, 0, len(types), len(types), len(strings))
        return btf.sanitize_btf(head + types + strings, self._order)
