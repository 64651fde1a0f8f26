"""Links imported objects (.bpf.o, and .bpf.c once compiled) into the programs that call their functions.

A program that calls a function gets a copy of it, and of what that calls, behind its own code.  What the code refers to
besides (maps, data, kernel functions, fields of kernel types) becomes a load-time symbol like any of the script's.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from . import insn as op
from .btf import FuncInfo, LineInfo, function_names, read_ext, string_at
from .btf_view import BtfBuilder, BtfView
from .core import CoreKind, CoreReloc, read_core
from .elf import SHF_EXECINSTR, SHN_UNDEF, STB_LOCAL, STT_FUNC, ElfObject, ObjectError, Section, Symbol
from .insn import Insn, decode_insn
from .object import (
    CALL,
    CALLBACK,
    IMM32,
    IMM64,
    OFFSET,
    R_BPF_64_32,
    R_BPF_64_64,
    BpfObject,
    BpfProgram,
    BpfReloc,
)

#: What the compiler puts before the names of imported functions, so that they do not meet its own.
PREFIX = "c."
_DATA = (".data", ".bss", ".rodata")


@dataclass(frozen=True)
class Foreign:
    """An imported object; ``title`` is its file for messages."""

    title: str
    elf: ElfObject
    view: BtfView
    core: dict[str, list[CoreReloc]]
    funcs: dict[str, list[FuncInfo]]
    lines: dict[str, list[LineInfo]]

    def functions(self) -> dict[str, Symbol]:
        """Return the functions that others may call, by name."""
        found = {}
        for symbol in self.elf.symbols:
            if symbol.type == STT_FUNC and symbol.bind != STB_LOCAL and symbol.section != SHN_UNDEF:
                found[symbol.name] = symbol
        return found


class Wants(Protocol):
    """Makes the load-time symbols that code of imported objects asks for; each method returns a symbol's name."""

    def map(self, owner: Foreign, name: str) -> str:
        """Descriptor of a map that an object defines."""

    def data(self, owner: Foreign, section: Section, offset: int) -> str:
        """Address inside a data section."""

    def core(self, owner: Foreign, reloc: CoreReloc) -> str:
        """A fact of the host's types."""

    def kernel_function(self, name: str, call: bool) -> str:
        """A kernel function to be called, or whether there is one."""

    def kernel_address(self, name: str) -> str:
        """Address of a kernel symbol."""


def read_foreign(title: str, data: bytes, order: str) -> Foreign:
    """Read an object to be linked; ObjectError says what is wrong with it."""
    try:
        elf = ElfObject(data)
        if elf.byteorder != order:
            raise ObjectError("it is of the other byte order than the target")
        btf, ext = elf.find(".BTF"), elf.find(".BTF.ext")
        if btf is None or ext is None:
            raise ObjectError("it has no type information: compile it with clang -g")
        view = BtfView(btf.data, order)
        funcs, lines = read_ext(ext.data, btf.data, order)
        return Foreign(title, elf, view, read_core(ext.data, view), funcs, lines)
    except ObjectError as problem:
        raise ObjectError(f"{title}: {problem}") from None
    except (struct.error, IndexError, ValueError) as problem:
        raise ObjectError(f"{title}: damaged BPF object: {problem}") from None


def exported_functions(objects: Sequence[Foreign]) -> dict[str, tuple[Foreign, Symbol]]:
    """Return who defines each function; two of one name are an ObjectError."""
    found: dict[str, tuple[Foreign, Symbol]] = {}
    for owner in objects:
        for name, symbol in owner.functions().items():
            if name in found:
                raise ObjectError(f"{owner.title}: {found[name][0].title} defines the function '{name}', too")
            found[name] = owner, symbol
    return found


def link_objects(main: BpfObject, objects: Sequence[Foreign], wants: Wants) -> BpfObject:
    """Return the programs with the functions that they call; ObjectError names what cannot be linked."""
    exported = exported_functions(objects)
    builder = BtfBuilder(main.byteorder)
    names = function_names(main.btf, main.byteorder)
    for program in main.programs:
        for info in program.func_info:
            builder.function(names[info.type_id])
        program.func_info = [FuncInfo(i.insn, builder.function(names[i.type_id])) for i in program.func_info]
        program.line_info = [_moved_line(i, i.insn, main.btf, main.byteorder, builder) for i in program.line_info]
        _Linking(program, main.byteorder, exported, wants, builder).run()
    return BpfObject(main.byteorder, main.programs, builder.build())


def _moved_line(line: LineInfo, insn: int, btf: bytes, order: str, builder: BtfBuilder) -> LineInfo:
    # Only the last part of a path: the result must not tell where it was made.
    file = PurePosixPath(string_at(btf, order, line.file_name_off)).name
    text = string_at(btf, order, line.line_off)
    return LineInfo(insn, builder.string(file), builder.string(text), line.line_col)


