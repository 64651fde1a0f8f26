"""What modules add to the kernel's types: each name once, each unnamed type once, and nothing that no name needs.

The BTF of a module repeats all types that the base lacks, so that two hundred drivers hold two hundred copies of
``struct drm_device``.  Here the first definition of a name stands for all that look the same (the base's before the
modules', in the order in which these are given); another struct or enum of the same name is kept behind it.  Unnamed
types are the same if they are built of the same parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import btf
from .btf import BtfFile

_TAGGED = {btf.STRUCT: "struct", btf.UNION: "union", btf.ENUM: "enum", btf.ENUM64: "enum"}
_OTHER_NAMED = {btf.TYPEDEF: "typedef", btf.FUNC: "func", btf.INT: "int", btf.FLOAT: "float"}
_CLASS = _TAGGED | _OTHER_NAMED
_TAGS = frozenset(_TAGGED.values())
_QUALIFIERS = frozenset({btf.VOLATILE, btf.CONST, btf.RESTRICT})
_TARGETS = frozenset({btf.PTR, btf.TYPEDEF, btf.FUNC, btf.TYPE_TAG, *_QUALIFIERS})

# What every module has of its own and no script names.
_PRIVATE = frozenset({b"init_module", b"cleanup_module", b"__UNIQUE_ID_alias"})


class ModuleTypes:
    """Says of the types behind the base's which stand for others (``stands_for``) and which are wanted (``kept``)."""

    def __init__(self, file: BtfFile, kinds: bytes) -> None:
        self._file = file
        self._kinds = kinds
        self._first: dict[tuple[str, bytes], int] = {}
        self._looks: dict[tuple[object, ...], int] = {}
        self._parts: dict[tuple[object, ...], int] = {}
        self._same: dict[int, int] = {}
        self.kept: set[int] = set()
        self._index(range(1, file.base))
        self._index(range(file.base, len(file.at)))
        own = range(file.base, len(file.at))
        self.stands_for = {t: same for t in own if (same := self.find(t)) != t}
        self._keep(t for t in own if self._is_root(t))

    def find(self, type_id: int) -> int:
        """Return the type that stands for a type."""
        if type_id < self._file.base:
            return type_id
        found = self._same.get(type_id)
        if found is None:
            found = self._same[type_id] = self._find(type_id)
        return found

    def _index(self, ids: Iterable[int]) -> None:
        """Note the first definition of each name."""
        for type_id in ids:
            cls = _CLASS.get(self._kinds[type_id])
            if cls is not None and (name := self._file.name(type_id)):
                self._first.setdefault((cls, name), type_id)
                if cls in _TAGS:
                    self._looks.setdefault(self._look(type_id), type_id)

    def _find(self, type_id: int) -> int:
        kind = self._kinds[type_id]
        name = self._file.name(type_id)
        if kind in _QUALIFIERS:
            return self.find(self._word(type_id, 2))
        if kind == btf.FWD:
            cls = "union" if self._word(type_id, 1) >> 31 else "struct"
            return self._first.get((cls, name)) or self._parts.setdefault(("fwd", cls, name), type_id)
        if name and kind in _TAGGED:
            return self._looks[self._look(type_id)]
        if name and kind in _CLASS:
            return self._first[_CLASS[kind], name]
        return self._parts.setdefault(self._key(type_id), type_id)

    def _look(self, type_id: int) -> tuple[object, ...]:
        """Return what tells a struct or enum from another one of its name: its items, but not their types."""
        at, kind = self._file.at[type_id], self._kinds[type_id]
        items = self._items(type_id)
        names = tuple(self._text(item[0]) for item in items)
        rest = tuple(tuple(item[1:]) if kind in (btf.ENUM, btf.ENUM64) else item[2] for item in items)
        return kind, self._file.name(type_id), self._file.words[at + 2], names, rest

    def _key(self, type_id: int) -> tuple[object, ...]:
        """Return what an unnamed type is built of."""
        at, kind = self._file.at[type_id], self._kinds[type_id]
        words = self._file.words
        head = (kind, self._file.name(type_id), words[at + 1])
        if kind in _TARGETS:
            return (*head, self.find(words[at + 2]))
        if kind == btf.ARRAY:
            return (*head, self.find(words[at + 3]), words[at + 5])
        items = self._items(type_id)
        names = tuple(self._text(item[0]) for item in items)
        if kind == btf.FUNC_PROTO:
            return (*head, self.find(words[at + 2]), names, tuple(self.find(item[1]) for item in items))
        if kind in (btf.STRUCT, btf.UNION):
            return (*head, words[at + 2], names, tuple((self.find(item[1]), item[2]) for item in items))
        return (*head, words[at + 2], names, tuple(tuple(item[1:]) for item in items))

    def _is_root(self, type_id: int) -> bool:
        """Tell whether a type is wanted for its own name."""
        kind = self._kinds[type_id]
        if type_id in self.stands_for or kind not in _CLASS or kind in (btf.INT, btf.FLOAT):
            return False
        name = self._file.name(type_id)
        # An unnamed enum has names inside.
        return (bool(name) or kind in (btf.ENUM, btf.ENUM64)) and name not in _PRIVATE

    def _keep(self, roots: Iterable[int]) -> None:
        """Keep types and all that they are built of."""
        pending = list(roots)
        while pending:
            type_id = self.find(pending.pop())
            if type_id >= self._file.base and type_id not in self.kept:
                self.kept.add(type_id)
                pending += self._references(type_id)

    def _references(self, type_id: int) -> list[int]:
        kind = self._kinds[type_id]
        if kind in _TARGETS:
            return [self._word(type_id, 2)]
        if kind == btf.ARRAY:
            return [self._word(type_id, 3)]
        inner = [item[1] for item in self._items(type_id)] if kind in (btf.STRUCT, btf.UNION, btf.FUNC_PROTO) else []
        return [*inner, self._word(type_id, 2)] if kind == btf.FUNC_PROTO else inner

    def _items(self, type_id: int) -> list[Sequence[int]]:
        at, step = self._file.at[type_id], btf.words_per_item(self._kinds[type_id])
        words = self._file.words
        return [words[i : i + step] for i in range(at + 3, at + 3 + step * (words[at + 1] & 0xFFFF), step or 1)]

    def _word(self, type_id: int, number: int) -> int:
        return self._file.words[self._file.at[type_id] + number]

    def _text(self, offset: int) -> bytes:
        strings = self._file.strings
        return strings[offset : strings.index(0, offset)]
