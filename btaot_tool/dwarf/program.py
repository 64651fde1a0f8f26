"""A user program with its debug information: what the rest of the compiler asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from .cpp import symbols_of
from .elf import ElfProgram, read_info
from .files import find_debug_files
from .functions import Signature, find_die, signature
from .lines import NoSuchLine, line_address
from .reader import DwarfError, Info
from .split import split_infos
from .types import ProgramTypes

_KEPT = 8  # programs that a worker keeps for the next script

_cache: dict[tuple[object, ...], Program] = {}


class Program:
    """One binary.  ``files`` are those that were read: a build depends on them."""

    def __init__(self, path: Path, name: str, search: Sequence[str] = (), sysroot: str = "") -> None:
        self.path = path
        self.name = name
        self.elf = ElfProgram(path)
        self.files = [path]
        self._search = search
        self._sysroot = sysroot
        self._signatures: dict[tuple[str, str], Signature | None] = {}

    @property
    def machine(self) -> str:
        """The name of the program's architecture."""
        return self.elf.machine

    @property
    def identity(self) -> str:
        """The build-id, or for a program without one the SHA-256 of the file; hexadecimal."""
        return self.elf.identity

    @cached_property
    def debug(self) -> ElfProgram | None:
        """The file with the debug information: the program itself, or a file of its own with the same build-id."""
        if self.elf.has_debug_info:
            return self.elf
        build_id = self.elf.build_id
        for file in find_debug_files(self.path, build_id, self.elf.debug_link, self._search, self._sysroot):
            try:
                found = ElfProgram(file)
            except (DwarfError, OSError):
                continue
            if found.has_debug_info and found.build_id == build_id:
                self.files.append(file)
                return found
        return None

    @cached_property
    def infos(self) -> list[Info]:
        """The sections of entries: none without debug information."""
        if self.debug is None:
            return []
        main = read_info(self.debug)
        main.supplement = self._supplement(self.debug)
        return [*split_infos(main, self.debug.path), main]

    def _supplement(self, debug: ElfProgram) -> Info | None:
        """Return the entries that dwz moved to a file shared by several programs."""
        link = debug.data(".gnu_debugaltlink")
        if not link:
            return None
        name, _, _ = link.partition(b"\0")
        base = debug.path.resolve().parent
        for file in (base / name.decode(), Path(f"{self._sysroot}/{name.decode()}")):
            if file.is_file():
                self.files.append(file)
                return read_info(ElfProgram(file))
        raise DwarfError(f"{debug.path} needs {name.decode()}, which is not there")

    @cached_property
    def types(self) -> ProgramTypes:
        """Its types."""
        return ProgramTypes([*self.infos, *(info.types for info in self.infos if info.types)], self.name)

    @cached_property
    def functions(self) -> dict[str, int]:
        """The addresses of its functions by symbol; those that only the debug file names are among them."""
        found = dict(self.elf.functions)
        if self.debug is not None and self.debug is not self.elf:
            found = self.debug.functions | found
        return found

    def hidden(self, symbol: str) -> int | None:
        """Return the address of a function that only the debug file has a symbol of; None for others."""
        if self.debug is None or self.debug is self.elf or self.elf.function(symbol) is not None:
            return None
        return self.debug.function(symbol)

    def signature(self, symbol: str, target: str) -> Signature | None:
        """Return the parameters of a function; None if there is no debug information on it."""
        key = (symbol, target)
        if key not in self._signatures:
            address = self.hidden(symbol) or self.elf.function(symbol)
            die = find_die(self.infos, symbol, address)
            self._signatures[key] = signature(die, symbol, self.types, target) if die else None
        return self._signatures[key]

    def cpp_symbols(self, name: str) -> list[str]:
        """Return the symbols of all functions of a C++ name."""
        return symbols_of(name, self.functions)

    def line(self, file: str, line: int, column: int = 0) -> int:
        """Return the address of a source line; raises NoSuchLine."""
        if not self.infos:
            raise NoSuchLine(f"No DWARF debug info found for '{self.name}', cannot attach by source code location.")
        main = self.infos[-1]
        assert self.debug is not None
        tables = replace(main, data=self.debug.data(".debug_line"), supplement=None, types=None)
        return line_address(tables, main.units, file, line, column)


def open_program(path: Path, name: str, search: Sequence[str] = (), sysroot: str = "") -> Program:
    """Return a program, read anew only if the file has changed; raises DwarfError or OSError."""
    state = path.stat()
    key = (path, state.st_mtime_ns, state.st_size, name, tuple(search), sysroot)
    program = _cache.pop(key, None) or Program(path, name, search, sysroot)
    _cache[key] = program
    while len(_cache) > _KEPT:
        del _cache[next(iter(_cache))]
    return program
