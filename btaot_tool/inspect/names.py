"""Readable forms of load-time symbols, types, formats and flags."""

from __future__ import annotations

import enum
from collections.abc import Callable

from ..payload.layout import (
    NONE,
    Conv,
    ConvFlag,
    Feature,
    MapRole,
    ProbeKind,
    SessionFact,
    SymbolKind,
    TypeFlag,
    TypeKind,
)
from ..payload.reader import Payload, Row

MAP_TYPES = {
    1: "hash",
    2: "array",
    3: "prog_array",
    4: "perf_event_array",
    5: "percpu_hash",
    6: "percpu_array",
    7: "stack_trace",
    9: "lru_hash",
    10: "lru_percpu_hash",
    27: "ringbuf",
    29: "task_storage",
}

_CONTEXT_WORDS = {
    ProbeKind.TRACEPOINT: "tracepoint field args.",
    ProbeKind.RAW_TRACEPOINT: "raw tracepoint ",
    ProbeKind.TYPED_TRACEPOINT: "raw tracepoint ",
    ProbeKind.FENTRY: "argument ",
    ProbeKind.FEXIT: "argument ",
    ProbeKind.ITER: "iterator field ctx.",
}


def enum_name(cls: type[enum.IntEnum], value: int) -> str:
    """Return the member's name in lower case, the number if this version has no such member."""
    try:
        return cls(value).name.lower()
    except ValueError:
        return str(value)


def flag_names(cls: type[enum.IntFlag], value: int) -> list[str]:
    """Return the names of the bits that are set."""
    return [str(member.name).lower() for member in cls if value & member]


# ---- load-time symbols ----------------------------------------------------------------------------


def symbol_text(payload: Payload, symbol: Row, probe: int | None = None) -> str:
    """Return what a load-time symbol stands for; ``probe`` is the kind of a program that uses it."""
    try:
        kind = SymbolKind(symbol.kind)
    except ValueError:
        return f"symbol of unknown kind {symbol.kind}"
    if kind.name.startswith("CTX_"):
        return _context_text(payload, symbol, kind, probe)
    return _SYMBOL_TEXTS[kind](payload, symbol)


def _context_text(payload: Payload, symbol: Row, kind: SymbolKind, probe: int | None) -> str:
    word = _CONTEXT_WORDS[ProbeKind(probe)] if probe in _CONTEXT_WORDS else "context field "
    what = {
        SymbolKind.CTX_LOAD: "",
        SymbolKind.CTX_LSHIFT: " shift",
        SymbolKind.CTX_OFFSET: " offset",
        SymbolKind.CTX_SIZE: " size",
        SymbolKind.CTX_FORM: " form",
    }
    return f"{word}{payload.string(symbol.a)}{what[kind]}"


def _map_name(payload: Payload, symbol: Row) -> str:
    maps = payload.table("maps")
    return str(maps[symbol.a].name) if symbol.a < len(maps) else f"map {symbol.a}"


#: words of the globals map (docs/architecture.md)
_GLOBALS = {0: "running", 8: "events lost", 16: "scratch busy", 24: "stacks lost", 40: "exit"}


def _map_value(payload: Payload, symbol: Row) -> str:
    maps, name, offset = payload.table("maps"), _map_name(payload, symbol), symbol.imm
    if symbol.a < len(maps) and maps[symbol.a].role == MapRole.GLOBALS:
        losses = {row.loss_off: f"updates lost of {row.name}" for row in maps if row.loss_off}
        word = (_GLOBALS | losses).get(offset)
        if word:
            return f"map {name}: {word}"
    return f"map {name} value{f' + {offset}' if offset else ''}"


def _param_name(payload: Payload, symbol: Row) -> str:
    params = payload.table("params")
    return str(params[symbol.a].name) if symbol.a < len(params) else f"parameter {symbol.a}"


def _field(suffix: str) -> Callable[[Payload, Row], str]:
    return lambda payload, symbol: f"{payload.string(symbol.a)}.{payload.string(symbol.b)} {suffix}"


