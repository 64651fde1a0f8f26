"""Reads BTF: the kernel's own, that of modules, and that of objects that clang makes; either byte order.

``BtfFile`` is the raw section as words; ``tidy_btf`` makes ``Columns`` of one or more of them: it drops what no
script can name (variables, data sections, declaration tags, qualifiers), lets forward declarations stand for their
definitions, and sorts what has a name.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from .columns import Columns

MAGIC = 0xEB9F

(
    INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DATASEC,
    FLOAT, DECL_TAG, TYPE_TAG, ENUM64,
) = range(1, 20)  # fmt: skip

# Words after the three of the header: fixed, and per item.
_EXTRA = {INT: 1, ARRAY: 3, VAR: 1, DECL_TAG: 1}
_PER_ITEM = {STRUCT: 3, UNION: 3, ENUM: 2, FUNC_PROTO: 2, DATASEC: 3, ENUM64: 3}


class BtfError(ValueError):
    """The bytes are not BTF, or damaged."""


@dataclass(frozen=True, slots=True)
class _Header:
    order: str
    types: bytes
    strings: bytes


@dataclass(slots=True)
class BtfFile:
    """Types as words of this machine; ``at`` has each type's first word, index 0 being ``void``.

    Types from ``base`` on are of modules; their strings follow the base's in ``strings``.
    """

    words: array[int]
    at: array[int]
    strings: bytes
    base: int = 0

    def kind(self, type_id: int) -> int:
        """Return the BTF kind; 0 for void."""
        return self.words[self.at[type_id] + 1] >> 24 & 31 if type_id else 0

    def name(self, type_id: int) -> bytes:
        """Return the name; empty for unnamed types."""
        offset = self.words[self.at[type_id]]
        return self.strings[offset : self.strings.index(0, offset)]


def words_per_item(kind: int) -> int:
    """Return how many words a member, value or parameter takes; 0 for types that have none."""
    return _PER_ITEM.get(kind, 0)


def read_btf(data: bytes, modules: Sequence[bytes] = ()) -> Columns:
    """Read a BTF section, and those of modules that were split off it, into columns."""
    from .btf_tidy import tidy_btf

    return tidy_btf(parse_btf(data, modules))


def parse_btf(data: bytes, modules: Sequence[bytes] = ()) -> BtfFile:
    """Read the words of BTF; types of modules follow those of the base."""
    header = _read_header(data)
    base = BtfFile(array("I"), array("I", [0]), header.strings)
    _append(base, header, 0, 0)
    base.base, base_strings = len(base.at), len(header.strings)
    for module in modules:
        _append(base, _read_header(module), base.base, base_strings)
    return base


def _read_header(data: bytes) -> _Header:
    for order in "<>":
        if len(data) >= 24 and struct.unpack_from(f"{order}H", data)[0] == MAGIC:
            break
    else:
        raise BtfError("not BTF: the magic number is missing")
    size, type_at, type_len, string_at, string_len = struct.unpack_from(f"{order}4x5I", data)
    types = data[size + type_at : size + type_at + type_len]
    strings = data[size + string_at : size + string_at + string_len]
    if len(types) != type_len or len(strings) != string_len or type_len % 4 or strings[-1:] not in (b"", b"\0"):
        raise BtfError("BTF is truncated")
    return _Header(order, types, strings or b"\0")


def _append(file: BtfFile, header: _Header, base_types: int, base_strings: int) -> None:
    """Add the types of a section; ids and names past the base's are its own and move behind what is there."""
    words = array("I", header.types)
    if (header.order == "<") != (sys.byteorder == "little"):
        words.byteswap()
    shift = len(file.words)
    starts = _find_types(words)
    if base_types:
        _renumber(
            words, starts, (base_types, len(file.at) - base_types), (base_strings, len(file.strings) - base_strings)
        )
        file.strings += header.strings
    file.words.extend(words)
    file.at.extend(at + shift for at in starts) if shift else file.at.extend(starts)


def _find_types(words: array[int]) -> list[int]:
    starts: list[int] = []
    at, end = 0, len(words)
    extra = [_EXTRA.get(kind, 0) for kind in range(32)]
    per_item = [_PER_ITEM.get(kind, 0) for kind in range(32)]
    try:
        while at < end:
            starts.append(at)
            info = words[at + 1]
            kind = info >> 24 & 31
            if not 0 < kind <= ENUM64:
                raise BtfError(f"BTF has a type of the unknown kind {kind}")
            at += 3 + extra[kind] + per_item[kind] * (info & 0xFFFF)
    except IndexError:
        at = end + 1
    if at != end:
        raise BtfError("BTF ends inside a type")
    return starts


def _renumber(words: array[int], starts: list[int], types: tuple[int, int], names: tuple[int, int]) -> None:
    """Shift a module's own type ids and name offsets: each pair is the first own number and the distance."""

    def shift(at: int, first_own: tuple[int, int]) -> None:
        if words[at] >= first_own[0]:
            words[at] += first_own[1]

    for at in starts:
        kind, count = words[at + 1] >> 24 & 31, words[at + 1] & 0xFFFF
        shift(at, names)
        if kind not in (INT, STRUCT, UNION, ENUM, FWD, FLOAT, DATASEC, ENUM64):
            shift(at + 2, types)
        if kind == ARRAY:
            shift(at + 3, types)
            shift(at + 4, types)
        step = _PER_ITEM.get(kind, 0)
        for item in range(at + 3, at + 3 + step * count, step or 1):
            if kind != DATASEC:
                shift(item, names)
            if kind in (STRUCT, UNION, FUNC_PROTO):
                shift(item + 1, types)
