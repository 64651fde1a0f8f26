"""Debugging entries, read in place: a section of hundreds of megabytes costs what is asked of it, not its size.

``Info`` is a ``.debug_info`` section with the sections that it refers to; it is divided into ``Unit`` objects, whose
entries (``Die``) are decoded when asked for.  Walking over an entry takes one addition in most cases, as the plan of
its abbreviation sums up what has a fixed size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from .forms import (
    ADDRX_FORMS,
    BLOCK_FORMS,
    FIXED_SIZES,
    LOCAL_REFS,
    OFFSET_FORMS,
    STRX_FORMS,
    ULEB_FORMS,
    At,
    Form,
    Tag,
)

# Steps of a plan that are no number of bytes.
_ULEB, _STRING, _BLOCK1, _BLOCK2, _BLOCK4, _BLOCK, _INDIRECT = range(-1, -8, -1)
_BLOCK_STEPS = {Form.BLOCK1: _BLOCK1, Form.BLOCK2: _BLOCK2, Form.BLOCK4: _BLOCK4}
_TYPE_UNITS = (0x02, 0x06)  # DW_UT_type, DW_UT_split_type
_ID_UNITS = (0x04, 0x05)  # DW_UT_skeleton, DW_UT_split_compile

Value = int | bytes


class DwarfError(Exception):
    """Debug information that is damaged or of a kind that this reader does not know."""


def uleb(data: bytes, pos: int) -> tuple[int, int]:
    """Return an unsigned LEB128 number and the position behind it."""
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7


def sleb(data: bytes, pos: int) -> tuple[int, int]:
    """Return a signed LEB128 number and the position behind it."""
    start = pos
    value, pos = uleb(data, pos)
    bits = 7 * (pos - start)
    return value - (1 << bits if data[pos - 1] & 0x40 else 0), pos


@dataclass(frozen=True, slots=True)
class Abbrev:
    """What entries of one abbreviation code have; ``plan`` is how to walk over one."""

    tag: int
    children: bool
    attrs: tuple[tuple[int, int, int], ...]  # attribute, form, value of an implicit constant
    plan: tuple[int, ...]

    def distance(self, name: int, unit: Unit) -> int | None:
        """Return the bytes from the code of an entry to an attribute; -1 if it has none, None if they vary."""
        found: int | None = 0
        for attribute, form, _ in self.attrs:
            if attribute == name:
                return found
            size = form_size(form, unit.address_size, unit.offset_size, unit.version)
            found = None if found is None or size is None else found + size
        return -1


@dataclass(slots=True)
class Unit:
    """A unit of a section; offsets are those of the section, ``first`` that of its first entry."""

    info: Info = field(repr=False)
    offset: int
    first: int
    end: int
    version: int
    address_size: int
    offset_size: int
    abbrev_offset: int
    signature: int = 0  # of a type unit
    type_offset: int = 0
    dwo_id: int = 0
    str_base: int | None = None
    addr_base: int | None = None
    _abbrevs: dict[int, Abbrev] | None = None

    @property
    def abbrevs(self) -> dict[int, Abbrev]:
        """The abbreviations, by code."""
        if self._abbrevs is None:
            self._abbrevs = self.info.abbreviations(
                self.abbrev_offset, self.address_size, self.offset_size, self.version
            )
        return self._abbrevs

    @property
    def top(self) -> Die:
        """The entry of the unit itself."""
        return Die(self, self.first)

    def string_base(self) -> int:
        """Return where this unit's part of ``.debug_str_offsets`` begins."""
        if self.str_base is None:
            found = self.top.number(At.STR_OFFSETS_BASE)
            in_dwo = 8 if self.version >= 5 else 0  # the header; there is no attribute
            self.str_base = in_dwo if found is None else found
        return self.str_base

    def address_base(self) -> int:
        """Return where this unit's part of ``.debug_addr`` begins."""
        if self.addr_base is None:
            top = self.top
            found = top.number(At.ADDR_BASE)
            found = top.number(At.GNU_ADDR_BASE) if found is None else found
            self.addr_base = 8 if found is None else found
        return self.addr_base

    def entries(self, tags: frozenset[int] | None = None) -> Iterator[Die]:
        """Walk over the unit and yield the entries with one of these tags."""
        for offset, abbrev, _ in self.walk():
            if tags is None or abbrev.tag in tags:
                yield Die(self, offset)

    def walk(self) -> Iterator[tuple[int, Abbrev, int]]:
        """Yield offset, abbreviation and end of every entry; the lists' terminators are left out."""
        pos, data = self.first, self.info.data
        while pos < self.end:
            start = pos
            code, pos = uleb(data, pos)
            if code:
                abbrev = self._abbrev(code)
                pos = self._skip(abbrev, pos)
                yield start, abbrev, pos

    def at(self, position: int) -> Die | None:
        """Return the entry whose bytes include a position."""
        for start, _, end in self.walk():
            if end > position:
                return Die(self, start) if start <= position else None
        return None

    def _abbrev(self, code: int) -> Abbrev:
        try:
            return self.abbrevs[code]
        except KeyError:
            raise DwarfError(f"debug information uses the abbreviation {code}, which does not exist") from None

    def _skip(self, abbrev: Abbrev, pos: int) -> int:
        data = self.info.data
        for step in abbrev.plan:
            if step >= 0:
                pos += step
            elif step == _ULEB:
                while data[pos] >= 0x80:
                    pos += 1
                pos += 1
            elif step == _STRING:
                pos = data.index(0, pos) + 1
            elif step == _INDIRECT:
                form, pos = uleb(data, pos)
                pos = self.value(form, 0, pos)[1]
            else:
                pos = self._block(step, pos)[1]
        return pos

    def _block(self, step: int, pos: int) -> tuple[int, int]:
        """Return where the content of a block begins and ends."""
        data = self.info.data
        if step == _BLOCK:
            size, pos = uleb(data, pos)
        else:
            width = {_BLOCK1: 1, _BLOCK2: 2, _BLOCK4: 4}[step]
            size = int.from_bytes(data[pos : pos + width], self.info.order)
            pos += width
        return pos, pos + size

    def value(self, form: int, implicit: int, pos: int) -> tuple[Value, int]:
        """Return the value of an attribute as it is written, and the position behind it."""
        data = self.info.data
        if form == Form.IMPLICIT_CONST:
            return implicit, pos
        if form == Form.FLAG_PRESENT:
            return 1, pos
        if form == Form.STRING:
            end = data.index(0, pos)
            return data[pos:end], end + 1
        if form in ULEB_FORMS:
            return uleb(data, pos)
        if form == Form.SDATA:
            return sleb(data, pos)
        if form in BLOCK_FORMS:
            start, end = self._block(_BLOCK_STEPS.get(Form(form), _BLOCK), pos)
            return data[start:end], end
        if form == Form.INDIRECT:
            form, pos = uleb(data, pos)
            return self.value(form, 0, pos)
        size = form_size(form, self.address_size, self.offset_size, self.version)
        if size is None:
            raise DwarfError(f"debug information has values of an unknown form, {form:#x}")
        return int.from_bytes(data[pos : pos + size], self.info.order), pos + size

    def attributes(self, offset: int) -> tuple[Abbrev | None, dict[int, tuple[int, Value]], int]:
        """Decode an entry: its abbreviation (None for a terminator), attributes, and where it ends."""
        code, pos = uleb(self.info.data, offset)
        if not code:
            return None, {}, pos
        abbrev = self._abbrev(code)
        found = {}
        for name, form, implicit in abbrev.attrs:
            if form == Form.INDIRECT:
                form, pos = uleb(self.info.data, pos)
            value, pos = self.value(form, implicit, pos)
            found[name] = (form, value)
        return abbrev, found, pos


