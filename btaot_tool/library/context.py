"""What a probe sees where it fires: argN, sargN, retval, ctx, reg, probe, probetype, args as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I64, const
from ..codegen.values import Memory, Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import Feature, ProbeKind, SymbolKind, UsdtPart
from ..probes.base import ArgField
from ..sema.service import missing_args
from ..sema.types import INT64, PROBE_NAME, UINT64, Ptr, Record, Space, Str, Type, Unknown, Void
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..probes.base import ArgField, AttachSpec
    from ..sema.checker import ExpressionChecker as Checker

MAX_ARG = 11
_ONLY_RETURNS = "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes"


def _name(node: tree.Expr) -> str:
    assert isinstance(node, (tree.Name, tree.Call))
    return node.name


def _in_callback(c: Checker, node: tree.Expr) -> bool:
    """Refuse what reads the context inside of a for loop, as upstream does, whose loops do not hand it on."""
    if not c.callbacks:
        return False
    name = _name(node)
    c.error(node, f"'{'__builtin_retval' if name == 'retval' else name}' builtin is not allowed in a for-loop")
    return True


def _check_arg(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    name = _name(node)
    if _in_callback(c, node):
        return Unknown()
    probe = c.template.probe
    number = int(re.sub(r"\D", "", name))
    if name.startswith("sarg") and not probe.reg_args:
        return c.error(node, f"The {name} builtin can only be used with kprobes and uprobes", stage=Stage.PROBES)
    if not (probe.reg_args or probe.positional or probe.usdt_args) or probe.has_retval:
        return c.error(
            node,
            f"The {name} builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes",
            "use args.NAME here" if c.template.args.args else "",
        )
    if number > MAX_ARG and not name.startswith("sarg"):
        return c.error(node, f"{name}: arguments are numbered 0 to {MAX_ARG}", stage=Stage.PROBES)
    return INT64 if probe.usdt_args else UINT64


def _emit_arg(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    name = _name(node)
    if g.template.probe.usdt_args:
        return Scalar(INT64, usdt_argument(g, int(name[3:])))
    kind = SymbolKind.CTX_LOAD if g.template.probe.positional else SymbolKind.REG
    if name.startswith("sarg"):
        return Scalar(UINT64, _stack_argument(g, int(name[4:])))
    return Scalar(UINT64, g.context_load(Symbol(kind, name)))


def _stack_argument(g: Gen, number: int) -> Any:
    """Read the n-th word of the stack above the return address, as bpftrace does."""
    target = g.mod.options.target
    word = target.bits // 8
    address = g.b.add(g.context_load(Symbol(SymbolKind.REG, "sp")), const((number + target.return_words) * word))
    place = g.bytes(8)
    g.b.store(const(0), place)
    g.probe_read(place, word, address, g.template.probe.space)
    return g.b.load(place, typ=I64)


def usdt_argument(g: Gen, number: int) -> Any:
    """Return argument ``number`` of a USDT probe; ``UsdtPart`` says how its parts make the value."""

    def part(which: UsdtPart) -> Symbol:
        return Symbol(SymbolKind.USDT_ARG, 0, int(which), number)

    def in_memory() -> Any:
        index = g.b.mul(g.context_load(part(UsdtPart.INDEX)), g.symbol(part(UsdtPart.SCALE)))
        base = g.b.add(g.context_load(part(UsdtPart.BASE)), index)
        place = g.bytes(8)
        g.b.store(const(0), place)
        g.probe_read(place, g.symbol(part(UsdtPart.SIZE)), g.b.add(base, g.symbol(part(UsdtPart.OFFSET))), Space.USER)
        return g.b.load(place, typ=I64)

    def in_register() -> Any:
        register = g.b.icmp_unsigned("==", where, const(1))
        return g.choose(register, lambda: g.context_load(part(UsdtPart.BASE)), in_memory)

    where = g.symbol(part(UsdtPart.PLACE))
    constant = g.b.icmp_unsigned("==", where, const(0))
    raw = g.choose(constant, lambda: g.symbol(part(UsdtPart.OFFSET)), in_register)
    raw = g.b.shl(raw, g.symbol(part(UsdtPart.LSHIFT)))
    right = g.symbol(part(UsdtPart.RSHIFT))
    signed = g.truth(g.symbol(part(UsdtPart.SIGNED)))
    return g.b.select(signed, g.b.ashr(raw, right), g.b.lshr(raw, right))


def _check_retval(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if _in_callback(c, node):
        return Unknown()
    args_of = c.template.args.args or {}
    if c.template.probe.has_retval and "retval" in args_of:
        return args_of["retval"].type
    if not c.template.probe.has_retval:
        extra = " (try to use args.ret instead)" if c.template.probe.kind is ProbeKind.TRACEPOINT else ""
        return c.error(node, _ONLY_RETURNS + extra, stage=Stage.PROBES)
    return UINT64


def _emit_retval(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    if not g.template.probe.reg_args:
        fields = g.template.args.args or {}
        return g.probe_arg(fields.get("retval", ArgField("retval", UINT64, "retval")), node)
    return Scalar(UINT64, g.context_load(Symbol(SymbolKind.REG, "retval")))


def _check_reg(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if not c.template.probe.reg_args:
        return c.error(node, f'reg can not be used with "{c.template.probe.name}" probes', stage=Stage.SHAPE)
    c.literal_str(node, args[0], "reg")
    return UINT64


def _emit_reg(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.StringLiteral)
    return Scalar(UINT64, g.context_load(Symbol(SymbolKind.REG, args[0].value)))


def _check_ctx(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if _in_callback(c, node):
        return Unknown()
    kind = c.template.probe.kind
    if kind is ProbeKind.TRACEPOINT:
        return c.error(node, "Use args instead of ctx in tracepoint")
    if kind in _NO_CONTEXT:
        return c.error(
            node, f"The ctx builtin can not be used with '{c.template.probe.name}' probes", stage=Stage.PROBES
        )
    return Ptr(Void(), c.space)


_NO_CONTEXT = frozenset({ProbeKind.FENTRY, ProbeKind.FEXIT, ProbeKind.RAW_TRACEPOINT, ProbeKind.BEGIN, ProbeKind.END})


def _emit_ctx(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return Scalar(g.template.types[node], g.b.ptrtoint(g.ctx, I64))


def _check_probe(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return PROBE_NAME


def instance(g: Gen) -> Any:
    """Return the index of the attached attach point: from the attach cookie, or of this copy of the program."""
    return g.choose(
        g.has(Feature.ATTACH_COOKIE),
        lambda: g.helper("get_attach_cookie", g.ctx),
        lambda: g.symbol(Symbol(SymbolKind.PROBE_ID)),
    )


def _emit_probe(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    if isinstance(typ, Str):  # its name, in words of the host (``strings.text_argument``)
        place = g.temp(typ)
        for at in range(0, typ.size, 8):
            word = g.symbol(Symbol(SymbolKind.PROBE_IS, "", imm=2 + at // 8))
            g.store(word, g.offset(place.ptr, at), 8)
        return place
    return Scalar(PROBE_NAME, instance(g))


def _check_probetype(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return c.lower(node, c.template.probe.type_name or c.template.probe.name)


def _emit_probetype(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return g.expr(g.template.lowered[node])


def _check_args(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    spec = c.template.args
    if (refusal := no_args(spec)) is not None:
        return c.error(node, refusal, stage=Stage.PROBES)
    if not spec.args:
        return c.error(node, *missing_args(spec), stage=Stage.TYPES)
    fields = _fixed(spec.args)
    if not fields:
        return c.error(
            node,
            "args as a whole cannot be taken here: no argument has a fixed size",
            "use args.NAME",
            stage=Stage.TYPES,
        )
    return Record(tuple(f.type for f in fields), tuple(f.name for f in fields))


def no_args(spec: AttachSpec) -> str | None:
    """Return why a probe has no ``args``, None if it may have them."""
    if spec.probe.kind not in _WITH_ARGS:
        what = "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes"
        return f"{what} ({spec.probe.type_name or spec.probe.name} used here)"
    if spec.probe.kind in (ProbeKind.FENTRY, ProbeKind.FEXIT) and spec.target == "bpf":
        return "The args builtin cannot be used for 'fentry/fexit:bpf' probes"
    return None


_WITH_ARGS = frozenset(
    {ProbeKind.TRACEPOINT, ProbeKind.RAW_TRACEPOINT, ProbeKind.FENTRY, ProbeKind.FEXIT, ProbeKind.UPROBE}
)


def _fixed(fields: Mapping[str, ArgField]) -> list[ArgField]:
    """Return the arguments that have a fixed size on every host; the others have to be named to be read."""
    return [f for f in fields.values() if not f.dynamic and not (f.place and f.place.unreadable)]


def _emit_args(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """Return all named arguments as a record."""
    typ, fields = g.template.types[node], g.template.args.args
    assert isinstance(typ, Record) and fields is not None
    place = g.temp(typ)
    g.zero(place.ptr, typ.size)
    for item, offset, field in zip(typ.items, typ.offsets, _fixed(fields), strict=True):
        g.put(g.probe_arg(field, node), Memory(item, g.offset(place.ptr, offset), min(8, item.align)))
    return place


ENTRIES = (
    Entry("argN", (0, 0), _check_arg, _emit_arg),
    Entry("sargN", (0, 0), _check_arg, _emit_arg),
    Entry("retval", (0, 0), _check_retval, _emit_retval),
    Entry("reg", (1, 1), _check_reg, _emit_reg),
    Entry("ctx", (0, 0), _check_ctx, _emit_ctx),
    Entry("args", (0, 0), _check_args, _emit_args),
    Entry("probe", (0, 0), _check_probe, _emit_probe),
    Entry("probetype", (0, 0), _check_probetype, _emit_probetype),
)
