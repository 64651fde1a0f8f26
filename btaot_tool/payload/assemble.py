"""Puts a payload together: the object's programs and everything the runtime has to know about them."""

from __future__ import annotations

from dataclasses import replace

from .. import __version__
from ..bpf.object import CALL, CALLBACK, IMM32, IMM64, OFFSET, BpfObject, BpfProgram, BpfReloc
from ..codegen.actions import Action
from ..codegen.module import Generated, MapPlan, param_offset, program_name, template_section
from ..codegen.parts import driving_map
from ..diagnostics import Span, quote
from ..payload.layout import ActionKind, AttachFlag, ParamType, ProgramFlag, RelocForm, SymbolKind
from ..probes import AttachSpec
from ..sema.result import Checked, Template
from ..symbols import Symbol
from .describe import TypeWriter
from .layout import NONE
from .parts import used_parts
from .writer import PayloadWriter

_MESSAGES = (ActionKind.ERRORF, ActionKind.WARNF, ActionKind.FAIL)
_FORMS = {CALL: RelocForm.LDX, IMM64: RelocForm.IMM64, IMM32: RelocForm.IMM32, OFFSET: RelocForm.OFFSET}
_QUOTED = 160  # characters of a line that a helper's error repeats; a long line would be in the payload many times
_NO_PLACE = "imported C"  # its symbols
_IDENTITY = frozenset({SymbolKind.PROBE_ID})


def assemble(checked: Checked, generated: Generated, obj: BpfObject, script: str) -> tuple[bytes, bytes]:
    """Return the contents of the two sections, ``.btaot.meta`` and ``.btaot.text``."""
    writer = generated.writer
    types = TypeWriter(writer, checked.table, checked.config.max_strlen, generated.symbols)
    for plan in generated.maps:
        _add_map(writer, types, plan)
    for spec in (spec for template in checked.templates for spec in template.attaches):
        if spec.value_symbol is not None:
            generated.symbols.number(spec.value_symbol, spec.point.span)
    for symbol, (_, span) in generated.symbols.rows.items():
        _add_symbol(writer, symbol, span)
    text = bytearray()
    facts = _Facts(generated)
    block = None
    for template in generated.templates:
        first = AttachFlag.FIRST if template.node is not block else AttachFlag(0)
        _add_program(writer, template, obj.program(template_section(template)), facts, text, first)
        block = template.node
    for action in generated.actions:
        _add_action(writer, types, action)
    for param in checked.params.values():
        default = str(param.default) if param.type is ParamType.STRING else ""
        number = param.default if isinstance(param.default, int) else 0
        writer.add(
            "param",
            name=param.name,
            type=int(param.type),
            default_text=default,
            help=param.help,
            default_int=number,
            offset=param_offset(checked, param.name),
        )
    for name, value in checked.config.runtime_rows():
        writer.add("config", name=name, value=value)
    writer.set_block("btf", obj.btf)
    writer.set_header(
        parts=int(used_parts(writer.target, types.types, generated.maps, generated.templates)),
        param_count=checked.positional_count,
        script=script,
        compiler=__version__,
        license=str(checked.config.license),
        globals_size=generated.globals_size,
        params_slot=generated.params_slot,
        scratch_slot=generated.scratch_slot,
    )
    return writer.build(bytes(text))


def _add_map(writer: PayloadWriter, types: TypeWriter, plan: MapPlan) -> None:
    writer.add(
        "map",
        name=plan.name,
        flags=int(plan.flags),
        role=int(plan.role),
        bpf_type=plan.bpf_type,
        key_size=plan.key_size,
        value_size=plan.value_size,
        max_entries=plan.max_entries,
        map_flags=plan.map_flags,
        key_type=NONE if plan.key is None else types.add(plan.key),
        value_type=NONE if plan.value is None else types.add(plan.value),
        loss_off=plan.loss_off,
        init=plan.init,
    )


def _quoted(span: Span) -> str:
    """Return a place and, below it, its line with marks, unless it is a very long one."""
    place = span.outermost
    return f"{place}\n{quote(place)}" if len(place.source.line(place.line)) <= _QUOTED else str(place)


def _position(span: Span | None) -> tuple[int, int]:
    return (span.outermost.line, span.outermost.column) if span else (0, 0)


def _add_symbol(writer: PayloadWriter, symbol: Symbol, span: Span | None) -> None:
    line, column = _position(span)
    if symbol.kind in (SymbolKind.KADDR, SymbolKind.KFUNC):
        symbol = replace(symbol, b=_quoted(span) if span else _NO_PLACE)
    row = {"kind": int(symbol.kind), "imm": symbol.imm, "line": line, "column": min(column, 0xFFFF)}
    writer.add("symbol", a=symbol.a, b=symbol.b, **row)


class _Facts:
    """What all programs are looked up in."""

    def __init__(self, generated: Generated) -> None:
        self.generated = generated
        self.symbols = list(generated.symbols.rows)
        self.sessions = {index for entry, back in generated.sessions.items() for index in (entry, back.index)}
        self.driven = {t.index for t in generated.templates if t.part}