class Die:
    """A debugging entry."""

    __slots__ = ("attrs", "children_follow", "end", "offset", "tag", "unit")

    def __init__(self, unit: Unit, offset: int) -> None:
        self.unit = unit
        self.offset = offset
        abbrev, self.attrs, self.end = unit.attributes(offset)
        self.tag = abbrev.tag if abbrev else 0
        self.children_follow = bool(abbrev and abbrev.children)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Die) and other.unit.info is self.unit.info and other.offset == self.offset

    def __hash__(self) -> int:
        return hash((id(self.unit.info), self.offset))

    def number(self, name: At) -> int | None:
        """Return the value of an attribute that is a number; None if it is missing or something else."""
        form, value = self.attrs.get(name, (0, None))
        if not isinstance(value, int) or form in ADDRX_FORMS:
            return self.address(name) if form in ADDRX_FORMS else None
        return value

    def block(self, name: At) -> bytes | None:
        """Return the value of an attribute that is a block of bytes or an expression."""
        form, value = self.attrs.get(name, (0, None))
        return value if isinstance(value, bytes) and form in BLOCK_FORMS else None

    def flag(self, name: At) -> bool:
        """Whether a flag is set."""
        return bool(self.attrs.get(name, (0, 0))[1])

    def text(self, name: At) -> str:
        """Return the value of an attribute that is a string; "" if it is missing."""
        form, value = self.attrs.get(name, (0, b""))
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return self.unit.info.string(form, value, self.unit).decode("utf-8", "replace")

    def address(self, name: At) -> int | None:
        """Return the value of an attribute that is an address."""
        form, value = self.attrs.get(name, (0, None))
        if not isinstance(value, int):
            return None
        if form == Form.ADDR:
            return value
        return self.unit.info.address(value, self.unit) if form in ADDRX_FORMS else None

    def reference(self, name: At) -> Die | None:
        """Return the entry that an attribute refers to."""
        form, value = self.attrs.get(name, (0, None))
        if not isinstance(value, int):
            return None
        if form in LOCAL_REFS:
            return Die(self.unit, self.unit.offset + value)
        return self.unit.info.refer(form, value)

    def children(self) -> Iterator[Die]:
        """Yield the entries directly below this one."""
        if not self.children_follow:
            return
        pos, depth = self.end, 0
        while pos < self.unit.end:
            if depth:  # below a child: only walk
                code, pos = uleb(self.unit.info.data, pos)
                if not code:
                    depth -= 1
                else:
                    abbrev = self.unit._abbrev(code)
                    pos = self.unit._skip(abbrev, pos)
                    depth += abbrev.children
                continue
            child = Die(self.unit, pos)
            pos = child.end
            if not child.tag:
                return
            depth += child.children_follow
            yield child


