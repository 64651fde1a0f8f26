"""The types of a kernel as columns of numbers: the form that packs store and that is looked up in place.

126,000 BTF types as Python objects would cost a second per start.  Here a *group* holds all types of one sort
as parallel columns; a type's id is its place, counted through the groups in the order of ``GROUPS`` (0 is
``void``).  Named groups are sorted by name, so that a lookup is a binary search; unnamed entries of such a group
follow the named ones.  Names are offsets into one table of NUL-terminated strings, where every text occurs once.
A column named ``first`` gives where an entry's items begin in its pool (``members``, ``values``, ``params``); it has
one more element than the group, so that ``first[i + 1]`` is their end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Group:
    """A sort of type: its columns, and the pool that its items are in ("" if it has none)."""

    name: str
    columns: tuple[str, ...]
    pool: str = ""


GROUPS: tuple[Group, ...] = (
    Group("int", ("name", "size", "flags", "bits")),
    Group("float", ("name", "size")),
    Group("tag", ("name", "target")),
    Group("struct", ("name", "size", "flags"), "members"),
    Group("enum", ("name", "size", "flags"), "values"),
    Group("fwd", ("name", "flags")),
    Group("typedef", ("name", "target")),
    Group("ptr", ("target",)),
    Group("array", ("elem", "count")),
    Group("proto", ("result",), "params"),
    Group("func", ("name", "proto")),
)

POOLS: dict[str, tuple[str, ...]] = {
    "members": ("name", "type", "offset", "bits"),
    "values": ("name", "low", "high"),
    "params": ("name", "type"),
}

# Columns that refer to types; the others are numbers or names.
REFERENCES = frozenset({"target", "elem", "result", "proto", "type"})

# Bits of the "flags" columns.
INT_SIGNED, INT_CHAR, INT_BOOL = 1, 2, 4
STRUCT_UNION = 1
ENUM_SIGNED = 1
FWD_UNION = 1

# A string, because array.array cannot be subscripted at run time before Python 3.12.
Column: TypeAlias = "array[int] | memoryview"


def column_names() -> Iterator[str]:
    """Yield the names of all columns, in the order in which packs store them."""
    for group in GROUPS:
        yield from (f"{group.name}.{column}" for column in group.columns)
        if group.pool:
            yield f"{group.name}.first"
    for pool, columns in POOLS.items():
        yield from (f"{pool}.{column}" for column in columns)


class Columns:
    """The columns by "group.column" and "pool.column", and the strings."""

    def __init__(self, strings: bytes, data: Mapping[str, Column]) -> None:
        self.strings = strings
        self.data = data
        counts = [len(data[f"{group.name}.{group.columns[0]}"]) for group in GROUPS]
        starts = list(accumulate(counts, initial=1))
        self.starts = dict(zip((group.name for group in GROUPS), starts, strict=False))
        self.total = starts[-1]
        # Groups without entries share their start with the next one: leave them out of the search.
        filled = [(start, group.name) for start, group, count in zip(starts, GROUPS, counts, strict=False) if count]
        self._bounds = [start for start, _ in filled]
        self._names = [name for _, name in filled]

    def locate(self, type_id: int) -> tuple[str, int]:
        """Return the group of a type (not of void) and its place in it."""
        at = bisect_right(self._bounds, type_id) - 1
        return self._names[at], type_id - self._bounds[at]

    def text(self, offset: int) -> str:
        """Return the string at an offset."""
        return self.strings[offset : self.strings.index(0, offset)].decode("utf-8", "replace")

    def find(self, group: str, name: str) -> int | None:
        """Return the place of the first entry with a name in a sorted group."""
        names, wanted = self.data[f"{group}.name"], name.encode()
        low, high = 0, len(names)
        while low < high:
            middle = (low + high) // 2
            offset = names[middle]
            # Unnamed entries stand last.
            if offset and self._bytes(offset) < wanted:
                low = middle + 1
            else:
                high = middle
        if low < len(names) and names[low] and self._bytes(names[low]) == wanted:
            return low
        return None

    def string_offset(self, text: str) -> int | None:
        """Return the offset of a string of the table."""
        at = self.strings.find(b"\0" + text.encode() + b"\0")
        return at + 1 if at >= 0 else None

    def items(self, group: str, place: int) -> range:
        """Return the places of an entry's items in its pool."""
        first = self.data[f"{group}.first"]
        return range(first[place], first[place + 1])

    def _bytes(self, offset: int) -> bytes:
        return self.strings[offset : self.strings.index(0, offset)]
