"""A payload like the compiler writes, for tests: one program with a context load and constants."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import bpf_objects

from btaot_tool.bpf.object import CALL, CALLBACK, BpfObject, read_object
from btaot_tool.payload.layout import (
    ActionKind,
    Conv,
    ConvFlag,
    MapFlag,
    MapRole,
    ProbeKind,
    RelocForm,
    SymbolKind,
    TypeFlag,
    TypeKind,
)
from btaot_tool.payload.writer import PayloadWriter
from btaot_tool.targets import Target

SYMBOL_ROWS: dict[str, dict[str, int | str]] = {
    "map:0": {"kind": SymbolKind.MAP_FD, "a": 0},
    "flag:loop": {"kind": SymbolKind.FEATURE, "imm": 1},
    "field:task_struct.mm": {"kind": SymbolKind.FIELD_OFFSET, "a": "task_struct", "b": "mm", "line": 1, "column": 9},
    "ldx:a,b(c)": {"kind": SymbolKind.CTX_LOAD, "a": "filename", "line": 1, "column": 15},
}


def sample_object(target: Target) -> BpfObject:
    return read_object(bpf_objects.compile_ir(bpf_objects.context_load_program(), target.bpf_triple))


def add_program(writer: PayloadWriter, obj: BpfObject, kind: ProbeKind, insn_off: int) -> int:
    program = obj.programs[0]
    rows: list[dict[str, int | str]] = []
    for reloc in program.relocs:
        if reloc.kind == CALLBACK:
            rows.append({"insn": reloc.insn, "symbol": reloc.target, "form": RelocForm.CALLBACK})
        else:
            symbol = writer.intern("symbol", **SYMBOL_ROWS[reloc.symbol])
            form = RelocForm.LDX if reloc.kind == CALL else RelocForm.IMM64
            rows.append({"insn": reloc.insn, "symbol": symbol, "form": form})
    funcs = [{"insn_off": f.insn, "type_id": f.type_id} for f in program.func_info]
    lines = [
        {"insn_off": i.insn, "file_name_off": i.file_name_off, "line_off": i.line_off, "line_col": i.line_col}
        for i in program.line_info
    ]
    return writer.add(
        "program",
        name=program.name[:15],
        kind=kind,
        insn_off=insn_off,
        insn_count=program.insn_count,
        reloc_first=writer.add_rows("reloc", rows),
        reloc_count=len(rows),
        func_first=writer.add_rows("func_info", funcs),
        func_count=len(funcs),
        line_first=writer.add_rows("line_info", lines),
        line_count=len(lines),
        line=1,
    )


def sample_payload(target: Target) -> tuple[bytes, bytes]:
    """Return both sections of the sample."""
    obj = sample_object(target)
    writer = PayloadWriter(target)
    program = add_program(writer, obj, ProbeKind.TRACEPOINT, 0)
    writer.set_block("btf", obj.btf)
    writer.add(
        "attach",
        kind=ProbeKind.TRACEPOINT,
        program=program,
        text="tracepoint:syscalls:sys_enter_openat",
        target="syscalls",
        name="sys_enter_openat",
        line=1,
        column=1,
    )
    int64 = writer.intern("type", kind=TypeKind.INT, size=8, flags=TypeFlag.SIGNED)
    comm = writer.intern("type", kind=TypeKind.STRING, size=16)
    count = writer.intern("type", kind=TypeKind.COUNT, size=8)
    first = writer.add_rows("field", [{"offset": 8, "type": int64}, {"offset": 16, "type": comm}])
    args = writer.add("type", kind=TypeKind.TUPLE, size=32, first=first, count=2)
    writer.add(
        "map",
        name="@opens",
        bpf_type=5,
        key_size=16,
        value_size=8,
        key_type=comm,
        value_type=count,
        flags=MapFlag.PERCPU,
    )
    writer.add("map", name="ringbuf", role=MapRole.RINGBUF, bpf_type=27, max_entries=1 << 18, flags=MapFlag.INTERNAL)
    pieces = [
        {"text": "pid ", "text_len": 4, "conv": Conv.D, "flags": ConvFlag.INT32, "arg": 0, "precision": -1},
        {"text": " ", "text_len": 1, "conv": Conv.S, "arg": 1, "flags": ConvFlag.LEFT, "width": 16, "precision": -1},
        {"text": "\n", "text_len": 1, "arg": 0xFFFF, "precision": -1},
    ]
    writer.add(
        "action",
        kind=ActionKind.PRINTF,
        piece_first=writer.add_rows("piece", pieces),
        piece_count=3,
        args=args,
        line=1,
        column=11,
    )
    writer.add("config", name="max_map_keys", value="100")
    writer.set_header(script="sample.bt", compiler="0.1", license="GPL", param_count=1)
    return writer.build(obj.programs[0].insns)