def form_size(form: int, address_size: int, offset_size: int, version: int) -> int | None:
    """Return the bytes of a value; None if the form has no fixed size."""
    if form == Form.ADDR:
        return address_size
    if form in OFFSET_FORMS:
        return offset_size
    if form == Form.REF_ADDR:
        return address_size if version == 2 else offset_size
    return FIXED_SIZES.get(form)  # type: ignore[call-overload,no-any-return]


@dataclass(eq=False)
class Info:
    """A section of debugging entries and what they refer to; missing sections are empty."""

    data: bytes
    abbrev: bytes
    strings: bytes = b""
    line_strings: bytes = b""
    str_offsets: bytes = b""
    addresses: bytes = b""
    little_endian: bool = True
    supplement: Info | None = None  # what dwz put into another file
    types: Info | None = None  # .debug_types of DWARF 4
    old_types: bool = False  # this is a .debug_types section
    _tables: dict[tuple[int, int, int, int], dict[int, Abbrev]] = field(default_factory=dict)

    @property
    def order(self) -> Literal["little", "big"]:
        """The byte order, as ``int.from_bytes`` wants it."""
        return "little" if self.little_endian else "big"

    @cached_property
    def units(self) -> list[Unit]:
        """All units, in their order."""
        found, pos = [], 0
        while pos + 11 < len(self.data):
            unit = self._unit(pos)
            found.append(unit)
            pos = unit.end
        return found

    @cached_property
    def _offsets(self) -> list[int]:
        return [unit.offset for unit in self.units]

    @cached_property
    def _signatures(self) -> dict[int, Unit]:
        return {unit.signature: unit for unit in self.units if unit.type_offset}

    def unit_at(self, position: int) -> Unit:
        """Return the unit that includes a position."""
        return self.units[bisect_right(self._offsets, position) - 1]

    def integer(self, data: bytes, pos: int, size: int) -> int:
        """Return an unsigned number."""
        return int.from_bytes(data[pos : pos + size], "little" if self.little_endian else "big")

    def _unit(self, offset: int) -> Unit:
        width, pos = 4, offset + 4
        length = self.integer(self.data, offset, 4)
        if length == 0xFFFFFFFF:
            width, pos, length = 8, offset + 12, self.integer(self.data, offset + 4, 8)
        end = pos + length
        version = self.integer(self.data, pos, 2)
        pos += 2
        kind = 0
        if version >= 5:
            kind, address_size = self.data[pos], self.data[pos + 1]
            abbrev = self.integer(self.data, pos + 2, width)
            pos += 2 + width
        else:
            abbrev, address_size = self.integer(self.data, pos, width), self.data[pos + width]
            pos += width + 1
        if not 2 <= version <= 5 or end > len(self.data):
            raise DwarfError(f"debug information of DWARF version {version} cannot be read")
        unit = Unit(self, offset, pos, end, version, address_size, width, abbrev)
        if kind in _TYPE_UNITS or self.old_types:
            unit.signature = self.integer(self.data, pos, 8)
            unit.type_offset = offset + self.integer(self.data, pos + 8, width)
            unit.first = pos + 8 + width
        elif kind in _ID_UNITS:
            unit.dwo_id, unit.first = self.integer(self.data, pos, 8), pos + 8
        return unit

    def abbreviations(self, offset: int, address_size: int, offset_size: int, version: int) -> dict[int, Abbrev]:
        """Return the table of abbreviations at an offset."""
        key = (offset, address_size, offset_size, version)
        if key not in self._tables:
            self._tables[key] = _read_abbreviations(self.abbrev, *key)
        return self._tables[key]

    def string(self, form: int, value: int, unit: Unit) -> bytes:
        """Return the string that a value of a string form stands for."""
        if form in STRX_FORMS:
            size = unit.offset_size
            value = self.integer(self.str_offsets, unit.string_base() + value * size, size)
        elif form == Form.LINE_STRP:
            return _string_at(self.line_strings, value)
        elif form in (Form.GNU_STRP_ALT, Form.STRP_SUP):
            return _string_at(self.supplement.strings, value) if self.supplement else b""
        return _string_at(self.strings, value)

    def address(self, index: int, unit: Unit) -> int:
        """Return an address of ``.debug_addr``."""
        return self.integer(self.addresses, unit.address_base() + index * unit.address_size, unit.address_size)

    def refer(self, form: int, value: int) -> Die | None:
        """Return the entry that a reference to another unit, section or file means; None if that is missing."""
        if form == Form.REF_ADDR:
            return Die(self.unit_at(value), value)
        if form == Form.REF_SIG8:
            for info in (self, self.types):
                unit = info._signatures.get(value) if info else None
                if unit is not None:
                    return Die(unit, unit.type_offset)
        if form in (Form.GNU_REF_ALT, Form.REF_SUP4, Form.REF_SUP8) and self.supplement:
            return Die(self.supplement.unit_at(value), value)
        return None


