"""An ELF file of a user program: its identity, symbols and sections of debug information."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from .names import name_offsets
from .reader import DwarfError, Info

MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_TABLES = ("SHT_SYMTAB", "SHT_DYNSYM")


class ElfProgram:
    """One file, read when asked for; raises DwarfError if it is no ELF file."""

    def __init__(self, path: Path) -> None:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile

        self.path = path
        self._data = path.read_bytes()
        try:
            self.elf: Any = ELFFile(io.BytesIO(self._data))
        except ELFError as error:
            raise DwarfError(f"{path}: {error}") from None

    @property
    def machine(self) -> str:
        """The name of its architecture, as targets have it; "" for others."""
        return MACHINES.get(self.elf["e_machine"], "")

    @cached_property
    def build_id(self) -> str:
        """The digits of its build-id, "" if it has none."""
        for section in self.elf.iter_sections("SHT_NOTE"):
            for note in section.iter_notes():
                if note["n_name"] == "GNU" and note["n_type"] == "NT_GNU_BUILD_ID":  # others use its number, too
                    return str(note["n_desc"])
        return ""

    def notes(self, owner: str) -> Iterator[str]:
        """Yield ``provider:name`` of each USDT probe (``owner`` "stapsdt"): behind three addresses, ended by zeroes."""
        for section in self.elf.iter_sections("SHT_NOTE"):
            for note in section.iter_notes():
                if note["n_name"] == owner:
                    words = bytes(note["n_descdata"])[3 * self.elf.elfclass // 8 :].split(b"\0")
                    yield ":".join(word.decode("utf-8", "replace") for word in words[:2])

    @property
    def identity(self) -> str:
        """What tells this build of the program from others: its build-id, else the digest of the whole file."""
        return self.build_id or hashlib.sha256(self._data).hexdigest()

    @cached_property
    def debug_link(self) -> str:
        """The name of the file with the debug information, "" if none is given."""
        link = self.elf.get_dwarf_link()
        return "" if link is None else bytes(link.filename).decode("utf-8", "replace")

    @property
    def has_debug_info(self) -> bool:
        """Whether the file itself holds entries."""
        return bool(self._section(".debug_info") or self._section(".zdebug_info"))

    @cached_property
    def functions(self) -> dict[str, int]:
        """The addresses of its functions by the names in its symbol tables, without versions."""
        found: dict[str, int] = {}
        for strings, symbols in self._tables():
            for name, address in symbols:
                text = strings[name : strings.find(b"\0", name)].decode("utf-8", "replace").partition("@")[0]
                found.setdefault(text, address)
        return found

    def function(self, name: str) -> int | None:
        """Return the address of one function; None if no symbol has this name."""
        for strings, symbols in self._tables():
            places = {n for end in (b"\0", b"@") for n in name_offsets(strings, name.encode(), end)}
            for offset, address in symbols if places else ():
                if offset in places:
                    return address
        return None

    def object_size(self, name: str) -> int:
        """Return the bytes of a variable; 0 if no symbol has this name."""
        for table in self.elf.iter_sections():
            if table["sh_type"] in _TABLES:
                for symbol in table.get_symbol_by_name(name) or ():
                    if symbol["st_shndx"] != "SHN_UNDEF":
                        return int(symbol["st_size"])
        return 0

    def _tables(self) -> Iterator[tuple[bytes, Iterator[tuple[int, int]]]]:
        """Yield the strings and the functions of each symbol table."""
        for table in self.elf.iter_sections():
            if table["sh_type"] in _TABLES:
                strings = bytes(self.elf.get_section(table["sh_link"]).data())
                yield strings, self._symbols(bytes(table.data()))

    def _symbols(self, table: bytes) -> Iterator[tuple[int, int]]:
        """Yield the offset of the name and the address of each function that is defined."""
        order = "<" if self.elf.little_endian else ">"
        if self.elf.elfclass == 64:
            for name, info, _, section, address, _ in struct.iter_unpack(f"{order}IBBHQQ", _whole(table, 24)):
                if section and info & 15 in _FUNCTIONS:
                    yield name, address
        else:
            for name, address, _, info, _, section in struct.iter_unpack(f"{order}IIIBBH", _whole(table, 16)):
                if section and info & 15 in _FUNCTIONS:
                    yield name, address

    def data(self, name: str) -> bytes:
        """Return a section of debug information, decompressed; empty if there is none."""
        section = self._section(name)
        if section is not None:
            return bytes(section.data())
        old = self._section(f".z{name[1:]}")  # "ZLIB", the size in 8 bytes, the data
        if old is None:
            return b""
        import zlib

        return zlib.decompress(bytes(old.data())[12:])

    def _section(self, name: str) -> Any:
        section = self.elf.get_section_by_name(name)
        return section if section is not None and section["sh_type"] != "SHT_NOBITS" else None


def _whole(data: bytes, size: int) -> bytes:
    """Return as many bytes as are whole records."""
    return data[: len(data) // size * size]


def read_info(elf: ElfProgram, suffix: str = "") -> Info:
    """Return the entries of a file; ``suffix`` is ".dwo" for the sections of split debug information."""

    def data(name: str) -> bytes:
        return elf.data(f".debug_{name}{suffix}")

    info = Info(
        data=data("info"),
        abbrev=data("abbrev"),
        strings=data("str"),
        line_strings=data("line_str"),
        str_offsets=data("str_offsets"),
        addresses=elf.data(".debug_addr"),
        little_endian=bool(elf.elf.little_endian),
    )
    types = data("types")
    if types:
        info.types = Info(
            types, info.abbrev, info.strings, info.line_strings, info.str_offsets, info.addresses,
            info.little_endian, old_types=True,
        )  # fmt: skip
    return info
