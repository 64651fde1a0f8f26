"""Build ``.btaot.meta`` and check what goes in; the result is the same bytes for the same calls, everywhere."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from ..targets import Target
from . import layout
from .structs import RECORDS_BY_NAME, TABLE_OF_RECORD, Slot, StructLayout, header_size, struct_layout

#: Fields that say where something stands in the script; rows that differ only here are one row for ``intern``.
POSITION_FIELDS = frozenset({"line", "column"})

_HEADER_OWN = frozenset(
    {"magic", "version", "machine", "elf_class", "elf_data", "header_size", "meta_size", "text_size", "digest"}
)

Value = int | str | bytes


class PayloadError(Exception):
    """A payload cannot be written, or what was read is none."""


class PayloadWriter:
    """Collects the tables of one payload."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._strings = bytearray(b"\0")
        self._string_offsets: dict[bytes, int] = {b"": 0}
        self._rows: dict[str, list[bytes]] = {name: [] for name in RECORDS_BY_NAME}
        self._interned: dict[tuple[str, tuple[tuple[str, int], ...]], int] = {}
        self._blocks: dict[str, bytes] = {"btf": b""}
        self._header: dict[str, int] = {}

    def string(self, text: str | bytes) -> int:
        """Return the offset of a NUL-terminated copy of the text in the string table."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)
        offset = self._string_offsets.get(data)
        if offset is None:
            offset = len(self._strings)
            self._string_offsets[data] = offset
            self._strings += data + b"\0"
        return offset

    def add(self, record_name: str, /, **values: Value) -> int:
        """Append a row to the record's table and return its index; fields not given are 0, references NONE."""
        rows = self._table(record_name)
        shape = struct_layout(RECORDS_BY_NAME[record_name])
        rows.append(self._pack(shape, _defaults(shape.record) | self._numbers(shape.record, values)))
        return len(rows) - 1

    def intern(self, record_name: str, /, **values: Value) -> int:
        """Return the index of an equal row that ``intern`` made, or append one.

        Positions in the script do not count: the row keeps those of its first use.
        """
        self._table(record_name)
        shape = struct_layout(RECORDS_BY_NAME[record_name])
        numbers = _defaults(shape.record) | self._numbers(shape.record, values)
        identity = (record_name, tuple((k, v) for k, v in sorted(numbers.items()) if v and k not in POSITION_FIELDS))
        if identity not in self._interned:
            self._interned[identity] = self.add(record_name, **numbers)
        return self._interned[identity]

    def add_rows(self, record_name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Append rows that stay together and return the index of the first (of the next row if there are none)."""
        first = len(self._table(record_name))
        for row in rows:
            self.add(record_name, **row)
        return first

    def patch(self, record_name: str, index: int, /, **values: Value) -> None:
        """Change fields of a row that was added with ``add`` (a recursive type, a count known later)."""
        rows = self._table(record_name)
        shape = struct_layout(RECORDS_BY_NAME[record_name])
        old = struct.unpack(self.target.byteorder + shape.format, rows[index])
        numbers = {slot.name: value for slot, value in zip(shape.slots, old, strict=True)}
        rows[index] = self._pack(shape, numbers | self._numbers(shape.record, values))

    def count(self, record_name: str) -> int:
        """Return how many rows the record's table has now."""
        return len(self._table(record_name))

    def set_block(self, table: str, data: bytes) -> None:
        """Set the content of a table of bytes (``btf``)."""
        if table not in self._blocks:
            raise PayloadError(f"payload: table {table!r} is no block of bytes")
        self._blocks[table] = bytes(data)

    def set_header(self, **values: Value) -> None:
        """Set header fields: script, compiler, license, flags, sizes.  What the writer knows itself is refused."""
        own = sorted(_HEADER_OWN & values.keys())
        if own:
            raise PayloadError(f"payload: the writer sets {', '.join(own)} of the header itself")
        self._header |= self._numbers(layout.HEADER, values)

    def build(self, text: bytes) -> tuple[bytes, bytes]:
        """Return the contents of ``.btaot.meta`` and ``.btaot.text``."""
        if len(text) % 8:
            raise PayloadError("payload: the text is no whole number of instructions")
        order = self.target.byteorder
        body = bytearray()
        directory = b""
        for table, record in layout.TABLES:
            data, count = self._table_bytes(table, record)
            body += bytes(-(header_size() + len(body)) % 8)
            directory += struct.pack(order + "II", header_size() + len(body), count)
            body += data
        body += bytes(-(header_size() + len(body)) % 8)
        digest = bytes(layout.DIGEST_SIZE)
        for _ in range(2):  # the digest is taken with its own field zero
            meta = self._header_bytes(len(body), len(text), digest) + directory + bytes(body)
            digest = hashlib.sha256(meta + text).digest()
        return meta, bytes(text)

    def _table_bytes(self, table: str, record: str) -> tuple[bytes, int]:
        if table == "strings":
            return bytes(self._strings), len(self._strings)
        if record == "u8":
            return self._blocks[table], len(self._blocks[table])
        return b"".join(self._rows[record]), len(self._rows[record])

    def _header_bytes(self, body_size: int, text_size: int, digest: bytes) -> bytes:
        numbers = self._header | {
            "magic": layout.MAGIC,
            "version": layout.VERSION,
            "machine": self.target.machine,
            "elf_class": 2 if self.target.bits == 64 else 1,
            "elf_data": 2 if self.target.big_endian else 1,
            "header_size": header_size(),
            "meta_size": header_size() + body_size,
            "text_size": text_size,
        }
        shape = struct_layout(layout.HEADER)
        values = [digest if slot.name == "digest" else numbers.get(slot.name, 0) for slot in shape.slots]
        return struct.pack(self.target.byteorder + shape.format, *values)

    def _table(self, record_name: str) -> list[bytes]:
        if record_name not in TABLE_OF_RECORD:
            raise PayloadError(f"payload: unknown record {record_name!r}; known: {', '.join(TABLE_OF_RECORD)}")
        return self._rows[record_name]

    def _numbers(self, record: layout.Record, values: Mapping[str, Value]) -> dict[str, int]:
        """Check names and ranges; strings become offsets."""
        slots = _slots(record)
        numbers = {}
        for name, value in values.items():
            if name not in slots:
                raise PayloadError(f"payload: record {record.name!r} has no field {name!r}; known: {', '.join(slots)}")
            slot, low, high = slots[name]
            if type(value) is int and low <= value < high:
                numbers[name] = value
            else:
                numbers[name] = self._number(record.name, slot, value)
        return numbers

    def _number(self, record_name: str, slot: Slot, value: Value) -> int:
        where = f"payload: {record_name}.{slot.name}"
        if isinstance(value, str | bytes):
            if slot.field.type not in ("str", "u32"):
                raise PayloadError(f"{where}: a text for a field of type {slot.field.type}")
            return self.string(value)
        number = int(value)
        low, high = _range(slot)
        if not low <= number < high:
            raise PayloadError(f"{where}: {number} does not fit {slot.field.type}")
        return number

    def _pack(self, shape: StructLayout, numbers: Mapping[str, int]) -> bytes:
        return struct.pack(self.target.byteorder + shape.format, *map(numbers.__getitem__, _slots(shape.record)))


@cache
def _slots(record: layout.Record) -> dict[str, tuple[Slot, int, int]]:
    """Return the fields by name: each with the smallest number that fits, and the first that is too large."""
    return {slot.name: (slot, *_range(slot)) for slot in struct_layout(record).slots}


def _range(slot: Slot) -> tuple[int, int]:
    bits = slot.size * 8
    return (-(1 << (bits - 1)), 1 << (bits - 1)) if slot.field.type == "i64" else (0, 1 << bits)


@cache
def _defaults(record: layout.Record) -> dict[str, int]:
    """Return what fields that are not given hold."""
    return {slot.name: layout.NONE if slot.field.type == "ref" else 0 for slot in struct_layout(record).slots}
