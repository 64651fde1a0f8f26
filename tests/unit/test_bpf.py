"""BPF objects: instructions, relocations, BTF, disassembly."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
import struct
import subprocess
from pathlib import Path

import bpf_objects
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btaot_tool.bpf import insn as op
from btaot_tool.bpf.btf import function_names, sanitize_btf, string_at
from btaot_tool.bpf.disasm import Notes, disassemble, format_insn
from btaot_tool.bpf.helpers import HELPER_IDS, HELPERS, helper_name
from btaot_tool.bpf.insn import Insn, decode_insns, encode_insns, imm64_value, load_imm64
from btaot_tool.bpf.object import CALL, CALLBACK, IMM64, ObjectError, read_object

BOTH = pytest.mark.parametrize("triple", ["bpfel", "bpfeb"])


# ---- instructions ---------------------------------------------------------------------------------


@given(
    code=st.integers(0, 255),
    dst=st.integers(0, 15),
    src=st.integers(0, 15),
    off=st.integers(-32768, 32767),
    imm=st.integers(-(2**31), 2**31 - 1),
    order=st.sampled_from("<>"),
)
def test_insn_round_trip(code: int, dst: int, src: int, off: int, imm: int, order: str) -> None:
    insn = Insn(code, dst, src, off, imm)
    assert decode_insns(insn.encode(order), order) == [insn]


def test_register_nibbles_follow_the_byte_order() -> None:
    insn = Insn(0xBF, dst=1, src=6)
    assert insn.encode("<")[1] == 0x61
    assert insn.encode(">")[1] == 0x16


@given(st.integers(0, 2**64 - 1))
def test_load_imm64(value: int) -> None:
    first, second = load_imm64(3, value)
    assert imm64_value(first, second) == value
    assert first.dst == 3 and second.code == 0


def test_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="8-byte"):
        decode_insns(bytes(12))


# ---- objects --------------------------------------------------------------------------------------


@BOTH
def test_constants_and_context_loads(triple: str) -> None:
    obj = read_object(bpf_objects.compile_ir(bpf_objects.context_load_program(), triple))
    (program,) = obj.programs
    assert (program.section, program.name, program.insn_count) == ("two", "entry_point", 5)
    assert [(r.insn, r.kind, r.symbol) for r in program.relocs] == [
        (0, CALL, "ldx:a,b(c)"),
        (1, IMM64, "field:task_struct.mm"),
    ]
    assert [f.insn for f in program.func_info] == [0]
    assert program.line_info[0].line_col >> 10 == 1
    assert string_at(obj.btf, obj.byteorder, program.line_info[0].line_off) == "begin { }"
    assert obj.program("two") is obj.program("entry_point") is program
    with pytest.raises(KeyError):
        obj.program("nothing")


@BOTH
def test_callbacks_and_static_calls(triple: str) -> None:
    obj = read_object(bpf_objects.compile_ir(bpf_objects.callback_program(), triple))
    (program,) = obj.programs
    assert program.functions == {"looper": 0, "body": 12, "helper_fn": 17}
    (reloc,) = program.relocs
    assert (reloc.kind, reloc.symbol, reloc.target) == (CALLBACK, "body", 12)
    insns = decode_insns(program.insns, obj.byteorder)
    place = insns[reloc.insn]
    assert place.src == op.PSEUDO_FUNC and reloc.insn + 1 + place.imm == reloc.target
    (call,) = [(i, insn) for i, insn in enumerate(insns) if insn.code == op.CALL and insn.src == op.PSEUDO_CALL]
    assert call[0] + 1 + call[1].imm == 17
    assert [f.insn for f in program.func_info] == [0, 12, 17]


def test_no_debug_information() -> None:
    obj = read_object(bpf_objects.compile_ir(bpf_objects.flag_program()))
    assert obj.btf == b"" and not obj.programs[0].func_info and not obj.programs[0].line_info


def test_each_section_is_a_program() -> None:
    functions = "\n".join(
        f'define i64 @f{i}(ptr %c) nounwind "no-builtins" section "s{i}" {{\n  ret i64 {i}\n}}' for i in range(20)
    )
    obj = read_object(bpf_objects.compile_ir(functions))
    assert [(p.section, p.name) for p in obj.programs] == [(f"s{i}", f"f{i}") for i in range(20)]
    assert all(p.insns == encode_insns([Insn(0xB7, 0, 0, 0, i), Insn(op.EXIT)]) for i, p in enumerate(obj.programs))


def test_twenty_programs() -> None:
    attach, metadata = bpf_objects.debug_info([f"f{i}" for i in range(20)])
    functions = "\n".join(
        f'define i64 @f{i}(ptr %c) nounwind "no-builtins" section "s{i}" {attach[f"f{i}"]} {{\n'
        f'  ret i64 ptrtoint (ptr @"map:0" to i64), !dbg !{11 + 2 * i}\n}}'
        for i in range(20)
    )
    elf = bpf_objects.compile_ir(bpf_objects.SYMBOLS + functions + "\n" + metadata)
    assert all(len(p.relocs) == 1 and len(p.func_info) == 1 for p in read_object(elf).programs)


@pytest.mark.parametrize(
    ("ir", "message"),
    [
        (
            '@d = global i64 5, section ".data"\ndefine i64 @f(ptr %c) section "s" {\n  %v = load i64, ptr @d\n'
            "  ret i64 %v\n}",
            "data of its own",
        ),
        ("define i64 @f(ptr %c) {\n  ret i64 0\n}", "stands in no program's section"),
        (
            'define internal i64 @g(i64 %x) noinline section "s" {\n  %t = call i64 inttoptr (i64 5 to ptr)()\n'
            '  %r = add i64 %t, %x\n  ret i64 %r\n}\ndefine i64 @f(ptr %c) section "s" {\n  %v = call i64 @g(i64 1)\n'
            "  ret i64 %v\n}",
            "does not begin with the program's entry function",
        ),
        (
            'define i64 @g(i64 %x) noinline section "t" {\n  %t = call i64 inttoptr (i64 5 to ptr)()\n'
            '  %r = add i64 %t, %x\n  ret i64 %r\n}\ndefine i64 @f(ptr %c) section "s" {\n  %v = call i64 @g(i64 1)\n'
            "  ret i64 %v\n}",
            "in another program's section",
        ),
    ],
)
def test_objects_that_cannot_be_loaded(ir: str, message: str) -> None:
    with pytest.raises(ObjectError, match=message):
        read_object(bpf_objects.compile_ir(ir))


def test_damaged_objects() -> None:
    elf = bpf_objects.compile_ir(bpf_objects.callback_program())
    with pytest.raises(ObjectError, match="not a 64-bit ELF"):
        read_object(b"nothing of the kind")
    with pytest.raises(ObjectError, match="not a BPF object"):
        read_object(elf[:18] + b"\x3e\0" + elf[20:])
    with pytest.raises(ObjectError, match="damaged"):
        read_object(elf[:200])


def test_addend_is_refused() -> None:
    elf = bytearray(bpf_objects.compile_ir(bpf_objects.flag_program()))
    at = bytes(elf).index(bytes.fromhex("1801000000000000"))
    elf[at + 4] = 8
    with pytest.raises(ObjectError, match=r"'flag:loop' with an addend of 8"):
        read_object(bytes(elf))


# ---- BTF ------------------------------------------------------------------------------------------


def _btf(types: bytes, strings: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def _kind(number: int, vlen: int = 0, flag: int = 0) -> int:
    return flag << 31 | number << 24 | vlen


@pytest.mark.parametrize("order", "<>")
def test_sanitize(order: str) -> None:
    strings = b"\0a:b\0fine\0E\0"
    pack = struct.Struct(order + "III").pack
    word = struct.Struct(order + "I").pack
    types = b"".join(
        [
            pack(5, _kind(1), 4) + word(32),  # 1 INT
            pack(0, _kind(13, 1), 1) + word(0) + word(1),  # 2 FUNC_PROTO with an unnamed parameter
            pack(1, _kind(12, 1), 2),  # 3 FUNC "a:b", global
            pack(5, _kind(16), 8),  # 4 FLOAT
            pack(1, _kind(14), 1) + word(1),  # 5 VAR
            pack(1, _kind(15, 1), 8) + word(5) + word(0) + word(8),  # 6 DATASEC
            pack(5, _kind(17), 1) + word(0),  # 7 DECL_TAG
            pack(5, _kind(18), 1),  # 8 TYPE_TAG
            pack(10, _kind(19, 1), 8) + word(5) + word(1) + word(2),  # 9 ENUM64
            pack(10, _kind(6, 1, 1), 4) + word(5) + word(1),  # 10 ENUM, signed
            pack(5, _kind(12, 0), 2),  # 11 FUNC "fine"
        ]
    )
    clean = sanitize_btf(_btf(types, strings, order), order)
    assert function_names(clean, order) == {3: "a_b", 11: "fine"}
    size = struct.unpack_from(order + "I", clean, 12)[0]
    kinds, offset, extra = [], 24, {1: 4, 13: 0, 6: 8}
    while offset < 24 + size:
        info = struct.unpack_from(order + "I", clean, offset + 4)[0]
        kind, vlen = info >> 24 & 31, info & 0xFFFF
        kinds.append((kind, vlen, info >> 31))
        offset += 12 + (extra.get(kind, 0) if kind != 6 else 8 * vlen)
    assert kinds == [
        (1, 0, 0),
        (13, 0, 0),
        (12, 0, 0),
        (4, 0, 0),
        (1, 0, 0),
        (1, 0, 0),
        (1, 0, 0),
        (10, 0, 0),
        (1, 0, 0),
        (6, 1, 0),
        (12, 0, 0),
    ]


def test_function_linkage_becomes_static() -> None:
    elf = bpf_objects.compile_ir(bpf_objects.callback_program())
    obj = read_object(elf)
    assert set(function_names(obj.btf, "<").values()) == {"looper", "body", "helper_fn"}
    assert read_object(elf).btf == obj.btf


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ObjectError, match="unknown kind 25"):
        sanitize_btf(_btf(struct.pack("<III", 0, _kind(25), 0), b"\0"), "<")


# ---- disassembly ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("insn", "text"),
    [
        (Insn(0x61, 1, 2, 16), "r1 = *(u32 *)(r2 + 16)"),
        (Insn(0x65, 1, 0, 3, 5), "if r1 s> 5 goto +3"),
        (Insn(0x85, imm=1), "call bpf_map_lookup_elem#1"),
        (Insn(0x85, imm=9999), "call bpf_helper#9999"),
        (Insn(0xDB, 1, 2), "lock *(u64 *)(r1 + 0) += r2"),
        (Insn(0xDB, 1, 2, imm=1), "r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)"),
        (Insn(0xC3, 1, 2, -4, 0xF1), "w0 = cmpxchg_32(r1 - 4, w0, w2)"),
        (Insn(0xDB, 1, 2, 8, 0xE1), "r2 = xchg_64(r1 + 8, r2)"),
        (Insn(0x91, 1, 2, -8), "r1 = *(s8 *)(r2 - 8)"),
        (Insn(0xB4, 3, imm=-1), "w3 = -1"),
        (Insn(0xC7, 3, imm=63), "r3 s>>= 63"),
        (Insn(0x3F, 1, 2, 1), "r1 s/= r2"),
        (Insn(0xDC, 1, imm=16), "r1 = be16 r1"),
        (Insn(0x87, 1), "r1 = -r1"),
        (Insn(0x1E, 1, 2, -2), "if w1 == w2 goto -2"),
        (Insn(0x05, off=4), "goto +4"),
        (Insn(0x85, src=2, imm=77), "call kfunc#77"),
        (Insn(0xFF), "(bad instruction code 0xff)"),
    ],
)
def test_notation(insn: Insn, text: str) -> None:
    assert format_insn(insn) == text


@given(code=st.integers(0, 255), src=st.integers(0, 10), imm=st.integers(-5, 300))
def test_every_code_has_a_text(code: int, src: int, imm: int) -> None:
    assert format_insn(Insn(code, 1, src, -1, imm))


def test_notes() -> None:
    text = encode_insns([*load_imm64(1, 0), Insn(0x15, 1, 0, 1, 0), Insn(op.CALL, imm=5), Insn(op.EXIT)])
    notes = Notes({0: "prog"}, {2: "3: begin { }"}, {3: "r0 = ?"}, {0: "map @x"})
    assert disassemble(text, "<", notes) == [
        "prog:",
        "     0: r1 = 0 ll                                ; map @x",
        "        ; 3: begin { }",
        "     2: if r1 == 0 goto +1 <4>",
        "     3: r0 = ?",
        "     4: exit",
    ]


@BOTH
@pytest.mark.parametrize("name", ["flag_program", "context_load_program", "callback_program", "arithmetic_program"])
def test_agrees_with_llvm_objdump(tmp_path: Path, name: str, triple: str) -> None:
    tool = shutil.which("llvm-objdump")
    if not tool:
        pytest.skip("no llvm-objdump")
    elf = bpf_objects.compile_ir(getattr(bpf_objects, name)(), triple)
    (tmp_path / "t.o").write_bytes(elf)
    command = [tool, "-d", "--no-show-raw-insn", "--mcpu=v3", str(tmp_path / "t.o")]
    theirs = [
        _plain(m.group(1))
        for m in re.finditer(
            r"^ +\d+:\s+(.*)$", subprocess.run(command, capture_output=True, text=True, check=True).stdout, re.M
        )
    ]
    obj = read_object(elf)
    ours = [_plain(line[8:]) for line in disassemble(obj.programs[0].insns, obj.byteorder) if line[6:7] == ":"]
    assert len(ours) == len(theirs)
    assert [(o, t) for o, t in zip(ours, theirs, strict=True) if o != t and t != "<unknown>"] == []  # old LLVM: no %=


def _plain(text: str) -> str:
    """Take away in what the two differ by intent: names of targets and helpers, what relocations fill in."""
    text = re.sub(r" <.*", "", text)
    text = re.sub(r"call (?:\w+#|pc)?\+?(-?\d+)", r"call \1", text)
    text = re.sub(r"= (?:function )?-?(?:0x)?[0-9a-f]+ ll", "= N ll", text)
    return text.strip()


def test_helpers() -> None:
    assert HELPERS[0] == "unspec" and len(HELPERS) >= 212
    known = {"map_lookup_elem": 1, "probe_read_kernel": 113, "ringbuf_output": 130, "loop": 181, "strncmp": 182}
    assert {name: HELPER_IDS[name] for name in known} == known
    assert helper_name(181) == "bpf_loop" and helper_name(0) == helper_name(-1) == "bpf_helper"


_ELF = functools.cache(lambda: bpf_objects.compile_ir(bpf_objects.callback_program()))


@settings(max_examples=300, deadline=None)
@given(position=st.integers(min_value=0), value=st.integers(0, 255))
def test_damage_is_an_object_error(position: int, value: int) -> None:
    elf = bytearray(_ELF())
    elf[position % len(elf)] = value
    with contextlib.suppress(ObjectError):
        read_object(bytes(elf))
