"""What the runtime and the code generator rely on in the kernel, each fact by experiment on this machine."""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path

import bpf_syscall as sysc
import pytest
from bpf_syscall import Btf, Map, Prog, Ringbuf, VerifierError, load

from btaot_tool.bpf import insn as op
from btaot_tool.bpf.helpers import HELPER_IDS
from btaot_tool.bpf.insn import Insn, decode_insns, encode_insns, load_imm64
from btaot_tool.bpf.object import read_object

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import bpf_objects

pytestmark = [pytest.mark.root, sysc.NEEDS_ROOT]

ORDER = "<" if sys.byteorder == "little" else ">"
CONTEXTS = pytest.mark.parametrize(
    "kind",
    [sysc.TRACEPOINT, sysc.RAW_TRACEPOINT, sysc.PERF_EVENT, sysc.KPROBE],
    ids=["tracepoint", "raw_tracepoint", "perf_event", "kprobe"],
)

RETURN_0 = [Insn(0xB7, 0, imm=0), Insn(op.EXIT)]
MOV, ADD_REG, ADD, LOAD64, STORE64 = 0xBF, 0x0F, 0x07, 0x79, 0x7B
UNKNOWN_HELPER = Insn(op.CALL, imm=9999)


def call(name: str) -> Insn:
    return Insn(op.CALL, imm=HELPER_IDS[name])


def mov(dst: int, value: int) -> Insn:
    return Insn(0xB7, dst, imm=value)


def map_fd(dst: int, fd: int) -> list[Insn]:
    return load_imm64(dst, fd, op.PSEUDO_MAP_FD)


def flagged(flag: int, body: list[Insn]) -> list[Insn]:
    """Return ``if (flag) { body }`` as the compiler leaves it: the flag is an ld_imm64."""
    return [*load_imm64(1, flag), Insn(0x15, 1, off=len(body), imm=0), *body, *RETURN_0]


# ---- context --------------------------------------------------------------------------------------


@CONTEXTS
def test_computed_context_offset_is_rejected(kind: int) -> None:
    """Why context fields are loads that the runtime writes, and not offsets from ld_imm64."""
    with pytest.raises(VerifierError) as caught:
        load(kind, [*load_imm64(2, 8), Insn(ADD_REG, 1, 2), Insn(LOAD64, 0, 1, 0), *RETURN_0])
    assert "dereference of modified ctx ptr" in caught.value.log


@CONTEXTS
def test_patched_load_is_accepted(kind: int) -> None:
    load(kind, [Insn(LOAD64, 0, 1, 8), *RETURN_0])


def test_patched_load_reads_the_field() -> None:
    """The call that LLVM left is overwritten with one LDX, then the program runs."""
    obj = read_object(bpf_objects.compile_ir(bpf_objects.context_load_program(), "bpfel" if ORDER == "<" else "bpfeb"))
    (program,) = obj.programs
    insns = decode_insns(program.insns, obj.byteorder)
    for reloc in program.relocs:
        if reloc.kind == "call":
            insns[reloc.insn] = Insn(LOAD64, 0, 1, 16)
        else:
            insns[reloc.insn : reloc.insn + 2] = load_imm64(insns[reloc.insn].dst, 1000)
    assert load(sysc.RAW_TRACEPOINT, insns).run([5, 6, 7]) == 1007


def test_narrow_loads_from_tracepoint_context() -> None:
    """Fields of 1, 2, 4 and 8 bytes are read with their own size."""
    for code, offset in ((0x71, 9), (0x69, 10), (0x61, 12), (0x79, 16)):
        load(sysc.TRACEPOINT, [Insn(code, 0, 1, offset), *RETURN_0])


def test_context_address_for_probe_read() -> None:
    """ctx plus a constant from ld_imm64 is a source for probe_read_kernel in tracepoint programs."""
    load(
        sysc.TRACEPOINT,
        [
            *load_imm64(2, 16),
            Insn(MOV, 3, 1),
            Insn(ADD_REG, 3, 2),
            Insn(MOV, 1, 10),
            Insn(ADD, 1, imm=-8),
            mov(2, 8),
            call("probe_read_kernel"),
            *RETURN_0,
        ],
    )


# ---- dead branches --------------------------------------------------------------------------------


def test_dead_branch_may_hold_what_the_kernel_does_not_know() -> None:
    load(sysc.RAW_TRACEPOINT, flagged(0, [UNKNOWN_HELPER]))
    with pytest.raises(VerifierError, match=r"invalid func|unknown func"):
        load(sysc.RAW_TRACEPOINT, flagged(1, [UNKNOWN_HELPER]))


