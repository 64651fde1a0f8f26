"""The edges back to the heads of loops: old kernels take jumps only."""

from __future__ import annotations

from btaot_tool.bpf import insn as op
from btaot_tool.bpf.btf import FuncInfo, LineInfo
from btaot_tool.bpf.insn import Insn, decode_insns, encode_insns, load_imm64
from btaot_tool.bpf.loops import jump_into_loops
from btaot_tool.bpf.object import CALL, CALLBACK, BpfProgram, BpfReloc

ADD, MOV, JEQ = 0x07, 0xB7, 0x15


def made(insns: list[Insn]) -> BpfProgram:
    program = BpfProgram("s", "f", encode_insns(insns), {"f": 0})
    jump_into_loops(program, "<")
    return program


def test_an_end_that_falls_into_its_head() -> None:
    # 0 goto 3;  1-2 end of the loop: r1 = imm64;  3 head: if r1 == 7 goto 1;  4 if r1 == 8 goto 3;  5 exit
    loop = [Insn(op.JA, off=2), *load_imm64(1, 8), Insn(JEQ, 1, off=-3, imm=7), Insn(JEQ, 1, off=-2, imm=8)]
    program = made([*loop, Insn(op.EXIT)])
    assert decode_insns(program.insns) == [
        *[Insn(op.JA, off=3), *load_imm64(1, 8), Insn(op.JA)],
        *[Insn(JEQ, 1, off=-4, imm=7), Insn(JEQ, 1, off=-2, imm=8), Insn(op.EXIT)],
    ]


def test_what_counts_instructions_counts_anew() -> None:
    """A callback and a call of a function behind a loop, relocations, lines and functions."""
    loop = [Insn(op.JA, off=1), Insn(ADD, 1, imm=1), Insn(JEQ, 1, off=-2, imm=7)]
    calls = [*load_imm64(2, 3, op.PSEUDO_FUNC), Insn(op.CALL, src=op.PSEUDO_CALL, imm=1), Insn(op.EXIT)]
    program = BpfProgram("s", "f", encode_insns([*loop, *calls, Insn(op.EXIT)]), {"f": 0, "g": 7})
    program.relocs = [BpfReloc(1, CALL, "x"), BpfReloc(3, CALLBACK, "g", 7)]
    program.func_info = [FuncInfo(0, 1), FuncInfo(7, 2)]
    program.line_info = [LineInfo(1, 0, 0, 1), LineInfo(2, 0, 0, 2), LineInfo(7, 0, 0, 3)]
    jump_into_loops(program, "<")
    insns = decode_insns(program.insns)
    assert insns[2] == Insn(op.JA) and insns[3] == Insn(JEQ, 1, off=-3, imm=7)
    assert insns[4].imm == 3 and insns[6].imm == 1  # both still lead to the function at 8
    assert program.functions == {"f": 0, "g": 8}
    assert [(reloc.insn, reloc.target) for reloc in program.relocs] == [(1, 0), (4, 8)]
    assert [info.insn for info in program.func_info] == [0, 8]
    assert [info.insn for info in program.line_info] == [1, 3, 8]


def test_other_ways_to_meet_stay_as_they_are() -> None:
    """Ways that meet behind a condition, and loops whose end jumps."""
    meeting = [Insn(JEQ, 1, off=1, imm=7), Insn(MOV, 1, imm=1), Insn(op.EXIT)]
    loop = [Insn(ADD, 1, imm=1), Insn(JEQ, 1, off=-2, imm=7), Insn(op.EXIT)]
    for insns in (meeting, loop):
        assert decode_insns(made(insns).insns) == insns
