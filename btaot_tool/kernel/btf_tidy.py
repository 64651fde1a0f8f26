"""From raw BTF words to ``Columns``: prunes, merges duplicates, sorts, renumbers.

Holds afterwards: qualifiers are gone; a forward declaration is only left where nothing defines it; functions of one
name occur once; the groups that have names are sorted (equal names keep the order of the BTF, which puts the most
used definition first); strings occur once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Iterable

from . import btf
from .btf import BtfFile
from .btf_modules import ModuleTypes
from .columns import ENUM_SIGNED, FWD_UNION, GROUPS, STRUCT_UNION, Columns, column_names

_GROUP_OF = {
    btf.INT: "int", btf.FLOAT: "float", btf.TYPE_TAG: "tag", btf.STRUCT: "struct", btf.UNION: "struct",
    btf.ENUM: "enum", btf.ENUM64: "enum", btf.FWD: "fwd", btf.TYPEDEF: "typedef", btf.PTR: "ptr",
    btf.ARRAY: "array", btf.FUNC_PROTO: "proto", btf.FUNC: "func",
}  # fmt: skip
_NAMED = ("struct", "enum", "fwd", "typedef", "func")
_QUALIFIERS = frozenset({btf.VOLATILE, btf.CONST, btf.RESTRICT})


def tidy_btf(file: BtfFile) -> Columns:
    """Make the columns of the types of a BTF file."""
    return _Tidy(file).run()


class _Tidy:
    def __init__(self, file: BtfFile) -> None:
        self.file = file
        self.words = file.words
        self.kinds = bytes([0, *(file.words[at + 1] >> 24 & 31 for at in file.at[1:])])
        self.stands_for: dict[int, int] = {}
        self.groups: dict[str, list[int]] = {group.name: [] for group in GROUPS}
        self.new_id = array("I", bytes(4 * len(file.at)))
        self.data = {name: array("I") for name in column_names()}
        self.strings = _Strings(file.strings)

    def run(self) -> Columns:
        self._assign_groups()
        self._resolve_forwards()
        self._drop_duplicates()
        self._number()
        self._emit()
        return Columns(bytes(self.strings.out), self.data)

    def _assign_groups(self) -> None:
        groups = [self.groups.get(_GROUP_OF.get(kind, "")) for kind in range(32)]
        words, at = self.words, self.file.at
        dropped = self._merge_modules()
        for type_id, kind in enumerate(self.kinds):
            if type_id in dropped:
                continue
            if kind in _QUALIFIERS:
                self.stands_for[type_id] = words[at[type_id] + 2]
            elif (group := groups[kind]) is not None:
                group.append(type_id)
        names = {t: self.file.name(t) for name in _NAMED for t in self.groups[name]}
        for name in _NAMED:
            # Unnamed ones last; sorting is stable.
            self.groups[name].sort(key=lambda t: (not names[t], names[t]))
        self.names = names

    def _merge_modules(self) -> Container[int]:
        """Let types of modules stand for those that repeat them; return which do not count any more."""
        if self.file.base == len(self.file.at):
            return ()
        modules = ModuleTypes(self.file, self.kinds)
        self.stands_for.update(modules.stands_for)
        return set(range(self.file.base, len(self.file.at))) - modules.kept

    def _resolve_forwards(self) -> None:
        """Let a forward declaration stand for the first definition of its name."""
        defined: dict[tuple[bytes, bool], int] = {}
        for type_id in self.groups["struct"]:
            defined.setdefault((self.names[type_id], self.kinds[type_id] == btf.UNION), type_id)
        kept = []
        for type_id in self.groups["fwd"]:
            is_union = bool(self.words[self.file.at[type_id] + 1] >> 31)
            definition = defined.get((self.names[type_id], is_union))
            if definition is None:
                kept.append(type_id)
            else:
                self.stands_for[type_id] = definition
        self.groups["fwd"] = kept

    def _drop_duplicates(self) -> None:
        """Keep one function of each name, and one of structs and enums that look the same (modules repeat them)."""
        self._merge_same("func", lambda type_id: ())
        for group in ("struct", "enum"):
            self._merge_same(group, self._shape)

    def _merge_same(self, group: str, shape: Callable[[int], tuple[object, ...]]) -> None:
        kept: list[int] = []
        previous: dict[tuple[object, ...], int] = {}
        last = None
        for type_id in self.groups[group]:
            name = self.names[type_id]
            if name != last:
                previous, last, pending = {}, name, type_id
                kept.append(type_id)
                continue
            if not name:
                kept.append(type_id)
                continue
            if not previous:
                previous[shape(pending)] = pending
            same = previous.setdefault(shape(type_id), type_id)
            if same == type_id:
                kept.append(type_id)
            else:
                self.stands_for[type_id] = same
        self.groups[group] = kept

    def _shape(self, type_id: int) -> tuple[object, ...]:
        at = self.file.at[type_id]
        info, size = self.words[at + 1], self.words[at + 2]
        step = 2 if info >> 24 & 31 == btf.ENUM else 3
        items = self.words[at + 3 : at + 3 + step * (info & 0xFFFF)]
        names = tuple(self.file.strings[n : self.file.strings.index(0, n)] for n in items[::step])
        return info, size, names, items[step - 1 :: step].tobytes()

    def _number(self) -> None:
        next_id = 1
        for group in GROUPS:
            for type_id in self.groups[group.name]:
                self.new_id[type_id] = next_id
                next_id += 1
        for type_id in self.stands_for:
            final = type_id
            while final in self.stands_for:
                final = self.stands_for[final]
            self.new_id[type_id] = self.new_id[final]

    def _emit(self) -> None:
        for group in GROUPS:
            emit: Callable[[Iterable[int]], None] = getattr(self, f"_emit_{group.name}")
            if group.pool:
                self.data[f"{group.name}.first"].append(0)
            emit(self.groups[group.name])

    def _emit_name(self, group: str, type_id: int) -> None:
        self.data[f"{group}.name"].append(self.strings.put(self.words[self.file.at[type_id]]))

    def _emit_int(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            at = self.file.at[type_id]
            self._emit_name("int", type_id)
            self.data["int.size"].append(self.words[at + 2])
            self.data["int.flags"].append(self.words[at + 3] >> 24 & 15)
            self.data["int.bits"].append(self.words[at + 3] & 0xFF)

    def _emit_float(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            self._emit_name("float", type_id)
            self.data["float.size"].append(self.words[self.file.at[type_id] + 2])

    def _emit_tag(self, ids: Iterable[int]) -> None:
        self._emit_named_reference("tag", "target", ids)

    def _emit_typedef(self, ids: Iterable[int]) -> None:
        self._emit_named_reference("typedef", "target", ids)

    def _emit_func(self, ids: Iterable[int]) -> None:
        self._emit_named_reference("func", "proto", ids)

    def _emit_named_reference(self, group: str, column: str, ids: Iterable[int]) -> None:
        for type_id in ids:
            self._emit_name(group, type_id)
            self.data[f"{group}.{column}"].append(self.new_id[self.words[self.file.at[type_id] + 2]])

    def _emit_fwd(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            self._emit_name("fwd", type_id)
            self.data["fwd.flags"].append(FWD_UNION if self.words[self.file.at[type_id] + 1] >> 31 else 0)

    def _emit_ptr(self, ids: Iterable[int]) -> None:
        self.data["ptr.target"].extend(self.new_id[self.words[self.file.at[type_id] + 2]] for type_id in ids)

    def _emit_array(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            at = self.file.at[type_id]
            self.data["array.elem"].append(self.new_id[self.words[at + 3]])
            self.data["array.count"].append(self.words[at + 5])

    def _emit_struct(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            at = self.file.at[type_id]
            self._emit_name("struct", type_id)
            self.data["struct.size"].append(self.words[at + 2])
            self.data["struct.flags"].append(STRUCT_UNION if self.kinds[type_id] == btf.UNION else 0)
            items = self._items(at, 3)
            self._emit_items("members", items, 3)
            self._emit_offsets(items, bool(self.words[at + 1] >> 31))
            self.data["struct.first"].append(len(self.data["members.name"]))

    def _emit_offsets(self, items: array[int], has_bits: bool) -> None:
        if has_bits:
            self.data["members.offset"].extend(word & 0xFFFFFF for word in items[2::3])
            self.data["members.bits"].extend(word >> 24 for word in items[2::3])
            return
        for type_id, offset in zip(items[1::3], items[2::3], strict=True):
            bits, shift = self._old_bitfield(type_id)
            self.data["members.offset"].append(offset + shift)
            self.data["members.bits"].append(bits)

    def _old_bitfield(self, type_id: int) -> tuple[int, int]:
        """Return bits and bit offset of a bitfield that is written as a narrow integer type (old compilers)."""
        while type_id in self.stands_for:
            type_id = self.stands_for[type_id]
        if self.kinds[type_id] != btf.INT:
            return 0, 0
        at = self.file.at[type_id]
        bits = self.words[at + 3] & 0xFF
        return (0, 0) if bits == 8 * self.words[at + 2] else (bits, self.words[at + 3] >> 16 & 0xFF)

    def _emit_enum(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            at = self.file.at[type_id]
            signed = bool(self.words[at + 1] >> 31)
            step = 2 if self.kinds[type_id] == btf.ENUM else 3
            items = self._items(at, step)
            self._emit_name("enum", type_id)
            self.data["enum.size"].append(self.words[at + 2])
            self.data["values.name"].extend(map(self.strings.put, items[::step]))
            self.data["values.low"].extend(items[1::step])
            high = [0xFFFFFFFF * (word >> 31) for word in items[1::2]] if step == 2 else items[2::3]
            if step == 2 and not signed:
                # Before Linux 6.0 no enum was marked as signed: negative values tell.
                signed = any(high) and self._looks_signed(items[1::2])
                high = high if signed else [0] * len(high)
            self.data["values.high"].extend(high)
            self.data["enum.flags"].append(ENUM_SIGNED if signed else 0)
            self.data["enum.first"].append(len(self.data["values.name"]))

    @staticmethod
    def _looks_signed(values: array[int]) -> bool:
        """Tell a small negative number (-1, -22) from a flag in the top bit or an all-ones mask among flags."""
        return any(value >= 0xFFFF0000 for value in values)

    def _emit_proto(self, ids: Iterable[int]) -> None:
        for type_id in ids:
            at = self.file.at[type_id]
            self.data["proto.result"].append(self.new_id[self.words[at + 2]])
            self._emit_items("params", self._items(at, 2), 2)
            self.data["proto.first"].append(len(self.data["params.name"]))

    def _items(self, at: int, step: int) -> array[int]:
        return self.words[at + 3 : at + 3 + step * (self.words[at + 1] & 0xFFFF)]

    def _emit_items(self, pool: str, items: array[int], step: int) -> None:
        self.data[f"{pool}.name"].extend(map(self.strings.put, items[::step]))
        self.data[f"{pool}.type"].extend(map(self.new_id.__getitem__, items[1::step]))


class _Strings:
    """The new string table: in the order of first use, every text once."""

    def __init__(self, old: bytes) -> None:
        self.old = old
        self.out = bytearray(b"\0")
        self.seen: dict[int, int] = {0: 0}
        self.texts: dict[bytes, int] = {b"": 0}

    def put(self, offset: int) -> int:
        """Return the new offset of an old string."""
        new = self.seen.get(offset)
        if new is None:
            text = self.old[offset : self.old.index(0, offset)]
            new = self.texts.get(text)
            if new is None:
                new = self.texts[text] = len(self.out)
                self.out += text + b"\0"
            self.seen[offset] = new
        return new
