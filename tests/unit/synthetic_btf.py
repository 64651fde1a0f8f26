"""Small BTF sections and module files for tests, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

INT, PTR, STRUCT, FWD, TYPEDEF, FUNC, FUNC_PROTO = 1, 2, 4, 7, 8, 12, 13


class Btf:
    """Collects types; ``base`` is the section that this one was split off."""

    def __init__(self, base: Btf | None = None) -> None:
        self._first = base._next if base is not None else 1
        self._next = self._first
        self._strings_at = base._strings_at + len(base._strings) if base is not None else 0
        self._strings = b"" if base is not None else b"\0"
        self._types = b""

    def name(self, text: str) -> int:
        """Return the offset of a new string."""
        if not text:
            return 0
        at = self._strings_at + len(self._strings)
        self._strings += text.encode() + b"\0"
        return at

    def add(self, kind: int, name: str, size_or_type: int, *words: int, count: int = 0, flag: int = 0) -> int:
        """Add a type and return its id."""
        info = kind << 24 | count | flag << 31
        self._types += struct.pack(f"<{3 + len(words)}I", self.name(name), info, size_or_type, *words)
        self._next += 1
        return self._next - 1

    def integer(self, name: str, size: int) -> int:
        """Add an unsigned integer."""
        return self.add(INT, name, size, 8 * size)

    def pointer(self, target: int) -> int:
        """Add a pointer."""
        return self.add(PTR, "", target)

    def structure(self, name: str, size: int, members: Sequence[tuple[str, int, int]]) -> int:
        """Add a struct of (name, type, byte offset)."""
        words = [word for text, kind, offset in members for word in (self.name(text), kind, 8 * offset)]
        return self.add(STRUCT, name, size, *words, count=len(members))

    def function(self, name: str, result: int, params: Sequence[tuple[str, int]]) -> int:
        """Add a function and its prototype."""
        words = [word for text, kind in params for word in (self.name(text), kind)]
        proto = self.add(FUNC_PROTO, "", result, *words, count=len(params))
        return self.add(FUNC, name, proto)

    def section(self) -> bytes:
        """Return the bytes."""
        types, strings = self._types, self._strings
        head = struct.pack("<HBBI4I", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
        return head + types + strings


def build_elf(sections: dict[str, bytes], symbols: Sequence[tuple[str, str, int, int]] = (),
              relocations: Sequence[tuple[int, str, int]] = ()) -> bytes:  # fmt: skip
    """Return a 64-bit relocatable file.

    Symbols are (name, section, value, size) of variables; relocations (place in ".data", symbol, addend).
    """
    names = ["", *sections, ".symtab", ".strtab", ".shstrtab", ".rela.data"]
    strtab, symtab = b"\0", bytes(24)
    for name, section, value, size in symbols:
        symtab += struct.pack("<IBBHQQ", len(strtab), 0x11, 0, names.index(section), value, size)
        strtab += name.encode() + b"\0"
    index = {name: number for number, (name, *_) in enumerate(symbols, 1)}
    rela = b"".join(struct.pack("<QQq", at, index[name] << 32 | 1, addend) for at, name, addend in relocations)
    shstrtab = b"\0".join(name.encode() for name in names) + b"\0"
    contents = [b"", *sections.values(), symtab, strtab, shstrtab, rela]
    kinds = [0, *(1 for _ in sections), 2, 3, 3, 4]
    links = {names.index(".symtab"): (names.index(".strtab"), 1, 24)}
    if ".data" in sections:
        links[names.index(".rela.data")] = (names.index(".symtab"), names.index(".data"), 24)
    body, heads, at = b"", b"", 64
    for number, (name, content) in enumerate(zip(names, contents, strict=True)):
        link, info, entry = links.get(number, (0, 0, 0))
        name_at = shstrtab.index(b"\0" + name.encode() + b"\0") + 1 if name else 0
        kind = kinds[number] if content or number == 0 else 0
        heads += struct.pack("<IIQQQQIIQQ", name_at, kind, 0, 0, at, len(content), link, info, 8, entry)
        body += content
        at += len(content)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, len(names), names.index(".shstrtab"))
    return head + body + heads
