"""The data that ``btaot inspect`` shows.  Its keys are stable: scripts read the JSON."""

from __future__ import annotations

from typing import Any

from ..bpf.btf import function_names, string_at
from ..bpf.disasm import Notes, disassemble
from ..payload.layout import (
    ActionKind,
    AttachFlag,
    MapFlag,
    MapRole,
    ParamType,
    ProbeKind,
    ProgramFlag,
    RelocForm,
    SymbolKind,
)
from ..payload.reader import Payload, Row
from .names import MAP_TYPES, enum_name, escape, flag_names, format_text, symbol_text, type_text
from .read import FileInfo

Data = dict[str, Any]


def describe(info: FileInfo) -> Data:
    """Return everything about an executable as plain data."""
    payload, header = info.payload, info.payload.header
    target = payload.target()
    return {
        "file": info.path,
        "script": header.script,
        "target": target.name if target else f"machine {header.machine}",
        "compiler": header.compiler,
        "license": header.license,
        "format_version": header.version,
        "byte_order": "little" if payload.byteorder == "<" else "big",
        "static": info.static,
        "digest": {"sha256": header.digest.hex(), "valid": info.digest_valid},
        "sizes": {
            "file": info.size,
            "meta": header.meta_size,
            "text": header.text_size,
            "btf": len(payload.btf),
            "strings": len(payload.strings),
            "globals": header.globals_size,
            "scratch_slot": header.scratch_slot,
            "params_slot": header.params_slot,
        },
        "positional_params": header.param_count,
        "attach_points": [_attach(payload, row) for row in payload.table("attaches")],
        "programs": [_program(payload, row) for row in payload.table("programs")],
        "maps": [_map(payload, row) for row in payload.table("maps")],
        "symbols": _symbols(payload),
        "params": [_param(row) for row in payload.table("params")],
        "actions": [_action(payload, row) for row in payload.table("actions")],
        "config": {row.name: row.value for row in payload.table("configs")},
    }


def _attach(payload: Payload, row: Row) -> Data:
    return {
        "text": row.text,
        "kind": enum_name(ProbeKind, row.kind),
        "target": row.target,
        "name": row.name,
        "namespace": row.ns,
        "pin": row.pin,
        "value": row.value,
        "length": row.length,
        "build_id": row.build_id,
        "flags": flag_names(AttachFlag, row.flags),
        "program": row.program,
        "line": row.line,
        "column": row.column,
    }


def _program(payload: Payload, row: Row) -> Data:
    relocs = payload.rows("relocs", row.reloc_first, row.reloc_count)
    symbols = payload.table("symbols")
    return {
        "index": row.index,
        "name": row.name,
        "kind": enum_name(ProbeKind, row.kind),
        "flags": flag_names(ProgramFlag, row.flags),
        "insns": row.insn_count,
        "line": row.line,
        "relocs": [
            {
                "insn": reloc.insn,
                "form": enum_name(RelocForm, reloc.form),
                "symbol": None if reloc.form == RelocForm.CALLBACK else reloc.symbol,
                "text": _reloc_text(payload, reloc, row, symbols),
            }
            for reloc in relocs
        ],
        "disassembly": disassemble(payload.program_insns(row), payload.byteorder, _notes(payload, row, relocs)),
    }


def _reloc_text(payload: Payload, reloc: Row, program: Row, symbols: list[Row]) -> str:
    if reloc.form == RelocForm.CALLBACK:
        return f"callback at {reloc.symbol}"
    return symbol_text(payload, symbols[reloc.symbol], program.kind)


def _notes(payload: Payload, program: Row, relocs: list[Row]) -> Notes:
    """Return names, source lines and meanings of relocations for the disassembly."""
    order, symbols = payload.byteorder, payload.table("symbols")
    names = function_names(payload.btf, order) if payload.btf else {}
    funcs = payload.rows("func_infos", program.func_first, program.func_count)
    sources, last = {}, 0
    for info in payload.rows("line_infos", program.line_first, program.line_count):
        line = info.line_col >> 10
        if line != last:
            sources[info.insn_off] = f"{line}: {_shortened(string_at(payload.btf, order, info.line_off).strip())}"
        last = line
    return Notes(
        labels={func.insn_off: names.get(func.type_id, f"function {func.type_id}") for func in funcs},
        sources=sources,
        texts={reloc.insn: "r0 = *(r1 + ...)" for reloc in relocs if reloc.form == RelocForm.LDX},
        comments={reloc.insn: _reloc_text(payload, reloc, program, symbols) for reloc in relocs},
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def _map(payload: Payload, row: Row) -> Data:
    return {
        "index": row.index,
        "name": row.name,
        "role": enum_name(MapRole, row.role),
        "type": MAP_TYPES.get(row.bpf_type, str(row.bpf_type)),
        "key": type_text(payload, row.key_type),
        "value": type_text(payload, row.value_type),
        "key_size": row.key_size,
        "value_size": row.value_size,
        "max_entries": row.max_entries,
        "flags": flag_names(MapFlag, row.flags),
        "bpf_flags": row.map_flags,
    }


def _symbols(payload: Payload) -> list[Data]:
    """Return the load-time symbols, each with the number of its uses and the programs that they are in."""
    users: dict[int, list[Row]] = {}
    for program in payload.table("programs"):
        for reloc in payload.rows("relocs", program.reloc_first, program.reloc_count):
            if reloc.form != RelocForm.CALLBACK:
                users.setdefault(reloc.symbol, []).append(program)
    result = []
    for row in payload.table("symbols"):
        programs = users.get(row.index, [])
        result.append(
            {
                "index": row.index,
                "kind": enum_name(SymbolKind, row.kind),
                "text": symbol_text(payload, row, programs[0].kind if programs else None),
                "uses": len(programs),
                "programs": sorted({program.index for program in programs}),
                "line": row.line,
                "column": row.column,
            }
        )
    return result


def _param(row: Row) -> Data:
    kind = enum_name(ParamType, row.type)
    default: Any = row.default_text
    if row.type != ParamType.STRING:
        default = bool(row.default_int) if row.type == ParamType.BOOL else row.default_int
    return {"name": row.name, "type": kind, "default": default, "help": row.help}


def _action(payload: Payload, row: Row) -> Data:
    maps = payload.table("maps")
    return {
        "index": row.index,
        "kind": enum_name(ActionKind, row.kind),
        "format": format_text(payload, row.piece_first, row.piece_count) or escape(row.fmt),
        "args": type_text(payload, row.args),
        "map": maps[row.map].name if row.map < len(maps) else "",
        "line": row.line,
        "column": row.column,
    }
