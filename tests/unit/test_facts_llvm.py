"""What the compiler relies on in LLVM, each fact by experiment: a new LLVM that changes one is noticed here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bpf_objects
import pytest
from bpf_objects import LDX_ATTRIBUTES, compile_ir

from btaot_tool.bpf import insn as op
from btaot_tool.bpf.btf import string_at
from btaot_tool.bpf.elf import ElfObject
from btaot_tool.bpf.insn import Insn, decode_insns
from btaot_tool.bpf.object import CALL, IMM64, BpfProgram, read_object

HEAD = 'define i64 @f(ptr %ctx) nounwind "no-builtins" section "s" {\n'


def program(body: str, before: str = "") -> BpfProgram:
    return read_object(compile_ir(f"{before}\n{HEAD}{body}\n}}")).programs[0]


def insns(body: str, before: str = "") -> list[Insn]:
    return decode_insns(program(body, before).insns)


def branch(linkage: str) -> list[Insn]:
    body = """
  %on = icmp ne i64 ptrtoint (ptr @flag to i64), 0
  br i1 %on, label %yes, label %no
yes:
  ret i64 111
no:
  ret i64 222"""
    return insns(body, f"@flag = {linkage} global i8")


# ---- load-time constants --------------------------------------------------------------------------


def test_extern_weak_keeps_the_branch() -> None:
    values = {insn.imm for insn in branch("extern_weak")}
    assert {111, 222} <= values


def test_external_loses_the_branch() -> None:
    """Why extern_weak is used: LLVM takes the address of an external symbol for non-null."""
    values = {insn.imm for insn in branch("external")}
    assert 111 in values and 222 not in values


def test_constant_is_ld_imm64_with_imm_zero() -> None:
    prog = program("  ret i64 ptrtoint (ptr @x to i64)", "@x = extern_weak global i8")
    assert [(r.insn, r.kind, r.symbol) for r in prog.relocs] == [(0, IMM64, "x")]
    assert decode_insns(prog.insns)[:2] == [Insn(op.LD_IMM64), Insn(0)]


@pytest.mark.parametrize(
    "use",
    [
        "  %v = add i64 ptrtoint (ptr @x to i64), 24\n  ret i64 %v",
        "  %p = getelementptr i8, ptr %ctx, i64 ptrtoint (ptr @x to i64)\n  %q = getelementptr i8, ptr %p, i64 8\n"
        "  %v = load i64, ptr %q, align 8\n  ret i64 %v",
        "  %v = ptrtoint ptr getelementptr (i8, ptr @x, i64 40) to i64\n  ret i64 %v",
        "  store i64 1, ptr getelementptr (i8, ptr @x, i64 16), align 8\n  ret i64 0",
    ],
)
def test_addends_stay_instructions(use: str) -> None:
    """read_object refuses an addend, so that reading is the test; the last two are how maps' values are addressed."""
    (reloc,) = program(use, "@x = extern_weak global i8").relocs
    assert reloc.kind == IMM64


def test_i8_symbol_is_assumed_unaligned() -> None:
    """With a wider type LLVM would take the low bits of the value for zero."""
    body = "  %v = and i64 ptrtoint (ptr @x to i64), 7\n  ret i64 %v"
    assert any(insn.code == 0x57 and insn.imm == 7 for insn in insns(body, "@x = extern_weak global i8"))


def test_one_symbol_many_uses() -> None:
    """A constant that is used twice is loaded at least once, always by a relocated instruction."""
    body = (
        "  %v = load i64, ptr %ctx, align 8\n  %a = mul i64 %v, ptrtoint (ptr @x to i64)\n"
        "  %b = add i64 %a, ptrtoint (ptr @x to i64)\n  ret i64 %b"
    )
    prog = program(body, "@x = extern_weak global i8")
    wide = [i for i, insn in enumerate(decode_insns(prog.insns)) if insn.code == op.LD_IMM64]
    assert wide == [r.insn for r in prog.relocs] and wide


@pytest.mark.parametrize("name", ["map:0", "field:task_struct.se.avg[2]", "a b", "ldx:x:y,z(0)", "käse", "x" * 300])
def test_names_survive(name: str) -> None:
    """Symbol names are not mangled, whatever characters they have."""
    prog = program(f'  ret i64 ptrtoint (ptr @"{name}" to i64)', f'@"{name}" = extern_weak global i8')
    assert prog.relocs[0].symbol == name


# ---- context loads --------------------------------------------------------------------------------

LDX = f'declare i64 @"ldx:0"(ptr) {LDX_ATTRIBUTES}\ndeclare i64 @"ldx:1"(ptr) {LDX_ATTRIBUTES}'


