"""Looks types up in ``Columns`` and builds ``CType`` objects of what is asked for, once each.

Names: a struct, union or enum is "struct NAME".  Where the BTF has several different definitions of one name, the
first has the plain name and the others are "struct NAME___2" and so on, which CO-RE matches with NAME on the host.
Types without a name are "struct (anon N)"; ``mark`` keeps those of merged kernels apart.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right

from .columns import ENUM_SIGNED, FWD_UNION, INT_BOOL, INT_SIGNED, STRUCT_UNION, Column, Columns
from .types import (
    CArray,
    CEnum,
    CFloat,
    CFunc,
    CInt,
    CPtr,
    CRef,
    CStruct,
    CType,
    CTypedef,
    CVoid,
    Member,
)

_ANONYMOUS = re.compile(r"\(anon (\d+)([^)]*)\)")
_FLAVOUR = re.compile(r"(.+)___(\d+)")


class TypeImage:
    """A ``TypeTable`` of the types in columns; ``bools`` whether _Bool is more than a byte (as it is not in bpftrace's
    view of C definitions).
    """

    def __init__(self, columns: Columns, *, kernel: bool = True, mark: str = "", bools: bool = True) -> None:
        self.columns = columns
        self.bools = bools
        self.kernel = kernel
        self.mark = mark
        self._types: dict[int, CType] = {0: CVoid()}
        self._structs: dict[str, CStruct | None] = {}
        self._enums: dict[str, CEnum | None] = {}
        self._enumerators: dict[str, tuple[CEnum, int] | None] = {}

    # ---- the TypeTable protocol

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x")."""
        if name not in self._structs:
            place = self.place("struct", name)
            self._structs[name] = None if place is None else self._build_struct(name, place)
        return self._structs[name]

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x")."""
        if name not in self._enums:
            place = self.place("enum", name)
            self._enums[name] = None if place is None else self._build_enum(name, place)
        return self._enums[name]

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""
        place = self.columns.find("typedef", name)
        return None if place is None else self.type(self.columns.data["typedef.target"][place])

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum."""
        if name not in self._enumerators:  # most names are none, which takes a look at every string
            self._enumerators[name] = self._find_enumerator(name)
        return self._enumerators[name]

    def _find_enumerator(self, name: str) -> tuple[CEnum, int] | None:
        offset = self.columns.string_offset(name)
        if offset is None:
            return None
        place = _index(self.columns.data["values.name"], offset)
        if place is None:
            return None
        owner = bisect_right(self.columns.data["enum.first"], place) - 1
        enum = self.enum(self._enum_name(owner))
        assert enum is not None
        return enum, dict(enum.values)[name]

    def constant(self, name: str) -> int | None:
        """Return nothing: BTF has no macros."""
        return None

    def function(self, name: str) -> CFunc | None:
        """Return the prototype of a kernel function."""
        place = self.columns.find("func", name)
        if place is None:
            return None
        proto = self.type(self.columns.data["func.proto"][place])
        return proto if isinstance(proto, CFunc) else None

    # ---- more than the protocol

    def functions(self) -> list[str]:
        """Return the names of all functions."""
        return [self.columns.text(offset) for offset in self.columns.data["func.name"]]

    def names(self, group: str) -> list[str]:
        """Return all names of a group ("struct", "enum", "typedef", "func"), as lookups take them; no unnamed types."""
        offsets = [offset for offset in self.columns.data[f"{group}.name"] if offset]
        if group == "struct":
            return [self._struct_name(place) for place in range(len(offsets))]
        if group == "enum":
            return [self._enum_name(place) for place in range(len(offsets))]
        return list(dict.fromkeys(map(self.columns.text, offsets)))

    def raw_tracepoint(self, name: str) -> CFunc | None:
        """Return the prototype of a raw tracepoint without its first parameter.

        ``btf_trace_NAME`` has the types that are passed; parameter names are only in its stub or iterator.
        """
        pointer = self.typedef(f"btf_trace_{name}")
        if not isinstance(pointer, CPtr) or not isinstance(pointer.target, CFunc):
            return None
        result = pointer.target.result
        for prefix in ("__probestub_", "__traceiter_"):
            named = self.function(prefix + name)
            if named is not None and len(named.params) == len(pointer.target.params):
                return CFunc(result, named.params[1:])
        return CFunc(result, pointer.target.params[1:])

    def type(self, type_id: int) -> CType:
        """Return the type with an id of the columns."""
        found = self._types.get(type_id)
        if found is None:
            group, place = self.columns.locate(type_id)
            found = self._types[type_id] = self._build(group, place)
        return found

    # ---- building

    def _build(self, group: str, place: int) -> CType:
        data = self.columns.data
        match group:
            case "int":
                return self._build_int(place)
            case "float":
                return CFloat(data["float.size"][place], self._text("float", place))
            case "struct":
                return CRef(self._struct_name(place))
            case "enum":
                return CRef(self._enum_name(place))
            case "fwd":
                word = "union" if data["fwd.flags"][place] & FWD_UNION else "struct"
                return CRef(f"{word} {self._text('fwd', place)}")
            case "typedef":
                return CTypedef(self._text("typedef", place), self.type(data["typedef.target"][place]))
            case "ptr":
                return self._build_pointer(data["ptr.target"][place])
            case "array":
                return CArray(self.type(data["array.elem"][place]), data["array.count"][place])
            case "proto":
                return self._build_function(place)
            case "tag":
                return self.type(data["tag.target"][place])
        return self.type(data["func.proto"][place])

    def _build_int(self, place: int) -> CInt:
        data = self.columns.data
        name, flags = self._text("int", place), data["int.flags"][place]
        # Compilers do not set the encoding for "char"; its name tells.
        is_char = name == "char"
        is_bool = self.bools and bool(flags & INT_BOOL)
        return CInt(data["int.size"][place], bool(flags & INT_SIGNED), is_bool, is_char, name)

    def _build_pointer(self, target: int) -> CPtr:
        tags = []
        while target and self.columns.locate(target)[0] == "tag":
            place = self.columns.locate(target)[1]
            tags.append(self._text("tag", place))
            target = self.columns.data["tag.target"][place]
        return CPtr(self.type(target), tuple(tags))

    def _build_function(self, place: int) -> CFunc:
        data = self.columns.data
        params = [(data["params.name"][i], data["params.type"][i]) for i in self.columns.items("proto", place)]
        variadic = bool(params) and params[-1] == (0, 0)
        if variadic:
            params.pop()
        named = tuple((self.columns.text(name), self.type(type_id)) for name, type_id in params)
        return CFunc(self.type(data["proto.result"][place]), named, variadic)

    def _build_struct(self, name: str, place: int) -> CStruct:
        data = self.columns.data
        members = tuple(
            Member(
                self.columns.text(data["members.name"][i]),
                self.type(data["members.type"][i]),
                data["members.offset"][i],
                data["members.bits"][i],
            )
            for i in self.columns.items("struct", place)
        )
        is_union = bool(data["struct.flags"][place] & STRUCT_UNION)
        return CStruct(name, data["struct.size"][place], members, is_union, self.kernel)

    def _build_enum(self, name: str, place: int) -> CEnum:
        data = self.columns.data
        signed = bool(data["enum.flags"][place] & ENUM_SIGNED)
        values = []
        for i in self.columns.items("enum", place):
            value = data["values.high"][i] << 32 | data["values.low"][i]
            values.append((self.columns.text(data["values.name"][i]), value - (signed and value >> 63 << 64)))
        # Configurations number an enum of the kernel's own differently; those without a name are mostly the UAPI's.
        varies = self.kernel and not name.startswith("enum (anon")
        varying = frozenset(name for name, _ in values) if varies else frozenset()
        return CEnum(name, data["enum.size"][place], signed, tuple(values), varying)

    # ---- names

    def _text(self, group: str, place: int) -> str:
        return self.columns.text(self.columns.data[f"{group}.name"][place])

    def _struct_name(self, place: int) -> str:
        word = "union" if self.columns.data["struct.flags"][place] & STRUCT_UNION else "struct"
        return f"{word} {self._tag('struct', place, word)}"

    def _enum_name(self, place: int) -> str:
        return f"enum {self._tag('enum', place, 'enum')}"

    def _tag(self, group: str, place: int, word: str) -> str:
        if not self.columns.data[f"{group}.name"][place]:
            return f"(anon {place}{self.mark})"
        text = self._text(group, place)
        rank = len([p for p in self._same_name(group, text, word) if p < place])
        return f"{text}___{rank + 1}" if rank else text

    def _same_name(self, group: str, text: str, word: str) -> list[int]:
        """Return the places of all definitions of a name."""
        first = self.columns.find(group, text)
        if first is None:
            return []
        names = self.columns.data[f"{group}.name"]
        places = []
        for place in range(first, len(names)):
            if names[place] != names[first]:
                break
            if group == "enum" or (word == "union") == bool(self.columns.data["struct.flags"][place] & STRUCT_UNION):
                places.append(place)
        return places

    def place(self, group: str, name: str) -> int | None:
        """Find a struct, union or enum by the name that a reference has."""
        word, _, tag = name.partition(" ")
        if word not in (("enum",) if group == "enum" else ("struct", "union")):
            return None
        if anonymous := _ANONYMOUS.fullmatch(tag):
            place = int(anonymous[1])
            in_range = place < len(self.columns.data[f"{group}.name"])
            return place if in_range and anonymous[2] == self.mark else None
        places, rank = self._same_name(group, tag, word), 0
        if not places and (flavour := _FLAVOUR.fullmatch(tag)):
            places, rank = self._same_name(group, flavour[1], word), int(flavour[2]) - 1
        return places[rank] if 0 <= rank < len(places) else None


def _index(column: Column, value: int) -> int | None:
    """Return the first place of a value in a column of 32-bit numbers."""
    data, wanted = column.tobytes(), value.to_bytes(4, sys.byteorder)
    at = data.find(wanted)
    while at >= 0 and at % 4:
        at = data.find(wanted, at + 1)
    return at // 4 if at >= 0 else None