def _first(template: str) -> Callable[[Payload, Row], str]:
    return lambda payload, symbol: template.format(payload.string(symbol.a))


def _probe_is(payload: Payload, symbol: Row) -> str:
    name = payload.string(symbol.a)
    return f"whether the probe has a name with {name}" if symbol.imm else f"instance of the probe {name}"


def _enum_value(payload: Payload, symbol: Row) -> str:
    owner = payload.string(symbol.a)
    return f"enumerator {owner + '.' if owner else ''}{payload.string(symbol.b)}"


_SYMBOL_TEXTS: dict[SymbolKind, Callable[[Payload, Row], str]] = {
    SymbolKind.MAP_FD: lambda p, s: f"map {_map_name(p, s)}",
    SymbolKind.MAP_VALUE: _map_value,
    SymbolKind.FIELD_OFFSET: _field("offset"),
    SymbolKind.FIELD_SIZE: _field("size"),
    SymbolKind.FIELD_LSHIFT: _field("left shift"),
    SymbolKind.FIELD_RSHIFT: _field("right shift"),
    SymbolKind.FIELD_EXISTS: _field("exists"),
    SymbolKind.TYPE_SIZE: _first("sizeof({})"),
    SymbolKind.TYPE_EXISTS: _first("type {} exists"),
    SymbolKind.ENUM_VALUE: _enum_value,
    SymbolKind.ENUM_EXISTS: lambda p, s: f"{_enum_value(p, s)} exists",
    SymbolKind.REG: _first("register {}"),
    SymbolKind.KADDR: _first("address of kernel symbol {}"),
    SymbolKind.UADDR: lambda p, s: f"address of {p.string(s.a)}:{p.string(s.b)}",
    SymbolKind.PARAM_INT: lambda p, s: f"parameter ${s.imm}",
    SymbolKind.PARAM_COUNT: lambda p, s: "parameter count $#",
    SymbolKind.PARAM_STRLEN: lambda p, s: f"length of parameter ${s.imm}",
    SymbolKind.OPTION_INT: lambda p, s: f"option {_param_name(p, s)}",
    SymbolKind.OPTION_STRLEN: lambda p, s: f"length of option {_param_name(p, s)}",
    SymbolKind.CGROUP_ID: _first("id of cgroup {}"),
    SymbolKind.FEATURE: lambda p, s: f"kernel feature {enum_name(Feature, s.imm)}",
    SymbolKind.SESSION: lambda p, s: f"session {enum_name(SessionFact, s.imm).replace('_', ' ')}",
    SymbolKind.PROBE_ID: lambda p, s: "probe identity",
    SymbolKind.PROBE_IS: _probe_is,
    SymbolKind.USDT_ARG: lambda p, s: f"usdt argument {s.imm}",
    SymbolKind.KFUNC: lambda p, s: f"kernel function {p.string(s.a)}{' exists' if s.imm else ''}",
    SymbolKind.KFUNC_ALLOWED: _first("kernel function {} allowed"),
    SymbolKind.BTF_OBJ: _first("kernel variable {}"),
}


# ---- types ----------------------------------------------------------------------------------------


def type_text(payload: Payload, index: int, depth: int = 0) -> str:
    """Return a type as a reader of the script would write it; "" for NONE."""
    if index == NONE:
        return ""
    row = payload.table("types")[index]
    try:
        kind = TypeKind(row.kind)
    except ValueError:
        return f"type of unknown kind {row.kind}"
    if depth > 8:
        return "..."
    if kind in (TypeKind.STRUCT, TypeKind.TUPLE, TypeKind.RECORD):
        return _compound_text(payload, row, kind, depth)
    if kind is TypeKind.ARRAY:
        return f"{type_text(payload, row.elem, depth + 1)}[{row.p0}]"
    return _plain_text(row, kind)


