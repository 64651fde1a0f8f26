"""Several kernel packs as one kernel.

The first pack that knows a name decides.  Structs and tracepoints that several packs know keep the first one's layout
and get the members that only others have behind it: offsets of kernel types are the host's anyway.  Where packs
disagree about what a member is (a number here, a pointer there), ``conflicts`` says so for everything that was looked
up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from .pack import PackKernel
from .sizes import type_size
from .types import (
    CArray,
    CEnum,
    CFloat,
    CFunc,
    CPtr,
    CRef,
    CStruct,
    CType,
    Member,
    Tracepoint,
    TypeTable,
    strip_typedefs,
)

_T = TypeVar("_T")


class MergedKernel:
    """A ``Kernel`` of several packs."""

    def __init__(self, packs: Sequence[PackKernel]) -> None:
        self._packs = [pack.with_mark(f" @{number}") if number else pack for number, pack in enumerate(packs)]
        self.packs = tuple(packs)
        self._structs: dict[str, CStruct | None] = {}
        self._enums: dict[str, CEnum | None] = {}
        self._conflicts: dict[str, None] = {}

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x") with the members of all packs."""
        if name not in self._structs:
            self._structs[name] = self._merge_struct(name)
        return self._structs[name]

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x") with the enumerators of all packs."""
        if name not in self._enums:
            self._enums[name] = _merge_enums([e for pack in self._packs if (e := pack.enum(name)) is not None])
        return self._enums[name]

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""
        return self._first(lambda pack: pack.typedef(name))

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum; it varies, too, if it moved from one enum to another."""
        found = [e for pack in self._packs if (e := pack.enumerator(name)) is not None]
        if not found:
            return None
        enum, value = found[0]
        enum = self.enum(enum.name) or enum
        if any(other != value for _, other in found):
            enum = replace(enum, varying=enum.varying | {name})
        return enum, value

    def constant(self, name: str) -> int | None:
        """Return the value of an integer macro."""
        return self._first(lambda pack: pack.constant(name))

    def function(self, name: str) -> CFunc | None:
        """Return the prototype of a kernel function."""
        return self._first(lambda pack: pack.function(name))

    def functions(self) -> list[str]:
        """Return the names of all functions."""
        return list(dict.fromkeys(name for pack in self._packs for name in pack.functions()))

    def raw_tracepoint(self, name: str) -> CFunc | None:
        """Return the prototype of the raw tracepoint, without its first parameter."""
        return self._first(lambda pack: pack.raw_tracepoint(name))

    def tracepoint(self, category: str, name: str) -> Tracepoint | None:
        """Return the format of a tracepoint with the fields of all packs."""
        found = [(pack, t) for pack in self._packs if (t := pack.tracepoint(category, name)) is not None]
        if not found:
            return None
        fields = list(found[0][1].fields)
        for _, other in found[1:]:
            known = {field.name for field in fields}
            fields += [field for field in other.fields if field.name not in known]
        return replace(found[0][1], fields=tuple(fields))

    def tracepoints(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all tracepoints by category."""
        found: dict[str, frozenset[str]] = {}
        for pack in self._packs:
            for category, names in pack.tracepoints().items():
                found[category] = found.get(category, frozenset()) | names
        return found

    def constants(self) -> bytes:
        """Return all constants as ``NAME=value`` lines; the first of a name counts."""
        return b"".join(pack.constants() for pack in self._packs)

    def identity(self) -> str:
        """Return names and digests of all packs."""
        return " + ".join(pack.identity() for pack in self._packs)

    def conflicts(self) -> list[str]:
        """Return what the packs disagree about, among the structs that were looked up."""
        return list(self._conflicts)

    def _first(self, look: Callable[[PackKernel], _T | None]) -> _T | None:
        for pack in self._packs:
            found = look(pack)
            if found is not None:
                return found
        return None

    def _merge_struct(self, name: str) -> CStruct | None:
        found = [(pack, struct) for pack in self._packs if (struct := pack.struct(name)) is not None]
        if not found:
            return None
        first_pack, merged = found[0]
        for pack, other in found[1:]:
            known = {member.name: member for member in named_members(first_pack, merged)}
            extra = []
            for member in named_members(pack, other):
                if member.name not in known:
                    extra.append(member)
                elif _kind(known[member.name].type) != _kind(member.type):
                    self._note(name, member, known[member.name], first_pack, pack)
            merged = _append(merged, extra, self)
        return merged

    def _note(self, name: str, member: Member, known: Member, first: PackKernel, other: PackKernel) -> None:
        message = (
            f"{name}.{member.name} is {_kind(known.type)} in {first.source.name}, "
            f"but {_kind(member.type)} in {other.source.name}"
        )
        self._conflicts[message] = None


def _merge_enums(found: Sequence[CEnum]) -> CEnum | None:
    """Return the first with the names that only others have behind its own."""
    if len(found) < 2:
        return found[0] if found else None
    values: dict[str, int] = {}
    varying = set()
    for name, value in (pair for enum in found for pair in enum.values):
        if values.setdefault(name, value) != value:
            varying.add(name)
    varying.update(*(enum.varying for enum in found))
    return replace(found[0], values=tuple(values.items()), varying=frozenset(varying))


def named_members(table: TypeTable, struct: CStruct) -> Iterator[Member]:
    """Yield the members, those of unnamed structs and unions inside in their place."""
    for member in struct.members:
        inner = strip_typedefs(member.type)
        if member.name:
            yield member
        elif isinstance(inner, CRef) and (definition := table.struct(inner.name)) is not None:
            for nested in named_members(table, definition):
                yield replace(nested, bit_offset=member.bit_offset + nested.bit_offset)


def _append(struct: CStruct, extra: Sequence[Member], kernel: MergedKernel) -> CStruct:
    """Return the struct with more members behind its end; in a union they begin at its start."""
    members, size = list(struct.members), struct.size
    for member in extra:
        length = type_size(member.type, kernel)
        place = 0 if struct.is_union else -(-size // 8) * 8
        members.append(replace(member, bit_offset=8 * place, bit_size=member.bit_size))
        size = max(size, place + length)
    return replace(struct, members=tuple(members), size=size)


def _kind(ctype: CType) -> str:
    plain = strip_typedefs(ctype)
    match plain:
        case CPtr():
            return "a pointer"
        case CArray():
            return "an array"
        case CFloat():
            return "a floating-point number"
        case CRef() if not plain.name.startswith("enum "):
            return f"a {plain.name.partition(' ')[0]}"
    return "an integer"
