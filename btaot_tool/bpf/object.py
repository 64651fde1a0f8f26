"""Read a BPF object that LLVM made: programs, what has to be filled in at load time, BTF.

One executable section is one program.  Its entry function comes first, subprograms and callbacks follow in the
same section, so that calls between them are already resolved; a call that LLVM left to the linker is resolved here.
What remains is a list of relocations by symbol name: the load-time symbols, and callbacks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from . import insn as op
from .btf import FuncInfo, LineInfo, read_ext, sanitize_btf
from .elf import (
    SHF_EXECINSTR,
    SHN_UNDEF,
    SHT_PROGBITS,
    STB_LOCAL,
    STT_FUNC,
    STT_SECTION,
    ElfObject,
    ObjectError,
    Section,
    Symbol,
)
from .insn import Insn, decode_insn

__all__ = [
    "CALL",
    "CALLBACK",
    "IMM32",
    "IMM64",
    "OFFSET",
    "R_BPF_64_32",
    "R_BPF_64_64",
    "BpfObject",
    "BpfProgram",
    "BpfReloc",
    "ObjectError",
    "read_object",
]

IMM64 = "imm64"  # ld_imm64 of an undefined symbol
CALL = "call"  # call of an undefined function: the place of a context load or a kfunc
IMM32 = "imm32"  # an instruction's 32-bit constant, in code of imported objects
OFFSET = "offset"  # a load's or store's offset, in code of imported objects
CALLBACK = "callback"  # ld_imm64 of a function of the program; BPF_PSEUDO_FUNC and the offset are already in place

R_BPF_64_64, R_BPF_64_32 = 1, 10


@dataclass(frozen=True, slots=True)
class BpfReloc:
    """A place that the loader completes; ``target`` is the instruction a callback begins at."""

    insn: int
    kind: str
    symbol: str
    target: int = 0


@dataclass(slots=True)
class BpfProgram:
    """A program: instructions in the object's byte order; all positions count from its first instruction."""

    section: str
    name: str
    insns: bytes
    functions: dict[str, int]
    relocs: list[BpfReloc] = field(default_factory=list)
    func_info: list[FuncInfo] = field(default_factory=list)
    line_info: list[LineInfo] = field(default_factory=list)

    @property
    def insn_count(self) -> int:
        """Instructions of the program, both halves of ld_imm64 counted."""
        return len(self.insns) // op.SIZE


@dataclass(frozen=True, slots=True)
class BpfObject:
    """All programs of an object, in the order of their sections; ``btf`` is empty without debug information."""

    byteorder: str
    programs: list[BpfProgram]
    btf: bytes

    def program(self, name: str) -> BpfProgram:
        """Return the program whose section or entry function has this name."""
        for program in self.programs:
            if name in (program.section, program.name):
                return program
        raise KeyError(f"no program {name!r} in the BPF object")


def read_object(elf: bytes) -> BpfObject:
    """Read an object; ObjectError names what the loader could not handle."""
    try:
        return _read(ElfObject(elf))
    except (struct.error, IndexError, ValueError, OverflowError) as problem:
        raise ObjectError(f"damaged BPF object: {problem}") from problem


def _read(obj: ElfObject) -> BpfObject:
    for section in obj.sections:
        if section.name.startswith((".rodata", ".data", ".bss")) and section.data:
            raise ObjectError(f"the BPF object has data of its own (section {section.name!r}): use a map")
    btf, funcs, lines = _read_btf(obj)
    programs = []
    for section in obj.sections:
        if section.type == SHT_PROGBITS and section.flags & SHF_EXECINSTR and section.data:
            program = _read_program(obj, section)
            program.func_info = funcs.get(section.name, [])
            program.line_info = lines.get(section.name, [])
            programs.append(program)
    return BpfObject(obj.byteorder, programs, btf)


def _read_btf(obj: ElfObject) -> tuple[bytes, dict[str, list[FuncInfo]], dict[str, list[LineInfo]]]:
    btf, ext = obj.find(".BTF"), obj.find(".BTF.ext")
    if btf is None or ext is None:
        return b"", {}, {}
    funcs, lines = read_ext(ext.data, btf.data, obj.byteorder)
    return sanitize_btf(btf.data, obj.byteorder), funcs, lines