def test_context_load_is_one_call() -> None:
    prog = program('  %v = call i64 @"ldx:0"(ptr %ctx)\n  ret i64 %v', LDX)
    assert [(r.insn, r.kind, r.symbol) for r in prog.relocs] == [(0, CALL, "ldx:0")]
    assert decode_insns(prog.insns) == [Insn(op.CALL, src=op.PSEUDO_CALL, imm=-1), Insn(op.EXIT)]


def test_context_pointer_is_in_r1_before_each_call() -> None:
    body = '  %v = call i64 @"ldx:0"(ptr %ctx)\n  %w = call i64 @"ldx:1"(ptr %ctx)\n  %x = sub i64 %v, %w\n  ret i64 %x'
    prog = program(body, LDX)
    code = decode_insns(prog.insns)
    second = prog.relocs[1].insn
    assert len(prog.relocs) == 2
    assert any(i.code == 0xBF and i.dst == 1 for i in code[1:second])


def test_same_load_is_done_once_and_unused_not_at_all() -> None:
    body = (
        '  %v = call i64 @"ldx:0"(ptr %ctx)\n  %w = call i64 @"ldx:0"(ptr %ctx)\n'
        '  %u = call i64 @"ldx:1"(ptr %ctx)\n  %x = add i64 %v, %w\n  ret i64 %x'
    )
    assert [r.symbol for r in program(body, LDX).relocs] == ["ldx:0"]


# ---- shape of the code ----------------------------------------------------------------------------


def switch(cases: int) -> str:
    targets = "\n".join(f"    i64 {i}, label %c{i}" for i in range(cases))
    blocks = "\n".join(f"c{i}:\n  ret i64 {i * i * 7919 % 1000}" for i in range(cases))
    head = "  %v = load i64, ptr %ctx, align 8\n  switch i64 %v, label %d [\n"
    return f"{head}{targets}\n  ]\n{blocks}\nd:\n  ret i64 -1"


def test_v3_has_no_switch_tables() -> None:
    """No .rodata: it would need a map of its own.  read_object refuses it as well."""
    elf = ElfObject(compile_ir(f"{HEAD}{switch(40)}\n}}"))
    assert not [s.name for s in elf.sections if s.name.startswith(".rodata")]


def test_v3_uses_32_bit_operations() -> None:
    body = "  %v = load i32, ptr %ctx, align 4\n  %w = mul i32 %v, 3\n  %x = zext i32 %w to i64\n  ret i64 %x"
    assert any(insn.cls == op.ALU32 for insn in insns(body))


def test_unreachable_becomes_a_call() -> None:
    """Why it is never emitted."""
    body = (
        "  %v = load i64, ptr %ctx, align 8\n  %c = icmp eq i64 %v, 1\n  br i1 %c, label %a, label %b\na:\n"
        "  call void inttoptr (i64 5 to ptr)()\n  unreachable\nb:\n  ret i64 0"
    )
    assert [r.symbol for r in program(body).relocs] == ["__bpf_trap"]


def copy_size(align: int) -> int:
    body = (
        f"  call void @llvm.memcpy.p0.p0.i64(ptr align {align} inttoptr (i64 8 to ptr), ptr align {align} %ctx,"
        " i64 64, i1 false)\n  ret i64 0"
    )
    return len(insns(body, "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"))


def test_alignment_decides_the_size_of_a_copy() -> None:
    assert copy_size(8) < 30
    assert copy_size(1) > 100


def test_calls_inside_a_section_are_resolved() -> None:
    prog = read_object(compile_ir(bpf_objects.callback_program())).programs[0]
    code = decode_insns(prog.insns)
    calls = [i + 1 + insn.imm for i, insn in enumerate(code) if insn.code == op.CALL and insn.src == op.PSEUDO_CALL]
    assert calls == [prog.functions["helper_fn"]]


# ---- debug information and bytes ------------------------------------------------------------------


def with_source(file: str = "t.bt", source: str = "begin { }\\0A") -> bytes:
    attach, metadata = bpf_objects.debug_info(["f"], file, source)
    body = "  %t = call i64 inttoptr (i64 5 to ptr)(), !dbg !11\n  ret i64 %t, !dbg !11\n}"
    return compile_ir(f'define i64 @f(ptr %ctx) nounwind section "s" {attach["f"]} {{\n{body}\n{metadata}')


def test_source_text_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    obj = read_object(with_source("stdin", "interval:s:1 { print(1); }\\0A"))
    info = obj.programs[0].line_info[0]
    assert string_at(obj.btf, "<", info.line_off) == "interval:s:1 { print(1); }"
    assert string_at(obj.btf, "<", info.file_name_off) == "stdin"
    assert len(obj.programs[0].func_info) == 1


