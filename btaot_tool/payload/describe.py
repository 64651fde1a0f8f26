"""From the language's types to the payload's type table: how the runtime prints and sorts values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..kernel.types import CRef, CStruct, Member, TypeTable, strip_typedefs
from ..sema.ctypes import from_c
from ..sema.types import (
    Agg,
    Array,
    Bool,
    Buffer,
    Enum,
    Int,
    Opaque,
    Ptr,
    Record,
    Space,
    Stack,
    Str,
    Struct,
    Tuple,
    Type,
    Unknown,
    Void,
)
from ..symbols import Symbol, SymbolTable
from .layout import NONE, SymbolKind, TypeFlag, TypeKind
from .writer import PayloadWriter


class TypeWriter:
    """Writes each type once."""

    def __init__(self, writer: PayloadWriter, table: TypeTable, max_strlen: int, symbols: SymbolTable) -> None:
        self._writer = writer
        self._symbols = symbols
        self._table = table
        self._max_strlen = max_strlen
        self._known: dict[tuple[Type, str], int] = {}

    @property
    def types(self) -> list[Type]:
        """What was written."""
        return [typ for typ, _ in self._known]

    def add(self, typ: Type) -> int:
        """Return the row of a type."""
        key = (typ, repr(typ))
        if key not in self._known:
            self._known[key] = self._row(typ)
        return self._known[key]

    def dynamic(self, typ: Type) -> int:
        """Return the row of a string that an event carries with its real length."""
        return self._writer.intern("type", kind=int(TypeKind.VSTRING), size=4, elem=NONE)

    def args(self, fields: list[tuple[Type, int, bool]], size: int) -> int:
        """Return the row of an action's arguments: (type, offset in the record, dynamic)."""
        rows = [
            {"name": "", "offset": offset, "type": self.dynamic(typ) if dynamic else self.add(typ)}
            for typ, offset, dynamic in fields
        ]
        first = self._writer.add_rows("field", rows)
        return self._writer.add("type", kind=int(TypeKind.TUPLE), count=len(rows), size=size, first=first, elem=NONE)

    def _simple(self, kind: TypeKind, typ: Type, **more: int | str) -> int:
        return self._writer.intern("type", kind=int(kind), size=typ.size, **({"elem": NONE} | more))

    def _row(self, typ: Type) -> int:
        match typ:
            case Unknown() | Void():
                return self._simple(TypeKind.VOID, typ)
            case Bool():
                return self._simple(TypeKind.BOOL, typ)
            case Int():
                return self._simple(TypeKind.INT, typ, flags=int(TypeFlag.SIGNED) if typ.signed else 0)
            case Ptr():
                return self._simple(TypeKind.POINTER, typ)
            case Str():
                cut = typ.capacity > self._max_strlen
                return self._simple(TypeKind.STRING, typ, flags=int(TypeFlag.TRUNC_MARK) if cut else 0)
            case Buffer():
                return self._simple(TypeKind.BUFFER, typ)
            case Stack():
                kind = TypeKind.USTACK if typ.user else TypeKind.KSTACK
                return self._simple(kind, typ, p0=int(typ.mode), p1=typ.limit)
            case Opaque():
                return self._simple(typ.kind, typ)
            case Agg():
                return self._aggregation(typ)
        return self._compound(typ)

    def _aggregation(self, typ: Agg) -> int:
        flags = TypeFlag.SIGNED if typ.signed else TypeFlag(0)
        values = list(typ.params)
        for n, position in enumerate(typ.given):
            if position:
                values[n] = self._symbols.number(Symbol(SymbolKind.PARAM_INT, imm=position), None)
                flags |= TypeFlag.P0_GIVEN << n
        return self._simple(typ.kind, typ, flags=int(flags), p0=values[0], p1=values[1], p2=values[2])

    def _compound(self, typ: Type) -> int:
        match typ:
            case Enum():
                rows = [{"name": n, "value": value, "host": int(n in typ.varying)} for n, value in typ.values]
                first = self._writer.add_rows("enumerator", rows)
                flags = int(TypeFlag.SIGNED) if typ.signed else 0
                return self._simple(TypeKind.ENUM, typ, flags=flags, first=first, count=len(rows), name=str(typ))
            case Array():
                return self._simple(TypeKind.ARRAY, typ, elem=self.add(typ.elem), p0=typ.count)
            case Tuple():
                return self._fields(TypeKind.TUPLE, typ, [("", t) for t in typ.items], typ.offsets)
            case Record():
                return self._fields(TypeKind.RECORD, typ, list(zip(typ.names, typ.items, strict=True)), typ.offsets)
            case Struct():
                definition = self._table.struct(typ.name)
                assert definition is not None
                return self._struct(typ, definition)
        raise AssertionError(f"no description of {typ}")

    def _fields(self, kind: TypeKind, typ: Type, items: list[tuple[str, Type]], offsets: tuple[int, ...]) -> int:
        rows = [{"name": n, "offset": o, "type": self.add(t)} for (n, t), o in zip(items, offsets, strict=True)]
        first = self._writer.add_rows("field", rows)
        return self._simple(kind, typ, first=first, count=len(rows))

    def _struct(self, typ: Struct, definition: CStruct) -> int:
        rows = []
        for m in _named_members(definition, self._table):
            inner = from_c(m.type, self._table, Space.NONE)
            rows.append(
                {
                    "name": m.name,
                    "offset": m.bit_offset // 8,
                    "type": self.add(inner),
                    "bit_off": m.bit_offset % 8 if m.bit_size else 0,
                    "bit_size": m.bit_size,
                }
            )
        first = self._writer.add_rows("field", rows)
        return self._simple(TypeKind.STRUCT, typ, first=first, count=len(rows), name=typ.name)


def _named_members(definition: CStruct, table: TypeTable) -> Iterator[Member]:
    """Yield the members; those of structs and unions without a name stand in their place."""
    for m in definition.members:
        inner = strip_typedefs(m.type)
        nested = table.struct(inner.name) if not m.name and isinstance(inner, CRef) else None
        if nested is None:
            yield m
            continue
        for n in _named_members(nested, table):
            yield replace(n, bit_offset=m.bit_offset + n.bit_offset)