def _add_program(
    writer: PayloadWriter,
    template: Template,
    program: BpfProgram,
    facts: _Facts,
    text: bytearray,
    first: AttachFlag,
) -> None:
    generated, symbols = facts.generated, facts.symbols
    rows = [_reloc(r, symbols) for r in program.relocs]
    identity = any(symbols[int(r["symbol"])].kind in _IDENTITY for r in rows if r["form"] == int(RelocForm.IMM64))
    flags = ProgramFlag(0)
    if template_section(template) in generated.scratch_sections:
        flags |= ProgramFlag.USES_SCRATCH
    if identity:
        flags |= ProgramFlag.USES_PROBE_ID
    index = writer.add(
        "program",
        name=program_name(template)[:15],  # what the kernel keeps; the whole name is in the BTF
        kind=int(template.kind),
        flags=int(flags),
        insn_off=len(text) // 8,
        insn_count=program.insn_count,
        reloc_first=writer.add_rows("reloc", rows),
        reloc_count=len(rows),
        func_first=writer.add_rows(
            "func_info", [{"insn_off": f.insn, "type_id": f.type_id} for f in program.func_info]
        ),
        func_count=len(program.func_info),
        line_first=writer.add_rows(
            "line_info",
            [
                {"insn_off": i.insn, "file_name_off": i.file_name_off, "line_off": i.line_off, "line_col": i.line_col}
                for i in program.line_info
            ],
        ),
        line_count=len(program.line_info),
        line=template.node.span.line,
    )
    text += program.insns
    for spec in template.attaches:
        more, first = first, AttachFlag(0)
        if identity:
            more |= AttachFlag.NEEDS_IDENTITY
        line, column = _position(spec.point.span)
        value, length = spec.value, spec.length
        if template.part:
            more |= AttachFlag.PART
            driving = driving_map(template)
            value, length = 0 if driving is None else 1 + generated.map_index[driving.name], template.part
        elif template.index in facts.sessions:
            more |= AttachFlag.SESSION
        elif template.index in facts.driven:
            more |= AttachFlag.WHOLE
        if spec.value_symbol is not None:
            value = generated.symbols.number(spec.value_symbol, None)
            more |= AttachFlag.VALUE_SYMBOL
        writer.add(
            "attach",
            kind=int(template.kind),
            flags=int(spec.flags | more),
            program=index,
            text=spec.text,
            target=spec.target,
            name=spec.name,
            ns=spec.ns,
            pin=spec.pin,
            line=line,
            column=column,
            build_id=_build_id(spec, template),
            value=value,
            length=length,
        )


def _build_id(spec: AttachSpec, template: Template) -> str:
    """Return which build of the probed program the attach point, or the types in the block, are from; "" for any."""
    program = spec.program
    if program is None and template.table is not None:
        program = template.table.used
    return program.identity if program else ""


def _reloc(reloc: BpfReloc, symbols: list[Symbol]) -> dict[str, int]:
    if reloc.kind == CALLBACK:
        return {"insn": reloc.insn, "symbol": reloc.target, "form": int(RelocForm.CALLBACK)}
    number = int(reloc.symbol.removeprefix("s"))
    form = RelocForm.KFUNC_CALL if symbols[number].is_call else _FORMS[reloc.kind]
    return {"insn": reloc.insn, "symbol": number, "form": int(form)}


def _add_action(writer: PayloadWriter, types: TypeWriter, action: Action) -> None:
    pieces = [
        {
            "text": p.text,
            "text_len": len(p.text),
            "conv": int(p.conv),
            "flags": int(p.flags),
            "arg": 0xFFFF if p.arg is None else p.arg,
            "width": p.width,
            "precision": p.precision,
        }
        for p in action.pieces
    ]
    fields = [(f.type, f.offset, f.dynamic) for f in action.fields]
    end = max((offset + (4 if dynamic else typ.size) for typ, offset, dynamic in fields), default=8)
    span = action.span
    writer.add(
        "action",
        kind=int(action.kind),
        piece_first=writer.add_rows("piece", pieces),
        piece_count=len(pieces),
        args=types.args(fields, end) if fields else NONE,
        fmt=action.fmt,
        map=action.map,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        aux=action.aux or writer.string(_below(action)),
        source=writer.string(span.source.name if span.source.name != span.outermost.source.name else ""),
    )


def _below(action: Action) -> str:
    """Return the lines that stand below a message with the place of an action: the calls it was expanded from."""
    word = {ActionKind.ERRORF: "ERROR", ActionKind.FAIL: "ERROR"}.get(action.kind, "WARNING")
    lines = []
    if action.kind is ActionKind.HELPER_ERROR and len(action.span.source.line(action.span.line)) <= _QUOTED:
        lines.append(f"{quote(action.span)}\n")
    call = action.span.parent
    while call is not None and action.kind in _MESSAGES:
        lines.append(f"{call}: {word}: expanded from\n{quote(call)}\n")
        call = call.parent
    return "".join(lines)