def test_directory_stays_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path).encode() not in with_source()


def in_process(code: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    here = str(Path(__file__).parent)
    root = str(Path(__file__).parents[2])
    env = os.environ | {"PYTHONPATH": os.pathsep.join((here, root))}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, env=env, check=False)


def test_bytes_depend_on_nothing_else(tmp_path: Path) -> None:
    """Same input, same object: in another process, in another directory, with another hash seed."""
    code = (
        "import bpf_objects, hashlib\n"
        "print(hashlib.sha256(bpf_objects.compile_ir(bpf_objects.callback_program())).hexdigest())"
    )
    digests = {in_process(code, cwd).stdout for cwd in (tmp_path, Path("/"))}
    import hashlib

    digests.add(hashlib.sha256(compile_ir(bpf_objects.callback_program())).hexdigest() + "\n")
    assert len(digests) == 1


# ---- what kills the process -----------------------------------------------------------------------

LETHAL = {
    "sdiv": "  %v = load i64, ptr %ctx, align 8\n  %w = sdiv i64 %v, 7\n  %x = sdiv i64 5, %v\n  %y = add i64 %w, %x\n"
    "  ret i64 %y",
    "float": "  %v = load double, ptr %ctx, align 8\n  %w = fadd double %v, 1.0\n  store double %w, ptr %ctx, align 8\n"
    "  ret i64 0",
    "six arguments": "  %v = call i64 inttoptr (i64 5 to ptr)(i64 1, i64 2, i64 3, i64 4, i64 5, i64 6)\n  ret i64 %v",
    "byte atomics": "  %v = atomicrmw add ptr %ctx, i8 1 seq_cst\n  ret i64 0",
    "dynamic memcpy": "  %v = load i64, ptr %ctx, align 8\n"
    "  call void @llvm.memcpy.p0.p0.i64(ptr inttoptr (i64 8 to ptr), ptr %ctx, i64 %v, i1 false)\n"
    "  ret i64 0",
    "big memset": "  call void @llvm.memset.p0.i64(ptr align 8 %ctx, i8 0, i64 2048, i1 false)\n  ret i64 0",
    "dynamic alloca": "  %v = load i64, ptr %ctx, align 8\n  %p = alloca i8, i64 %v, align 8\n"
    "  %r = call i64 inttoptr (i64 4 to ptr)(ptr %p, i32 8, ptr %ctx)\n  ret i64 %r",
    "srem": "  %v = load i32, ptr %ctx, align 4\n  %w = srem i32 100, %v\n  %x = zext i32 %w to i64\n  ret i64 %x",
    "128 bits": "  %v = load i128, ptr %ctx, align 8\n  %w = mul i128 %v, %v\n  store i128 %w, ptr %ctx, align 8\n"
    "  ret i64 0",
    "atomic umax": "  %v = atomicrmw umax ptr %ctx, i64 7 seq_cst\n  ret i64 %v",
    "fence": "  fence seq_cst\n  ret i64 0",
}


def try_compile(body: str) -> str:
    """Return Python that compiles a function and says "alive" whatever exception that raises."""
    declarations = (
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\ndeclare void @llvm.memset.p0.i64(ptr, i8, i64, i1)\n"
    )
    ir = f"{declarations}{HEAD}{body}\n}}"
    return f"""
import bpf_objects
try:
    bpf_objects.compile_ir({ir!r})
except BaseException:
    pass
print('alive')"""


@pytest.mark.parametrize("name", LETHAL)
def test_backend_error_ends_the_process(name: str) -> None:
    """No Python exception: why code generation runs in a worker process."""
    result = in_process(try_compile(LETHAL[name]))
    assert result.returncode != 0 and "alive" not in result.stdout
    assert result.stderr.strip() and "Traceback" not in result.stderr  # LLVM says why; the worker shows it


def test_good_code_does_not() -> None:
    assert in_process(try_compile("  ret i64 0")).stdout == "alive\n"


def test_big_frame_is_an_error() -> None:
    code = f"""
import bpf_objects
bpf_objects.compile_ir('''{HEAD}  %a = alloca [600 x i8], align 8
  %r = call i64 inttoptr (i64 4 to ptr)(ptr %a, i32 600, ptr %ctx)
  ret i64 %r
}}''')
print('alive')"""
    result = in_process(code)
    assert "alive" not in result.stdout and "stack" in result.stderr.lower()


def test_function_named_like_its_section_is_an_error() -> None:
    ir = 'define i64 @s(ptr %c) section "s" {\n  ret i64 0\n}'
    result = in_process(f"import bpf_objects\nbpf_objects.compile_ir({ir!r})\nprint('alive')")
    assert "alive" not in result.stdout and "changed binding" in result.stderr
