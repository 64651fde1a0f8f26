"""The eBPF instruction: 8 bytes, in the byte order of the target; ``ld_imm64`` takes two of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

SIZE = 8

# Instruction classes: the low three bits of the code.
LD, LDX, ST, STX, ALU32, JMP, JMP32, ALU64 = range(8)

LD_IMM64 = 0x18
CALL = 0x85
EXIT = 0x95
JA = 0x05
JA32 = 0x06  # with a 32-bit distance, cpu v4

# What src_reg of ld_imm64 means to the kernel.
PSEUDO_MAP_FD = 1
PSEUDO_MAP_VALUE = 2
PSEUDO_BTF_ID = 3
PSEUDO_FUNC = 4

# What src_reg of a call means.
PSEUDO_CALL = 1
PSEUDO_KFUNC_CALL = 2


@dataclass(frozen=True, slots=True)
class Insn:
    """One instruction; ``off`` and ``imm`` are signed."""

    code: int
    dst: int = 0
    src: int = 0
    off: int = 0
    imm: int = 0

    @property
    def cls(self) -> int:
        """Instruction class."""
        return self.code & 7

    def encode(self, byteorder: str = "<") -> bytes:
        """Return the 8 bytes; ``byteorder`` is '<' or '>'."""
        regs = self.src << 4 | self.dst if byteorder == "<" else self.dst << 4 | self.src
        return struct.pack(byteorder + "BBhi", self.code, regs, self.off, self.imm)


def decode_insn(data: bytes | bytearray, offset: int = 0, byteorder: str = "<") -> Insn:
    """Read one instruction at a byte offset."""
    code, regs, off, imm = struct.unpack_from(byteorder + "BBhi", data, offset)
    low, high = regs & 15, regs >> 4
    dst, src = (low, high) if byteorder == "<" else (high, low)
    return Insn(code, dst, src, off, imm)


def decode_insns(data: bytes, byteorder: str = "<") -> list[Insn]:
    """Read a program; both halves of an ``ld_imm64`` are entries, the second has code 0."""
    if len(data) % SIZE:
        raise ValueError("a BPF program is a whole number of 8-byte instructions")
    return [decode_insn(data, offset, byteorder) for offset in range(0, len(data), SIZE)]


def encode_insns(insns: Iterable[Insn], byteorder: str = "<") -> bytes:
    """Return the bytes of a program."""
    return b"".join(insn.encode(byteorder) for insn in insns)


def load_imm64(dst: int, value: int, src: int = 0) -> list[Insn]:
    """Return the two instructions that load a 64-bit constant."""
    low, high = struct.unpack("<ii", struct.pack("<Q", value & (1 << 64) - 1))
    return [Insn(LD_IMM64, dst, src, 0, low), Insn(0, 0, 0, 0, high)]


def imm64_value(first: Insn, second: Insn) -> int:
    """Return the unsigned 64-bit constant of an ``ld_imm64``."""
    return (second.imm & 0xFFFFFFFF) << 32 | first.imm & 0xFFFFFFFF