@dataclass(frozen=True)
class _Piece:
    """A function of an object and where it goes to."""

    owner: Foreign
    section: Section
    name: str
    first: int  # instruction in its section
    count: int
    at: int  # instruction in the program

    @property
    def where(self) -> str:
        return f"{self.owner.title}: function '{self.name}' (section {self.section.name!r})"


@dataclass
class _Linking:
    """The work on one program."""

    program: BpfProgram
    order: str
    exported: dict[str, tuple[Foreign, Symbol]]
    wants: Wants
    builder: BtfBuilder
    data: bytearray = field(default_factory=bytearray)
    placed: dict[tuple[str, int, int], _Piece] = field(default_factory=dict)
    waiting: list[_Piece] = field(default_factory=list)
    end: int = 0

    def run(self) -> None:
        """Resolve the program's calls, then append what they need."""
        program = self.program
        self.data, self.end = bytearray(program.insns), program.insn_count
        own = [reloc for reloc in program.relocs if reloc.symbol.startswith(PREFIX)]
        program.relocs = [reloc for reloc in program.relocs if not reloc.symbol.startswith(PREFIX)]
        for reloc in own:
            owner, symbol = self.exported[reloc.symbol.removeprefix(PREFIX)]
            self._call(reloc.insn, self._place(owner, symbol.section, symbol.value))
        while self.waiting:
            self._append(self.waiting.pop(0))
        program.insns = bytes(self.data)
        program.relocs.sort(key=lambda reloc: reloc.insn)

    def _place(self, owner: Foreign, section: int, value: int) -> int:
        """Return the instruction at which a function will begin."""
        key = (owner.title, section, value)
        if key not in self.placed:
            symbol = next(
                (s for s in owner.elf.symbols if s.type == STT_FUNC and (s.section, s.value) == (section, value)), None
            )
            if symbol is None:
                name = owner.elf.sections[section].name
                raise ObjectError(f"{owner.title}: section {name!r}: no function begins at byte {value}")
            piece = _Piece(
                owner, owner.elf.sections[section], symbol.name, value // op.SIZE, symbol.size // op.SIZE, self.end
            )
            self.placed[key] = piece
            self.waiting.append(piece)
            self.end += piece.count
        return self.placed[key].at

    def _append(self, piece: _Piece) -> None:
        size = op.SIZE
        self.data += piece.section.data[piece.first * size : (piece.first + piece.count) * size]
        self.program.functions[piece.name] = piece.at
        inside = range(piece.first, piece.first + piece.count)
        self._append_info(piece, inside)
        done = set()
        for offset, kind, symbol in piece.owner.elf.relocations(piece.section):
            if offset // size in inside:
                done.add(offset // size)
                self._relocate(piece, offset // size - piece.first + piece.at, kind, symbol)
        for reloc in piece.owner.core.get(piece.section.name, []):
            if reloc.insn in inside:
                self._core(piece, reloc)
        for number in inside:
            insn = decode_insn(piece.section.data, number * size, self.order)
            if insn.code == op.CALL and insn.src == op.PSEUDO_CALL and number not in done:
                target = self._place(piece.owner, piece.section.index, (number + insn.imm + 1) * size)
                self._call(number - piece.first + piece.at, target)

    def _append_info(self, piece: _Piece, inside: range) -> None:
        """Every function needs its type and at least one line."""
        owner = piece.owner
        self.program.func_info.append(FuncInfo(piece.at, self.builder.function(piece.name)))
        lines = [line for line in owner.lines.get(piece.section.name, []) if line.insn in inside]
        if not lines or lines[0].insn != piece.first:
            lines.insert(0, LineInfo(piece.first, 0, 0, 0))
        for line in lines:
            place = line.insn - piece.first + piece.at
            self.program.line_info.append(_moved_line(line, place, owner.view.data, self.order, self.builder))

    # ---- references

    def _relocate(self, piece: _Piece, place: int, kind: int, symbol: Symbol) -> None:
        insn = self._insn(place)
        if kind == R_BPF_64_32 and insn.code == op.CALL:
            self._relocate_call(piece, place, insn, symbol)
        elif kind == R_BPF_64_64 and insn.code == op.LD_IMM64:
            self._relocate_address(piece, place, insn, symbol)
        else:
            raise ObjectError(f"{piece.where}: relocation type {kind} of symbol '{symbol.name}' is not supported")

    def _relocate_call(self, piece: _Piece, place: int, insn: Insn, symbol: Symbol) -> None:
        if symbol.section == SHN_UNDEF:
            if symbol.name in self.exported:
                owner, found = self.exported[symbol.name]
                self._call(place, self._place(owner, found.section, found.value))
            else:
                self._check_external(piece, symbol.name, function=True)
                self._want(place, CALL, self.wants.kernel_function(symbol.name, call=True))
            return
        value = symbol.value if symbol.type == STT_FUNC else (insn.imm + 1) * op.SIZE
        self._call(place, self._place(piece.owner, symbol.section, value))

    def _relocate_address(self, piece: _Piece, place: int, insn: Insn, symbol: Symbol) -> None:
        if symbol.section == SHN_UNDEF:
            self._relocate_external(piece, place, symbol.name)
            return
        section = piece.owner.elf.sections[symbol.section]
        offset = symbol.value + insn.imm
        if section.flags & SHF_EXECINSTR:
            self._callback(place, insn, self._place(piece.owner, symbol.section, offset))
        elif section.name == ".maps":
            self._want(place, IMM64, self.wants.map(piece.owner, self._map_at(piece, section, offset)))
        elif section.name.startswith(_DATA):
            self._want(place, IMM64, self.wants.data(piece.owner, section, offset))
        else:
            raise ObjectError(
                f"{piece.where}: '{symbol.name}' is in the section {section.name!r}, which has no place here"
            )

    def _relocate_external(self, piece: _Piece, place: int, name: str) -> None:
        if name in self.exported:
            owner, found = self.exported[name]
            self._callback(place, self._insn(place), self._place(owner, found.section, found.value))
        elif self._check_external(piece, name, function=False):
            self._want(place, IMM64, self.wants.kernel_function(name, call=False))
        else:
            self._want(place, IMM64, self.wants.kernel_address(name))

    def _check_external(self, piece: _Piece, name: str, function: bool) -> bool:
        """Tell whether an external is a kernel function; refuse what the host cannot be asked for."""
        known = piece.owner.view.variables
        if any(v.name == name for v in known.get(".kconfig", [])):
            raise ObjectError(f"{piece.where}: '{name}' is an option of the kernel's configuration (__kconfig),"
                              " which is not supported")  # fmt: skip
        found = next((v for v in known.get(".ksyms", []) if v.name == name), None)
        if found is None:
            hint = "; functions of the kernel are declared with __ksym" if function else ""
            raise ObjectError(f"{piece.where}: '{name}' is not defined{hint}")
        if not found.is_function and piece.owner.view.plain(found.type):
            raise ObjectError(f"{piece.where}: '{name}' is a typed variable of the kernel, which is not supported;"
                              f" declare it as void, for its address: extern const void {name} __ksym;")  # fmt: skip
        return found.is_function

    def _map_at(self, piece: _Piece, section: Section, offset: int) -> str:
        for symbol in piece.owner.elf.symbols:
            if symbol.section == section.index and symbol.value == offset and symbol.name and symbol.type != 3:
                return symbol.name
        raise ObjectError(f"{piece.where}: no map begins at byte {offset} of {section.name!r}")

    def _core(self, piece: _Piece, reloc: CoreReloc) -> None:
        place = reloc.insn - piece.first + piece.at
        if reloc.known is not None or reloc.kind is CoreKind.TYPE_ID_LOCAL:
            return  # the object's own answer is in place
        insn = self._insn(place)
        if insn.code == op.LD_IMM64:
            kind = IMM64
        elif insn.cls in (op.ALU32, op.ALU64) and not insn.code & 8:
            kind = IMM32
        elif insn.cls in (op.LDX, op.ST, op.STX):
            kind = OFFSET
        else:
            raise ObjectError(f"{piece.where}: CO-RE relocation of an instruction with the code {insn.code:#x}")
        self._want(place, kind, self.wants.core(piece.owner, reloc))

    # ---- instructions

    def _insn(self, place: int) -> Insn:
        return decode_insn(self.data, place * op.SIZE, self.order)

    def _put(self, place: int, insn: Insn) -> None:
        self.data[place * op.SIZE : (place + 1) * op.SIZE] = insn.encode(self.order)

    def _call(self, place: int, target: int) -> None:
        self._put(place, Insn(op.CALL, 0, op.PSEUDO_CALL, 0, target - place - 1))

    def _callback(self, place: int, insn: Insn, target: int) -> None:
        self._put(place, Insn(insn.code, insn.dst, op.PSEUDO_FUNC, 0, target - place - 1))
        self.program.relocs.append(BpfReloc(place, CALLBACK, "", target))

    def _want(self, place: int, kind: str, symbol: str) -> None:
        """Leave a place to the loader, without what the object holds there."""
        insn = self._insn(place)
        if kind == IMM64:
            self._put(place, Insn(insn.code, insn.dst))
            self._put(place + 1, Insn(0))
        self.program.relocs.append(BpfReloc(place, kind, symbol))