def _read_program(obj: ElfObject, section: Section) -> BpfProgram:
    if section.name == ".text":
        raise ObjectError("a function stands in no program's section")
    functions = [s for s in obj.symbols if s.section == section.index and s.type == STT_FUNC]
    entry = next((s for s in functions if s.value == 0), None)
    if entry is None or (entry.bind == STB_LOCAL and any(s.bind != STB_LOCAL for s in functions)):
        raise ObjectError(f"section {section.name!r} does not begin with the program's entry function")
    data = bytearray(section.data)
    names = {s.name: s.value // op.SIZE for s in sorted(functions, key=lambda s: s.value)}
    program = BpfProgram(section.name, entry.name, b"", names)
    for offset, kind, symbol in obj.relocations(section):
        reloc = _read_reloc(obj, section, data, offset, kind, symbol)
        if reloc:
            program.relocs.append(reloc)
    program.relocs.sort(key=lambda r: r.insn)
    program.insns = bytes(data)
    return program


def _read_reloc(
    obj: ElfObject, section: Section, data: bytearray, offset: int, kind: int, symbol: Symbol
) -> BpfReloc | None:
    """Resolve what stays inside the program, patching ``data``; return what the loader has to do."""
    where = f"section {section.name!r}, instruction {offset // op.SIZE}"
    if offset % op.SIZE or offset + op.SIZE > len(data):
        raise ObjectError(f"{where}: relocation at an odd place")
    insn = decode_insn(data, offset, obj.byteorder)
    if kind == R_BPF_64_64 and insn.code == op.LD_IMM64:
        return _read_imm64(obj, section, data, offset, insn, symbol)
    if kind == R_BPF_64_32 and insn.code == op.CALL:
        if symbol.section == SHN_UNDEF:
            return BpfReloc(offset // op.SIZE, CALL, symbol.name)
        _resolve_call(obj, section, data, offset, insn, symbol)
        return None
    raise ObjectError(f"{where}: relocation type {kind} of symbol {symbol.name!r} is not supported")


def _read_imm64(obj: ElfObject, section: Section, data: bytearray, offset: int, insn: Insn, symbol: Symbol) -> BpfReloc:
    where = f"section {section.name!r}, instruction {offset // op.SIZE}"
    second = decode_insn(data, offset + op.SIZE, obj.byteorder)
    if symbol.section == SHN_UNDEF:
        if insn.imm or second.imm:
            raise ObjectError(f"{where}: load-time symbol {symbol.name!r} with an addend of {insn.imm}")
        return BpfReloc(offset // op.SIZE, IMM64, symbol.name)
    if symbol.section != section.index or symbol.type not in (STT_FUNC, STT_SECTION):
        raise ObjectError(f"{where}: {symbol.name!r} is neither a load-time symbol nor a function of this program")
    target, odd = divmod(symbol.value + insn.imm, op.SIZE)
    if odd or not 0 <= target < len(data) // op.SIZE:
        raise ObjectError(f"{where}: callback outside the program")
    distance = target - offset // op.SIZE - 1
    data[offset : offset + op.SIZE] = Insn(insn.code, insn.dst, op.PSEUDO_FUNC, 0, distance).encode(obj.byteorder)
    return BpfReloc(offset // op.SIZE, CALLBACK, _function_at(obj, section, target * op.SIZE), target)


def _resolve_call(obj: ElfObject, section: Section, data: bytearray, offset: int, insn: Insn, symbol: Symbol) -> None:
    if symbol.section != section.index:
        raise ObjectError(f"section {section.name!r}: call of {symbol.name!r}, which is in another program's section")
    # Against a section symbol the distance is already in the instruction; it counts from the section's start.
    target = symbol.value // op.SIZE if symbol.type == STT_FUNC else insn.imm + 1
    patched = Insn(insn.code, insn.dst, op.PSEUDO_CALL, 0, target - offset // op.SIZE - 1)
    data[offset : offset + op.SIZE] = patched.encode(obj.byteorder)


def _function_at(obj: ElfObject, section: Section, value: int) -> str:
    for symbol in obj.symbols:
        if symbol.section == section.index and symbol.type == STT_FUNC and symbol.value == value:
            return symbol.name
    raise ObjectError(f"section {section.name!r}: no function begins at instruction {value // op.SIZE}")
