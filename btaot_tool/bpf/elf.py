"""The few parts of an ELF64 object that BPF needs, read directly: pyelftools takes longer than LLVM does."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MACHINE_BPF = 247
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_REL = 1, 2, 4, 9
SHF_EXECINSTR = 4
SHN_UNDEF, SHN_ABS = 0, 0xFFF1
STB_LOCAL = 0
STT_FUNC, STT_SECTION = 2, 3


class ObjectError(Exception):
    """A BPF object is not what the compiler may produce: a bug of the compiler, or a damaged file."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section header with its content."""

    index: int
    name: str
    type: int
    flags: int
    info: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Symbol:
    """An entry of the symbol table; ``section`` is an index or SHN_*."""

    name: str
    value: int
    size: int
    type: int
    bind: int
    section: int


class ElfObject:
    """Sections and symbols of a relocatable BPF object; a damaged one raises what ``struct`` or indexing raise."""

    def __init__(self, elf: bytes) -> None:
        if elf[:5] != b"\x7fELF\x02" or elf[5] not in (1, 2):
            raise ObjectError("not a 64-bit ELF file")
        self.byteorder = "<" if elf[5] == 1 else ">"
        fields = struct.unpack_from(self.byteorder + "HHIQQQIHHHHHH", elf, 16)
        if fields[1] != MACHINE_BPF:
            raise ObjectError(f"not a BPF object (machine {fields[1]})")
        self.sections = list(self._read_sections(elf, fields[5], fields[11], fields[12]))
        self.symbols = list(self._read_symbols())

    def find(self, name: str) -> Section | None:
        """Return the section with this name."""
        return next((section for section in self.sections if section.name == name), None)

    def relocations(self, section: Section) -> Iterator[tuple[int, int, Symbol]]:
        """Yield byte offset, relocation type and symbol of every relocation of a section."""
        for relocs in self.sections:
            if relocs.info != section.index or relocs.type not in (SHT_REL, SHT_RELA):
                continue
            if relocs.type == SHT_RELA:
                raise ObjectError(f"section {section.name!r}: relocations with addends are not expected in BPF")
            for offset, info in struct.iter_unpack(self.byteorder + "QQ", relocs.data):
                yield offset, info & 0xFFFFFFFF, self.symbols[info >> 32]

    def _read_sections(self, elf: bytes, table: int, count: int, names_index: int) -> Iterator[Section]:
        headers = [struct.unpack_from(self.byteorder + "IIQQQQIIQQ", elf, table + 64 * i) for i in range(count)]
        names = headers[names_index]
        strings = elf[names[4] : names[4] + names[5]]
        for index, (name, kind, flags, _, offset, size, _, info, _, _) in enumerate(headers):
            yield Section(index, _text(strings, name), kind, flags, info, elf[offset : offset + size])

    def _read_symbols(self) -> Iterator[Symbol]:
        table = next((s for s in self.sections if s.type == SHT_SYMTAB), None)
        strings = self.find(".strtab")
        if table is None or strings is None:
            return
        for name, info, _, section, value, size in struct.iter_unpack(self.byteorder + "IBBHQQ", table.data):
            yield Symbol(_text(strings.data, name), value, size, info & 15, info >> 4, section)


def _text(strings: bytes, offset: int) -> str:
    return strings[offset : strings.index(b"\0", offset)].decode("utf-8", "surrogateescape")
