"""Loops as old kernels take them: what leads back to the head of a loop has to be a jump.

Kernels before 6.4 allow no other edge back (``push_insn()`` of kernel/bpf/verifier.c, "back-edge from insn"), and LLVM
may put the end of a loop right before its head, so that the program falls into it.  A ``goto +0`` goes between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from . import insn as op
from .insn import Insn, decode_insns, encode_insns
from .object import BpfProgram


def jump_into_loops(program: BpfProgram, order: str) -> None:
    """Make every edge back to the head of a loop a jump; ``order`` is the byte order of the instructions."""
    insns = decode_insns(program.insns, order)
    heads = sorted({head for entry in program.functions.values() for head in _fallen_into(insns, entry)})
    if heads:
        _insert(program, insns, heads, order)


def _is_jump(insn: Insn) -> bool:
    return insn.cls in (op.JMP, op.JMP32) and insn.code not in (op.CALL, op.EXIT)


def _target(at: int, insn: Insn) -> int:
    return at + 1 + (insn.imm if insn.code == op.JA32 else insn.off)


def _following(insns: list[Insn], at: int) -> list[int]:
    """Return where the program may go on: behind the instruction first, then where it jumps."""
    insn = insns[at]
    if insn.code == op.EXIT:
        return []
    behind = [] if insn.code in (op.JA, op.JA32) else [at + (2 if insn.code == op.LD_IMM64 else 1)]
    return [*behind, _target(at, insn)] if _is_jump(insn) else behind


def _fallen_into(insns: list[Insn], entry: int) -> set[int]:
    """Return the heads of loops that a function's instructions before them, which do not jump, lead back to."""
    heads = set()
    active, seen = {entry}, {entry}
    waiting = [(entry, _following(insns, entry))]
    while waiting:
        at, ways = waiting[-1]
        if not ways:
            waiting.pop()
            active.discard(at)
            continue
        to = ways.pop(0)
        if to in active and not _is_jump(insns[at]):
            heads.add(to)
        if to not in seen:
            seen.add(to)
            active.add(to)
            waiting.append((to, _following(insns, to)))
    return heads


def _insert(program: BpfProgram, insns: list[Insn], heads: list[int], order: str) -> None:
    """Put jumps before these instructions; all that counts instructions counts anew."""

    def moved(at: int) -> int:
        return at + bisect_right(heads, at)

    result = []
    for at, insn in enumerate(insns):
        if at in heads:
            result.append(Insn(op.JA))
        result.append(_adjusted(insn, at, moved))
    program.insns = encode_insns(result, order)
    program.functions = {name: moved(at) for name, at in program.functions.items()}
    program.relocs = [replace(reloc, insn=moved(reloc.insn), target=moved(reloc.target)) for reloc in program.relocs]
    program.func_info = [replace(info, insn=moved(info.insn)) for info in program.func_info]
    program.line_info = [replace(info, insn=moved(info.insn)) for info in program.line_info]


def _adjusted(insn: Insn, at: int, moved: Callable[[int], int]) -> Insn:
    """Return an instruction with the distance that it has after the move."""
    if _is_jump(insn):
        distance = moved(_target(at, insn)) - moved(at) - 1
        return replace(insn, imm=distance) if insn.code == op.JA32 else replace(insn, off=distance)
    calls = insn.code == op.CALL and insn.src == op.PSEUDO_CALL
    if calls or (insn.code == op.LD_IMM64 and insn.src == op.PSEUDO_FUNC):
        return replace(insn, imm=moved(at + 1 + insn.imm) - moved(at) - 1)
    return insn