def test_dead_branch_may_hold_map_zero() -> None:
    """A map that the host cannot have becomes literal 0 ..."""
    body = [*load_imm64(1, 0), Insn(MOV, 2, 10), Insn(ADD, 2, imm=-8), call("map_lookup_elem")]
    load(sysc.RAW_TRACEPOINT, flagged(0, body))
    with pytest.raises(VerifierError):
        load(sysc.RAW_TRACEPOINT, flagged(1, body))


def test_dead_branch_may_not_hold_an_invalid_map() -> None:
    """... because an invalid descriptor is rejected before reachability is known."""
    with pytest.raises(VerifierError):
        load(sysc.RAW_TRACEPOINT, flagged(0, map_fd(1, 9999)))


def test_dead_branch_may_not_hold_an_invalid_kfunc() -> None:
    with pytest.raises(VerifierError):
        load(sysc.RAW_TRACEPOINT, flagged(0, [Insn(op.CALL, src=op.PSEUDO_KFUNC_CALL, imm=0x7FFFFFF)]))


def test_dead_branch_may_use_a_map_wrongly() -> None:
    ring = Ringbuf(4096)
    body = [*map_fd(1, ring.fd), Insn(MOV, 2, 10), Insn(ADD, 2, imm=-8), call("map_lookup_elem")]
    load(sysc.RAW_TRACEPOINT, flagged(0, body))
    with pytest.raises(VerifierError):
        load(sysc.RAW_TRACEPOINT, flagged(1, body))


def test_dead_branch_may_hold_a_jump_over_nothing() -> None:
    """What replaces a fetching atomic on 5.10: ja +0."""
    load(sysc.RAW_TRACEPOINT, flagged(0, [Insn(op.JA)]))
    load(sysc.RAW_TRACEPOINT, flagged(1, [Insn(op.JA)]))


# ---- callbacks and debug information --------------------------------------------------------------


def callback_object() -> tuple[bytes, bytes, list[tuple[int, int]], list[tuple[int, int, int, int]]]:
    obj = read_object(bpf_objects.compile_ir(bpf_objects.callback_program(), "bpfel" if ORDER == "<" else "bpfeb"))
    program = obj.programs[0]
    funcs = [(f.insn, f.type_id) for f in program.func_info]
    lines = [(i.insn, i.file_name_off, i.line_off, i.line_col) for i in program.line_info]
    return program.insns, obj.btf, funcs, lines


def test_callback_needs_func_info() -> None:
    text, btf, funcs, lines = callback_object()
    with pytest.raises(VerifierError, match="missing btf func_info"):
        load(sysc.RAW_TRACEPOINT, text)
    assert load(sysc.RAW_TRACEPOINT, text, Btf(btf), funcs, lines)


def test_callback_runs() -> None:
    text, btf, funcs, lines = callback_object()
    prog = load(sysc.RAW_TRACEPOINT, text, Btf(btf), funcs, lines)
    first = prog.run()
    assert first != prog.run()  # 45 + a clock


def test_static_call_needs_no_func_info() -> None:
    load(sysc.RAW_TRACEPOINT, [Insn(op.CALL, src=op.PSEUDO_CALL, imm=1), Insn(op.EXIT), *RETURN_0])


def test_callback_without_a_reference_is_unreachable() -> None:
    text, btf, funcs, lines = callback_object()
    insns = decode_insns(text, ORDER)
    place = next(i for i, insn in enumerate(insns) if insn.code == op.LD_IMM64 and insn.src == op.PSEUDO_FUNC)
    insns[place : place + 2] = load_imm64(insns[place].dst, 0)
    with pytest.raises(VerifierError, match="unreachable insn"):
        load(sysc.RAW_TRACEPOINT, insns)
    with pytest.raises(VerifierError, match="number of funcs in func_info doesn't match"):
        load(sysc.RAW_TRACEPOINT, insns, Btf(btf), funcs, lines)


def test_verifier_quotes_the_script() -> None:
    attach, metadata = bpf_objects.debug_info(["f"], "t.bt", "kprobe:x { @ = *0; }\\0A")
    ir = (
        f'define i64 @f(ptr %c) nounwind section "s" {attach["f"]} {{\n'
        "  %p = call ptr inttoptr (i64 35 to ptr)(), !dbg !11\n  %v = load i64, ptr %p, align 8, !dbg !11\n"
        f"  ret i64 %v, !dbg !11\n}}\n{metadata}"
    )
    obj = read_object(bpf_objects.compile_ir(ir, "bpfel" if ORDER == "<" else "bpfeb"))
    program = obj.programs[0]
    with pytest.raises(VerifierError) as caught:
        load(
            sysc.RAW_TRACEPOINT,
            program.insns,
            Btf(obj.btf),
            [(f.insn, f.type_id) for f in program.func_info],
            [(i.insn, i.file_name_off, i.line_off, i.line_col) for i in program.line_info],
        )
    assert "; kprobe:x { @ = *0; } @ t.bt:1" in caught.value.log or "; kprobe:x { @ = *0; }" in caught.value.log


