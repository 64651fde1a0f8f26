"""Disassembly of eBPF in the notation that llvm-objdump and the kernel's verifier use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import insn as op
from .helpers import helper_name
from .insn import Insn, decode_insns, imm64_value

_SIZES = {0x00: ("u32", 32), 0x08: ("u16", 16), 0x10: ("u8", 8), 0x18: ("u64", 64)}
_ALU = {
    0x00: "+=",
    0x10: "-=",
    0x20: "*=",
    0x30: "/=",
    0x40: "|=",
    0x50: "&=",
    0x60: "<<=",
    0x70: ">>=",
    0x90: "%=",
    0xA0: "^=",
    0xB0: "=",
    0xC0: "s>>=",
}
_JUMP = {
    0x10: "==",
    0x20: ">",
    0x30: ">=",
    0x40: "&",
    0x50: "!=",
    0x60: "s>",
    0x70: "s>=",
    0xA0: "<",
    0xB0: "<=",
    0xC0: "s<",
    0xD0: "s<=",
}
_ATOMIC = {0x00: ("+=", "add"), 0x40: ("|=", "or"), 0x50: ("&=", "and"), 0xA0: ("^=", "xor")}
_MODE_ABS, _MODE_IND, _MODE_MEM, _MODE_MEMSX, _MODE_ATOMIC = 0x20, 0x40, 0x60, 0x80, 0xC0
_FETCH, _XCHG, _CMPXCHG = 0x01, 0xE1, 0xF1
_PSEUDO_NAMES = {
    op.PSEUDO_MAP_FD: "map fd",
    op.PSEUDO_MAP_VALUE: "map value",
    op.PSEUDO_BTF_ID: "btf id",
    op.PSEUDO_FUNC: "function",
}


@dataclass(frozen=True, slots=True)
class Notes:
    """What is known about a program besides its bytes; keys are indexes of instructions.

    ``labels`` name the functions that begin there, ``sources`` are lines of the script, ``texts`` replace an
    instruction that is completed at load time, ``comments`` stand behind it.
    """

    labels: Mapping[int, str] = field(default_factory=dict)
    sources: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    comments: Mapping[int, str] = field(default_factory=dict)


def disassemble(text: bytes, byteorder: str = "<", notes: Notes | None = None) -> list[str]:
    """Return a program as lines ``index: instruction  ; comment``, with its labels and source lines."""
    insns, notes = decode_insns(text, byteorder), notes or Notes()
    lines, index = [], 0
    while index < len(insns):
        if index in notes.labels:
            lines.append(f"{notes.labels[index]}:")
        if index in notes.sources:
            lines.append(f"        ; {notes.sources[index]}")
        wide = insns[index].code == op.LD_IMM64 and index + 1 < len(insns)
        body = notes.texts.get(index) or format_insn(insns[index], insns[index + 1] if wide else None)
        target = jump_target(insns[index], index)
        if target is not None:
            body += f" <{notes.labels.get(target, target)}>"
        comment = notes.comments.get(index, "")
        lines.append(f"{index:6}: {body:<40} ; {comment}" if comment else f"{index:6}: {body}")
        index += 2 if wide else 1
    return lines


def jump_target(insn: Insn, index: int) -> int | None:
    """Return the index of the instruction that a jump or a call of a subprogram goes to."""
    if insn.cls not in (op.JMP, op.JMP32) or insn.code == op.EXIT:
        return None
    if insn.code == op.CALL:
        return index + 1 + insn.imm if insn.src == op.PSEUDO_CALL and insn.imm != -1 else None
    if insn.code == op.JA32:
        return index + 1 + insn.imm
    return index + 1 + insn.off


def format_insn(insn: Insn, second: Insn | None = None) -> str:
    """Return one instruction as text; ``second`` is the other half of an ``ld_imm64``."""
    if insn.code == op.LD_IMM64:
        return _load_imm64(insn, second)
    text = _FORMATS[insn.cls](insn)
    return text or f"(bad instruction code 0x{insn.code:02x})"


def _load_imm64(insn: Insn, second: Insn | None) -> str:
    value = imm64_value(insn, second) if second else insn.imm & 0xFFFFFFFF
    if not insn.src:
        return f"r{insn.dst} = {value if value < 1 << 12 else hex(value)} ll"
    name = _PSEUDO_NAMES.get(insn.src, f"pseudo {insn.src}")
    if insn.src == op.PSEUDO_MAP_VALUE:
        return f"r{insn.dst} = {name} {insn.imm}+{second.imm if second else 0} ll"
    return f"r{insn.dst} = {name} {insn.imm} ll"


def _place(insn: Insn, register: int) -> str:
    sign = "-" if insn.off < 0 else "+"
    return f"r{register} {sign} {abs(insn.off)}"


def _memory(insn: Insn, register: int, prefix: str = "") -> str:
    size = _SIZES[insn.code & 0x18][0]
    return f"*({prefix or size[0]}{size[1:]} *)({_place(insn, register)})"


def _format_ld(insn: Insn) -> str:
    size = _SIZES[insn.code & 0x18][0]
    if insn.code & 0xE0 == _MODE_ABS:
        return f"r0 = *({size} *)skb[{insn.imm}]"
    if insn.code & 0xE0 == _MODE_IND:
        return f"r0 = *({size} *)skb[r{insn.src} + {insn.imm}]"
    return ""


def _format_ldx(insn: Insn) -> str:
    mode = insn.code & 0xE0
    if mode not in (_MODE_MEM, _MODE_MEMSX):
        return ""
    return f"r{insn.dst} = {_memory(insn, insn.src, 's' if mode == _MODE_MEMSX else '')}"


def _format_st(insn: Insn) -> str:
    return f"{_memory(insn, insn.dst)} = {insn.imm}" if insn.code & 0xE0 == _MODE_MEM else ""


def _format_stx(insn: Insn) -> str:
    mode = insn.code & 0xE0
    size, bits = _SIZES[insn.code & 0x18]
    reg = "w" if mode == _MODE_ATOMIC and bits == 32 else "r"
    if mode == _MODE_MEM:
        return f"{_memory(insn, insn.dst)} = r{insn.src}"
    if mode != _MODE_ATOMIC:
        return ""
    if insn.imm == _XCHG:
        return f"{reg}{insn.src} = xchg_{bits if bits == 64 else '32'}({_place(insn, insn.dst)}, {reg}{insn.src})"
    if insn.imm == _CMPXCHG:
        return f"{reg}0 = cmpxchg_{bits if bits == 64 else '32'}({_place(insn, insn.dst)}, {reg}0, {reg}{insn.src})"
    if insn.imm & ~_FETCH not in _ATOMIC:
        return ""
    sign, name = _ATOMIC[insn.imm & ~_FETCH]
    if insn.imm & _FETCH:
        return f"{reg}{insn.src} = atomic_fetch_{name}(({size} *)({_place(insn, insn.dst)}), {reg}{insn.src})"
    return f"lock {_memory(insn, insn.dst)} {sign} {reg}{insn.src}"


def _format_alu(insn: Insn) -> str:
    reg = "r" if insn.cls == op.ALU64 else "w"
    operation, dst = insn.code & 0xF0, f"{reg}{insn.dst}"
    if operation == 0x80:
        return f"{dst} = -{dst}"
    if operation == 0xD0:
        swap = "bswap" if insn.cls == op.ALU64 else ("be" if insn.code & 8 else "le")
        return f"r{insn.dst} = {swap}{insn.imm} r{insn.dst}"
    if operation not in _ALU:
        return ""
    sign = _ALU[operation]
    if operation in (0x30, 0x90) and insn.off == 1:
        sign = f"s{sign}"
    if not insn.code & 8:
        return f"{dst} {sign} {insn.imm}"
    if operation == 0xB0 and insn.off:
        return f"{dst} = (s{insn.off}){reg}{insn.src}"
    return f"{dst} {sign} {reg}{insn.src}"


def _format_jmp(insn: Insn) -> str:
    if insn.code == op.EXIT:
        return "exit"
    if insn.code == op.CALL:
        return _format_call(insn)
    if insn.code in (op.JA, op.JA32):
        return f"goto {insn.off:+d}" if insn.code == op.JA else f"gotol {insn.imm:+d}"
    operation = insn.code & 0xF0
    if operation not in _JUMP:
        return ""
    reg = "r" if insn.cls == op.JMP else "w"
    right = f"{reg}{insn.src}" if insn.code & 8 else str(insn.imm)
    return f"if {reg}{insn.dst} {_JUMP[operation]} {right} goto {insn.off:+d}"


def _format_call(insn: Insn) -> str:
    if insn.src == op.PSEUDO_CALL:
        return f"call pc{insn.imm:+d}"
    if insn.src == op.PSEUDO_KFUNC_CALL:
        return f"call kfunc#{insn.imm}"
    return f"call {helper_name(insn.imm)}#{insn.imm}"


_FORMATS: dict[int, Callable[[Insn], str]] = {
    op.LD: _format_ld,
    op.LDX: _format_ldx,
    op.ST: _format_st,
    op.STX: _format_stx,
    op.ALU32: _format_alu,
    op.ALU64: _format_alu,
    op.JMP: _format_jmp,
    op.JMP32: _format_jmp,
}
