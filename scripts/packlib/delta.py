"""What one kernel knows beyond others: the content of the packs that lie over another pack.

Types are taken with all that they are built of; a named struct that is not itself taken is only declared, so that its
definition comes from the pack below.  Offsets do not count: they are the host's anyway.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator

from btaot_tool.kernel.columns import FWD_UNION, GROUPS, POOLS, REFERENCES, STRUCT_UNION, Column, Columns
from btaot_tool.kernel.formats import decode_tracepoint
from btaot_tool.kernel.image import TypeImage
from btaot_tool.kernel.merged import MergedKernel, named_members
from btaot_tool.kernel.pack import PackKernel
from btaot_tool.kernel.packfile import PackData
from btaot_tool.kernel.types import CArray, CFunc, CInt, CPtr, CRef, CStruct, CType, Kernel, Tracepoint, strip_typedefs

_FLAVOUR = re.compile(r"___\d+$")


def subtract(data: PackData, known: PackKernel | MergedKernel, *, differing: bool) -> PackData:
    """Return what a pack knows and ``known`` does not; ``differing`` adds what the two disagree about."""
    delta = _Delta(data, known, differing)
    columns = select_types(data.columns, delta.types())
    tracepoints = "".join(
        f"{line}\n" for line in data.tracepoints.decode().splitlines() if delta.wants_tracepoint(line)
    )
    constants = "".join(f"{line}\n" for line in data.constants.decode().splitlines() if delta.wants_constant(line))
    return PackData(data.identity, columns, tracepoints.encode(), constants.encode())


class _Delta:
    def __init__(self, data: PackData, known: PackKernel | MergedKernel, differing: bool) -> None:
        self._columns = data.columns
        self._image = TypeImage(data.columns)
        self._known = known
        self._differing = differing
        self._enumerators = _enumerators(known)

    def types(self) -> Iterator[int]:
        """Yield the ids of the types that are wanted for their names."""
        for name in self._image.names("struct"):
            # A second definition of a name (of a driver) is not what that name means.
            if not _FLAVOUR.search(name) and self._wants_struct(name):
                yield self._id("struct", self._image.place("struct", name))
        for name in self._image.names("typedef"):
            if self._differs(self._image.typedef(name), self._known.typedef(name)):
                yield self._id("typedef", self._columns.find("typedef", name))
        for name in self._image.functions():
            if self._differs(self._image.function(name), self._known.function(name)):
                yield self._id("func", self._columns.find("func", name))
        for place in range(len(self._columns.data["enum.name"])):
            if self._wants_enum(place):
                yield self._id("enum", place)

    def wants_tracepoint(self, line: str) -> bool:
        """Tell whether a line of the tracepoint table says something new."""
        own = decode_tracepoint(line)
        known = self._known.tracepoint(own.category, own.name)
        if known is None:
            return True
        if self._differing:
            return _fields(own) != _fields(known)
        return not {field.name for field in own.fields} <= {field.name for field in known.fields}

    def wants_constant(self, line: str) -> bool:
        """Tell whether a line of the table of constants says something new."""
        name, _, value = line.partition("=")
        known = self._known.constant(name)
        return known is None or (self._differing and known != int(value))

    def _id(self, group: str, place: int | None) -> int:
        assert place is not None
        return self._columns.starts[group] + place

    def _wants_struct(self, name: str) -> bool:
        own, known = self._image.struct(name), self._known.struct(name)
        assert own is not None
        if known is None:
            return True
        mine, theirs = self._members(own, self._image), self._members(known, self._known)
        return mine != theirs if self._differing else not mine.keys() <= theirs.keys()

    @staticmethod
    def _members(struct: CStruct, table: TypeImage | Kernel) -> dict[str, tuple[str, bool]]:
        return {m.name: (_describe(m.type), bool(m.bit_size)) for m in named_members(table, struct)}

    def _differs(self, own: CType | None, known: CType | None) -> bool:
        if known is None:
            return True
        return self._differing and own is not None and _describe(own) != _describe(known)

    def _wants_enum(self, place: int) -> bool:
        for i in self._columns.items("enum", place):
            name = self._columns.text(self._columns.data["values.name"][i])
            known = self._enumerators.get(name)
            if known is None or (self._differing and known != self._columns.data["values.low"][i]):
                return True
        return False


def _enumerators(kernel: PackKernel | MergedKernel) -> dict[str, int]:
    """Return all enumerators with the low 32 bits of their values: one lookup each would take minutes."""
    found: dict[str, int] = {}
    for pack in kernel.packs if isinstance(kernel, MergedKernel) else [kernel]:
        columns = pack.data.columns
        for name, low in zip(columns.data["values.name"], columns.data["values.low"], strict=True):
            found.setdefault(columns.text(name), low)
    return found


def _fields(tracepoint: Tracepoint) -> list[tuple[object, ...]]:
    return sorted((f.name, f.type, f.size, f.signed, f.count, f.form) for f in tracepoint.fields)


def _describe(ctype: CType, depth: int = 0) -> str:
    """Return a type as far as scripts can tell it from another one."""
    plain = strip_typedefs(ctype)
    match plain:
        case CInt():
            return f"int{plain.size}{plain.signed}{plain.is_bool}"
        case CPtr():
            return "pointer" if depth > 2 else f"pointer {_describe(plain.target, depth + 1)}"
        case CArray():
            return f"{_describe(plain.elem, depth)}[{plain.count}]"
        case CRef():
            return plain.name.partition(" (anon")[0]
        case CFunc():
            inner = ",".join(f"{_describe(t, depth + 1)} {name}" for name, t in plain.params)
            return "function" if depth > 1 else f"{_describe(plain.result, depth + 1)}({inner})"
    return type(plain).__name__


def select_types(columns: Columns, roots: Iterable[int]) -> Columns:
    """Return columns with some types and what these are built of; named structs besides the roots become forwards."""
    return _Selection(columns, set(roots)).run()


class _Selection:
    def __init__(self, columns: Columns, roots: set[int]) -> None:
        self._old = columns
        self._roots = roots
        self._taken: set[int] = set()
        self._declared: dict[tuple[str, int], list[int]] = {}
        self._strings = bytearray(b"\0")
        self._texts: dict[bytes, int] = {b"": 0}

    def run(self) -> Columns:
        self._follow()
        new_ids = self._number()
        data: dict[str, Column] = {}
        for group in GROUPS:
            self._emit(group.name, group.columns, group.pool, new_ids, data)
        return Columns(bytes(self._strings), data)

    def _follow(self) -> None:
        pending = list(self._roots)
        while pending:
            type_id = pending.pop()
            if not type_id or type_id in self._taken:
                continue
            group, place = self._old.locate(type_id)
            if group == "struct" and type_id not in self._roots and self._old.data["struct.name"][place]:
                self._declare(type_id, place)
                continue
            self._taken.add(type_id)
            pending += self._references(group, place)

    def _declare(self, type_id: int, place: int) -> None:
        is_union = self._old.data["struct.flags"][place] & STRUCT_UNION
        key = self._old.text(self._old.data["struct.name"][place]), FWD_UNION if is_union else 0
        ids = self._declared.setdefault(key, [])
        if type_id not in ids:
            ids.append(type_id)

    def _references(self, group: str, place: int) -> list[int]:
        entry = next(g for g in GROUPS if g.name == group)
        found = [self._old.data[f"{group}.{column}"][place] for column in entry.columns if column in REFERENCES]
        if "type" in POOLS.get(entry.pool, ()):
            types = self._old.data[f"{entry.pool}.type"]
            found += [types[i] for i in self._old.items(group, place)]
        return found

    def _places(self, group: str) -> list[int]:
        start = self._old.starts[group]
        count = len(self._old.data[f"{group}.{next(g for g in GROUPS if g.name == group).columns[0]}"])
        return [place for place in range(count) if start + place in self._taken]

    def _number(self) -> dict[int, int]:
        ids, next_id = {0: 0}, 1
        for group in GROUPS:
            for place in self._places(group.name):
                ids[self._old.starts[group.name] + place] = next_id
                next_id += 1
            if group.name == "fwd":
                for key in sorted(self._declared):
                    ids.update(dict.fromkeys(self._declared[key], next_id))
                    next_id += 1
        return ids

    def _emit(
        self, group: str, columns: tuple[str, ...], pool: str, ids: dict[int, int], data: dict[str, Column]
    ) -> None:
        places = self._places(group)
        for column in columns:
            old = self._old.data[f"{group}.{column}"]
            data[f"{group}.{column}"] = self._convert(column, [old[place] for place in places], ids)
        if group == "fwd":
            self._emit_declared(data)
        if not pool:
            return
        spans = [self._old.items(group, place) for place in places]
        first = array("I", [0])
        for span in spans:
            first.append(first[-1] + len(span))
        data[f"{group}.first"] = first
        for column in POOLS[pool]:
            old = self._old.data[f"{pool}.{column}"]
            data[f"{pool}.{column}"] = self._convert(column, [old[i] for span in spans for i in span], ids)

    def _emit_declared(self, data: dict[str, Column]) -> None:
        names, flags = array("I", data["fwd.name"]), array("I", data["fwd.flags"])
        for name, flag in sorted(self._declared):
            names.append(self._put(name.encode()))
            flags.append(flag)
        data["fwd.name"], data["fwd.flags"] = names, flags

    def _convert(self, column: str, values: list[int], ids: dict[int, int]) -> array[int]:
        if column == "name":
            values = [self._put(self._old.strings[v : self._old.strings.index(0, v)]) for v in values]
        elif column in REFERENCES:
            values = [ids[value] for value in values]
        return array("I", values)

    def _put(self, text: bytes) -> int:
        found = self._texts.get(text)
        if found is None:
            found = self._texts[text] = len(self._strings)
            self._strings += text + b"\0"
        return found
