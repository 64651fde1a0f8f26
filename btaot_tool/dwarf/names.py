"""Find entries by name and functions by address, without reading all entries.

Neither compilers nor distributions agree on an index, so the search is by bytes: where a name stands in the string
section tells what an attribute with it looks like, and a search of the entries for these bytes, which takes
milliseconds, leaves a few places to look at closely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from .forms import ADDRX_FORMS, STRX_FORMS, At, Form, Tag
from .reader import Die, Info, Unit

_MOST_PLACES = 400  # of one name in the string section: shorter names are the ends of many others


def find_named(info: Info, name: str, tags: frozenset[int], attribute: At = At.NAME) -> Iterator[Die]:
    """Yield the entries of some kinds with a name; declarations, too."""
    seen = set()
    for unit, positions in _places(info, name.encode()):
        for die in _entries_at(unit, _likely(unit, positions, tags, attribute), tags):
            if die not in seen and die.text(attribute) == name:
                seen.add(die)
                yield die
    for unit in _units_with_string_index(info, name.encode()):
        for die in unit.entries(tags):
            if die not in seen and die.text(attribute) == name:
                yield die


def _likely(unit: Unit, positions: list[int], tags: frozenset[int], attribute: At) -> list[int]:
    """Leave out the places before which no code of an entry of these kinds stands: most names are of other things."""
    marks = []
    for code, abbrev in unit.abbrevs.items():
        distance = abbrev.distance(attribute, unit) if abbrev.tag in tags else -1
        if distance is None:
            return positions  # behind something of varying size
        if distance >= 0:
            marks.append((distance, _uleb_bytes(code)))
    data = unit.info.data
    return [p for p in positions if any(data.startswith(code, p - d - len(code)) for d, code in marks)]


def _entries_at(unit: Unit, positions: list[int], tags: frozenset[int]) -> Iterator[Die]:
    """Yield the entries of some kinds whose bytes include any of these positions, which are in order."""
    waiting = iter(positions)
    wanted = next(waiting, None)
    if wanted is None:
        return
    for start, abbrev, end in unit.walk():
        if wanted is not None and wanted < end:
            if abbrev.tag in tags and start <= wanted:
                yield Die(unit, start)
            while wanted is not None and wanted < end:
                wanted = next(waiting, None)
            if wanted is None:
                return


def _uleb_bytes(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def find_function(info: Info, address: int) -> Die | None:
    """Return the function whose code begins at an address."""
    for unit, position in _address_places(info, address):
        die = unit.at(position)
        if die is not None and die.tag == Tag.SUBPROGRAM and die.address(At.LOW_PC) == address:
            return die
    for unit in _units_with_address(info, address):
        for die in unit.entries(frozenset({Tag.SUBPROGRAM})):
            if die.address(At.LOW_PC) == address:
                return die
    return None


def name_offsets(strings: bytes, name: bytes, end: bytes = b"\0") -> list[int]:
    """Return where a string of this text begins: linkers let it be the end of a longer one."""
    name += end
    found: list[int] = []
    pos = strings.find(name)
    while pos >= 0 and len(found) < _MOST_PLACES:
        found.append(pos)
        pos = strings.find(name, pos + 1)
    return found


def find_words(data: bytes, words: list[bytes]) -> Iterator[int]:
    """Yield the positions of any of some byte strings."""
    if words:
        pattern = re.compile(b"|".join(map(re.escape, words)))
        yield from (match.start() for match in pattern.finditer(data))


def _places(info: Info, name: bytes) -> Iterator[tuple[Unit, list[int]]]:
    """Yield the places in each unit where the name may be meant: its offset, or the name itself."""
    words = [name + b"\0"]
    for size in {unit.offset_size for unit in info.units}:
        words += [offset.to_bytes(size, info.order) for offset in name_offsets(info.strings, name)]
        if info.supplement:
            words += [n.to_bytes(size, info.order) for n in name_offsets(info.supplement.strings, name)]
    positions = find_words(info.data, words)
    for offset, found in groupby(positions, lambda position: info.unit_at(position).offset):
        yield info.unit_at(offset), list(found)


def _units_with_string_index(info: Info, name: bytes) -> list[Unit]:
    """Return the units in whose part of ``.debug_str_offsets`` the name is."""
    if not info.str_offsets:
        return []
    found = []
    offsets = name_offsets(info.strings, name)
    units = sorted((u for u in info.units if _uses(u, STRX_FORMS)), key=lambda unit: unit.string_base())
    for unit, following in zip(units, [*units[1:], None], strict=True):
        end = following.string_base() if following else len(info.str_offsets)
        part = info.str_offsets[unit.string_base() : end]
        words = [offset.to_bytes(unit.offset_size, info.order) for offset in offsets]
        if any(position % unit.offset_size == 0 for position in find_words(part, words)):
            found.append(unit)
    return found


def _address_places(info: Info, address: int) -> Iterator[tuple[Unit, int]]:
    for size in {unit.address_size for unit in info.units}:
        for position in find_words(info.data, [address.to_bytes(size, info.order)]):
            yield info.unit_at(position), position


def _units_with_address(info: Info, address: int) -> list[Unit]:
    """Return the units in whose part of ``.debug_addr`` the address is."""
    if not info.addresses:
        return []
    units = sorted((u for u in info.units if _uses(u, ADDRX_FORMS)), key=lambda unit: unit.address_base())
    found = []
    for unit, following in zip(units, [*units[1:], None], strict=True):
        end = following.address_base() if following else len(info.addresses)
        part = info.addresses[unit.address_base() : end]
        if address.to_bytes(unit.address_size, info.order) in part:
            found.append(unit)
    return found


def _uses(unit: Unit, forms: frozenset[Form]) -> bool:
    """Whether any entry of a unit has an attribute of one of these forms."""
    return any(form in forms for abbrev in unit.abbrevs.values() for _, form, _ in abbrev.attrs)