def test_unnamed_parameters_in_btf_are_rejected_and_repaired() -> None:
    from btaot_tool.bpf.btf import sanitize_btf

    pack = struct.Struct(ORDER + "III").pack
    types = (
        pack(1, 1 << 24, 8)
        + struct.pack(ORDER + "I", 64)
        + pack(0, 13 << 24 | 1, 1)
        + struct.pack(ORDER + "II", 0, 1)
        + pack(5, 12 << 24, 2)
    )
    strings = b"\0int\0fn\0"
    btf = struct.pack(ORDER + "HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings
    with pytest.raises(VerifierError):
        Btf(btf)
    assert Btf(sanitize_btf(btf, ORDER))


# ---- maps -----------------------------------------------------------------------------------------


def test_map_value_address() -> None:
    """BPF_PSEUDO_MAP_VALUE: an address inside the single entry of an array; user space sees the same memory."""
    table = Map(sysc.ARRAY, 4, 64, 1, sysc.F_MMAPABLE)
    memory = table.mapped(4096)
    memory[8:16] = struct.pack("=Q", 41)
    place = [Insn(op.LD_IMM64, 1, op.PSEUDO_MAP_VALUE, 0, table.fd), Insn(0, imm=8)]
    prog = load(
        sysc.RAW_TRACEPOINT,
        [
            *place,
            Insn(LOAD64, 0, 1, 0),
            Insn(ADD, 0, imm=1),
            Insn(STORE64, 1, 0, 8),
            Insn(op.EXIT),
        ],
    )
    assert prog.run() == 42
    assert struct.unpack("=Q", memory[16:24]) == (42,)
    assert struct.unpack_from("=Q", table.lookup(bytes(4)), 16) == (42,)


def test_map_value_outside_is_rejected() -> None:
    table = Map(sysc.ARRAY, 4, 64, 1)
    with pytest.raises(VerifierError):
        load(sysc.RAW_TRACEPOINT, [Insn(op.LD_IMM64, 1, op.PSEUDO_MAP_VALUE, 0, table.fd), Insn(0, imm=64), *RETURN_0])


@CONTEXTS
def test_hash_without_preallocation(kind: int) -> None:
    """Accepted for tracing programs here; below 6.1 it is not, and the runtime preallocates."""
    table = Map(sysc.PERCPU_HASH, 8, 8, 10240, sysc.F_NO_PREALLOC)
    load(
        kind,
        [
            Insn(0x7A, 10, off=-8, imm=1),
            *map_fd(1, table.fd),
            Insn(MOV, 2, 10),
            Insn(ADD, 2, imm=-8),
            call("map_lookup_elem"),
            *RETURN_0,
        ],
    )


def test_ringbuf_output() -> None:
    ring = Ringbuf(4096)
    prog = load(
        sysc.RAW_TRACEPOINT,
        [
            Insn(0x7A, 10, off=-16, imm=7),
            Insn(0x7A, 10, off=-8, imm=9),
            *map_fd(1, ring.fd),
            Insn(MOV, 2, 10),
            Insn(ADD, 2, imm=-16),
            mov(3, 16),
            mov(4, 0),
            call("ringbuf_output"),
            Insn(op.EXIT),
        ],
    )
    assert prog.run() == 0 and prog.run() == 0
    assert ring.records() == [struct.pack("=QQ", 7, 9)] * 2


def test_full_ringbuf_says_so() -> None:
    ring = Ringbuf(4096)
    prog = load(
        sysc.RAW_TRACEPOINT,
        [
            *map_fd(1, ring.fd),
            *load_imm64(2, 2048),
            mov(3, 0),
            call("ringbuf_reserve"),
            Insn(0x15, 0, off=4, imm=0),
            Insn(MOV, 1, 0),
            mov(2, 0),
            call("ringbuf_submit"),
            mov(0, 1),
            Insn(op.EXIT),
        ],
    )
    assert [prog.run() for _ in range(3)] == [1, 0, 0]


def test_variable_length_output_from_scratch() -> None:
    """A per-CPU array holds a record of 1024 bytes; its length is clamped as LLVM does for smax and umin."""
    scratch, ring = Map(sysc.PERCPU_ARRAY, 4, 2048, 1), Ringbuf(65536)
    prog = load(
        sysc.RAW_TRACEPOINT,
        [
            Insn(LOAD64, 7, 1, 0),
            Insn(0x62, 10, off=-4, imm=0),
            *map_fd(1, scratch.fd),
            Insn(MOV, 2, 10),
            Insn(ADD, 2, imm=-4),
            call("map_lookup_elem"),
            Insn(0x15, 0, off=11, imm=0),
            Insn(MOV, 2, 0),
            Insn(MOV, 3, 7),
            Insn(0x65, 3, off=1, imm=0),
            mov(3, 0),
            Insn(0xB5, 3, off=1, imm=1024),
            mov(3, 1024),
            *map_fd(1, ring.fd),
            mov(4, 0),
            call("ringbuf_output"),
            Insn(op.EXIT),
            *RETURN_0,
        ],
    )
    for length in (5, 0, 1 << 63, 5000):
        prog.run([length])
    assert [len(record) for record in ring.records()] == [5, 0, 0, 1024]


# ---- helpers --------------------------------------------------------------------------------------


def test_reading_null_zeroes_the_buffer() -> None:
    prog = load(
        sysc.RAW_TRACEPOINT,
        [
            Insn(0x7A, 10, off=-16, imm=-1),
            Insn(0x7A, 10, off=-8, imm=-1),
            Insn(MOV, 1, 10),
            Insn(ADD, 1, imm=-16),
            mov(2, 16),
            mov(3, 0),
            call("probe_read_kernel"),
            Insn(0x65, 0, off=4, imm=-1),
            Insn(LOAD64, 0, 10, -16),
            Insn(LOAD64, 1, 10, -8),
            Insn(0x4F, 0, 1),
            Insn(op.EXIT),
            mov(0, 77),
            Insn(op.EXIT),
        ],
    )
    assert prog.run() == 0


def test_fetching_atomics_work_here() -> None:
    prog = load(
        sysc.RAW_TRACEPOINT,
        [
            Insn(0x7A, 10, off=-8, imm=5),
            mov(0, 5),
            mov(1, 9),
            Insn(0xDB, 10, 1, -8, 0xF1),
            Insn(LOAD64, 2, 10, -8),
            Insn(ADD_REG, 0, 2),
            Insn(op.EXIT),
        ],
    )
    assert prog.run() == 14


def test_kernel_symbol_address() -> None:
    """A syscall program finds an address without reading /proc/kallsyms."""
    buffer = Map(sysc.ARRAY, 4, 64, 1, sysc.F_MMAPABLE)
    memory = buffer.mapped(4096)
    name = b"schedule\0"
    memory[8 : 8 + len(name)] = name

    def place(dst: int, offset: int) -> list[Insn]:
        return [Insn(op.LD_IMM64, dst, op.PSEUDO_MAP_VALUE, 0, buffer.fd), Insn(0, imm=offset)]

    prog = load(
        sysc.SYSCALL,
        [
            *place(1, 8),
            mov(2, len(name)),
            mov(3, 0),
            *place(4, 0),
            call("kallsyms_lookup_name"),
            Insn(op.EXIT),
        ],
        flags=sysc.F_SLEEPABLE,
    )
    result = struct.unpack("=i", struct.pack("=I", prog.run(bytes(8))))[0]
    assert result in (0, -errno.EPERM)
    if result:
        pytest.skip("this machine hides kernel addresses (kptr_restrict, or no CAP_SYSLOG)")
    (address,) = struct.unpack("=Q", memory[0:8])
    assert address >> 63


def test_raw_tracepoint_programs_run_by_hand() -> None:
    """How begin and end run: with arguments, without attaching anything."""
    prog: Prog = load(sysc.RAW_TRACEPOINT, [Insn(LOAD64, 0, 1, 8), Insn(op.EXIT)])
    assert prog.run([1, 2, 3]) == 2


def test_text_of_the_payload_is_what_is_loaded() -> None:
    """Encoding instructions and loading bytes is the same."""
    assert load(sysc.RAW_TRACEPOINT, encode_insns([mov(0, 3), Insn(op.EXIT)], ORDER)).run() == 3


# ---- the kernel's files ---------------------------------------------------------------------------


def test_kernel_btf_is_readable() -> None:
    path = Path("/sys/kernel/btf/vmlinux")
    if not path.exists():
        pytest.skip("this kernel has no BTF")
    with path.open("rb") as stream:
        assert struct.unpack("=H", stream.read(2)) == (0xEB9F,)
        assert os.fstat(stream.fileno()).st_size > 1_000_000