def _compound_text(payload: Payload, row: Row, kind: TypeKind, depth: int) -> str:
    if row.name:
        return str(row.name)
    members = payload.rows("fields", row.first, row.count)
    texts = [type_text(payload, member.type, depth + 1) for member in members]
    if kind is TypeKind.TUPLE:
        return f"({', '.join(texts)})"
    return "{ " + ", ".join(f"{text} .{member.name}" for text, member in zip(texts, members, strict=True)) + " }"


def _plain_text(row: Row, kind: TypeKind) -> str:
    signed = bool(row.flags & TypeFlag.SIGNED)
    if kind is TypeKind.INT:
        return f"{'' if signed else 'u'}int{row.size * 8}"
    if kind is TypeKind.ENUM:
        return f"enum {row.name}".strip()
    if kind in (TypeKind.STRING, TypeKind.BUFFER):
        return f"{kind.name.lower()}[{row.size - (4 if kind is TypeKind.BUFFER else 0)}]"
    if kind is TypeKind.HIST:
        return f"hist({row.p0})"
    if kind is TypeKind.LHIST:
        return f"lhist({row.p0}, {row.p1}, {row.p2})"
    if kind is TypeKind.TSERIES:
        return f"tseries({row.p0} ns, {row.p1})"
    if kind in (TypeKind.KSTACK, TypeKind.USTACK):
        return f"{kind.name.lower()}({row.p1})"
    aggregation = kind >= TypeKind.COUNT
    return (
        f"{kind.name.lower()}()"
        if aggregation
        else {"VSTRING": "string", "VBUFFER": "buffer"}.get(kind.name, kind.name.lower())
    )


# ---- formats --------------------------------------------------------------------------------------

_CONV_LETTERS = {
    Conv.D: "d",
    Conv.U: "u",
    Conv.X: "x",
    Conv.XX: "X",
    Conv.O: "o",
    Conv.C: "c",
    Conv.S: "s",
    Conv.P: "p",
    Conv.R: "r",
    Conv.RX: "rx",
    Conv.RH: "rh",
}
_INTEGERS = (Conv.D, Conv.U, Conv.X, Conv.XX, Conv.O)
#: bits of the flags that cut an integer -> length modifier
_LENGTHS = {0: "l", ConvFlag.INT32: "", ConvFlag.INT16: "h", ConvFlag.INT32 | ConvFlag.INT16: "hh"}
_CONV_FLAGS = {
    ConvFlag.LEFT: "-",
    ConvFlag.ZERO: "0",
    ConvFlag.PLUS: "+",
    ConvFlag.SPACE: " ",
    ConvFlag.ALT: "#",
    ConvFlag.GROUP: "'",
}


def format_text(payload: Payload, first: int, count: int) -> str:
    """Return the format string that the pieces came from, with control characters escaped."""
    parts = []
    for piece in payload.rows("pieces", first, count):
        text = payload.string_bytes(piece["text"], piece.text_len).decode("utf-8", "backslashreplace")
        parts.append(text.replace("%", "%%"))
        if piece.conv != Conv.NONE:
            parts.append(_conversion(piece))
    return escape("".join(parts))


def _conversion(piece: Row) -> str:
    flags = "".join(letter for flag, letter in _CONV_FLAGS.items() if piece.flags & flag)
    width = str(piece.width) if piece.width else ""
    precision = f".{piece.precision}" if piece.precision >= 0 else ""
    try:
        letter = _CONV_LETTERS.get(Conv(piece.conv)) or f"<{Conv(piece.conv).name.lower()}>"
    except ValueError:
        letter = f"<{piece.conv}>"
    length = _LENGTHS[piece.flags & (ConvFlag.INT32 | ConvFlag.INT16)] if piece.conv in _INTEGERS else ""
    return f"%{flags}{width}{precision}{length}{letter}"


def escape(text: str) -> str:
    """Return the text with backslashes, quotes and control characters escaped as in C."""
    table = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"', "\0": "\\0", "\x1b": "\\e"}
    return "".join(table.get(c) or (f"\\x{ord(c):02x}" if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 else c) for c in text)
