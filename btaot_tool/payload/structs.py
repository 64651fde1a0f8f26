"""Records of ``layout.py`` as byte structures: offsets, sizes, ``struct`` formats, comments of enum members.

Fields are naturally aligned.  A record may not have implicit padding: compilers for different targets would
be free to differ about it, and its bytes would be outside the reach of the writer.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from . import enums, layout

#: type name in ``layout.py`` -> (letter for ``struct``, bytes, C type)
SCALARS: dict[str, tuple[str, int, str]] = {
    "u8": ("B", 1, "uint8_t"),
    "u16": ("H", 2, "uint16_t"),
    "u32": ("I", 4, "uint32_t"),
    "u64": ("Q", 8, "uint64_t"),
    "i64": ("q", 8, "int64_t"),
    "str": ("I", 4, "uint32_t"),
    "ref": ("I", 4, "uint32_t"),
}

TABLE_ENTRY_SIZE = 8  # of the directory: u32 offset, u32 count


class LayoutError(Exception):
    """``layout.py`` says something that cannot be laid out."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A field with its place in the record; ``count`` is 0 unless it is a byte array."""

    field: layout.Field
    offset: int
    size: int
    count: int = 0

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.field.name


@dataclass(frozen=True, slots=True)
class StructLayout:
    """A record with all places; ``format`` is for ``struct``, without byte order."""

    record: layout.Record
    slots: tuple[Slot, ...]
    size: int
    align: int
    format: str

    def slot(self, name: str) -> Slot:
        """Return the field with this name; KeyError names the record."""
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise KeyError(f"record {self.record.name!r} has no field {name!r}")


def array_count(ctype: str) -> int:
    """Return N of ``u8[N]``, 0 for scalars."""
    match = re.fullmatch(r"u8\[(\d+)\]", ctype)
    return int(match.group(1)) if match else 0


@functools.cache
def struct_layout(record: layout.Record) -> StructLayout:
    """Lay a record out; raise LayoutError where padding would be implicit."""
    slots: list[Slot] = []
    offset, biggest, letters = 0, 1, ""
    for item in record.fields:
        count = array_count(item.type)
        if not count and item.type not in SCALARS:
            raise LayoutError(f"{record.name}.{item.name}: unknown type {item.type!r}")
        letter, size, align = (f"{count}s", count, 1) if count else (*SCALARS[item.type][:2], SCALARS[item.type][1])
        if offset % align:
            raise LayoutError(f"{record.name}.{item.name}: implicit padding before offset {offset}; add a pad field")
        slots.append(Slot(item, offset, size, count))
        offset, biggest, letters = offset + size, max(biggest, align), letters + letter
    if offset % biggest:
        raise LayoutError(f"{record.name}: implicit padding at the end (size {offset}); add a pad field")
    return StructLayout(record, tuple(slots), offset, biggest, letters)


RECORDS_BY_NAME: dict[str, layout.Record] = {record.name: record for record in layout.RECORDS}
TABLE_OF_RECORD: dict[str, str] = {record: table for table, record in layout.TABLES if record != "u8"}


def header_size() -> int:
    """Return the bytes of the header with its directory."""
    return struct_layout(layout.HEADER).size + TABLE_ENTRY_SIZE * len(layout.TABLES)


def snake_upper(name: str) -> str:
    """Return ``SymbolKind`` as ``SYMBOL_KIND``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


@functools.cache
def member_comments(cls: type[enum.IntEnum | enum.IntFlag]) -> dict[str, str]:
    """Return the comments that stand behind the members of an enum in ``enums.py``."""
    text = Path(enums.__file__).read_text(encoding="utf-8")
    _, _, after = text.partition(f"\nclass {cls.__name__}(")
    comments = {}
    for line in after.splitlines()[1:]:
        if line and not line.startswith(" "):
            break
        name, _, comment = (part.strip() for part in line.partition("#"))
        member = name.partition(" = ")[0]
        if member in cls.__members__ and comment and not comment.startswith("noqa"):
            comments[member] = comment
    return comments