def _string_at(data: bytes, offset: int) -> bytes:
    end = data.find(b"\0", offset)
    return data[offset:end] if end >= 0 else b""


def _read_abbreviations(
    data: bytes, offset: int, address_size: int, offset_size: int, version: int
) -> dict[int, Abbrev]:
    table = {}
    pos = offset
    while pos < len(data):
        code, pos = uleb(data, pos)
        if not code:
            break
        tag, pos = uleb(data, pos)
        children, pos = bool(data[pos]), pos + 1
        attrs: list[tuple[int, int, int]] = []
        while True:
            name, pos = uleb(data, pos)
            form, pos = uleb(data, pos)
            implicit = 0
            if form == Form.IMPLICIT_CONST:
                implicit, pos = sleb(data, pos)
            if not name and not form:
                break
            attrs.append((name, form, implicit))
        plan = _plan([form for _, form, _ in attrs], address_size, offset_size, version)
        table[code] = Abbrev(tag, children, tuple(attrs), plan)
    return table


def _plan(forms: list[int], address_size: int, offset_size: int, version: int) -> tuple[int, ...]:
    """Return the steps over an entry's attributes: numbers of bytes, and what has to be looked at."""
    plan: list[int] = []
    for form in forms:
        size = form_size(form, address_size, offset_size, version)
        if size is not None:
            if plan and plan[-1] >= 0:
                plan[-1] += size
            elif size:
                plan.append(size)
        elif form in ULEB_FORMS or form == Form.SDATA:
            plan.append(_ULEB)
        elif form == Form.STRING:
            plan.append(_STRING)
        elif form in BLOCK_FORMS:
            plan.append(_BLOCK_STEPS.get(Form(form), _BLOCK))
        elif form == Form.INDIRECT:
            plan.append(_INDIRECT)
        else:
            raise DwarfError(f"debug information has values of an unknown form, {form:#x}")
    return tuple(plan)


#: Entries that describe a whole unit.
UNIT_TAGS = frozenset({Tag.COMPILE_UNIT, Tag.SKELETON_UNIT})
