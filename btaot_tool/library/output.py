"""printf and its relatives, print, cat, system, join, exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.actions import Action
from ..codegen.events import Item
from ..codegen.llvm import I64
from ..codegen.values import Nothing, Value
from ..diagnostics import Stage
from ..payload.layout import ActionKind, ParamForm, ProbeKind, SymbolKind, TypeKind
from ..sema.types import NOTHING, UINT8, UINT32, Agg, Str, Type, Unknown, Void, Wrong, type_word
from ..symbols import Symbol
from ..syntax import tree
from . import formats
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

MANY = 64
MAX_READINGS = 4  # parameters of one print() that may be texts
MAX_DEBUG = 3  # what bpf_trace_printk takes


def _formatted(name: str, kind: ActionKind, unsafe: bool = False) -> Entry:
    """Return the entry of a function that takes a format string and arguments."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        fmt = c.literal_str(node, args[0], name)
        types = [c.arg(a) for a in args[1:]]
        if fmt is not None:
            types = formats.texts(c, fmt, args[1:], types)
            formats.check(c, node, fmt, types)
        return Void()

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        fmt = args[0]
        assert isinstance(fmt, tree.StringLiteral)
        action = Action(kind, node.span, pieces=formats.pieces(fmt.value))
        g.send_nodes(action, [a for a in args[1:] if isinstance(a, tree.Expr)])
        return Nothing()

    return Entry(name, (1, MANY), check, emit, unsafe=unsafe)


def _check_print(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    first = args[0]
    if isinstance(first, tree.MapRef):
        return _check_print_map(c, node, first, args)
    found = c.arg(first)
    if isinstance(found, Agg) and not found.castable:
        what = f"Map type {found} cannot print the value of individual keys. You must print the whole map."
        if not isinstance(first, tree.MapAccess) or found.kind is not TypeKind.STATS:
            c.error(node, what)
            return Void()
    is_context = isinstance(first, tree.Name) and first.name == "ctx" and not isinstance(found, Unknown)
    if isinstance(found, Void) or is_context:
        c.error(node, f"{found if isinstance(found, Void) else 'none'} type passed to print() is not printable")
        return Void()
    if c.final and isinstance(found, Unknown) and not isinstance(found, Wrong):
        c.error(node, "none type passed to print() is not printable")
    if len(args) > 1:
        c.error(node, f"Non-map print() only takes 1 argument, {len(args)} found")
    if isinstance(first, tree.Expr) and _parameters(first):
        c.expr(c.template.lowered.setdefault(node, tree.Tuple(first.span, _readings(first))))
    return Void()


def _check_print_map(c: Checker, node: tree.Expr, first: tree.MapRef, args: list[Arg]) -> Type:
    info = c.map_of(first)
    if c.final and not info.written:
        c.error(first, f"Undefined map: {info.name}")
    if len(args) > 1 and isinstance(info.value, Agg) and info.value.kind is TypeKind.STATS:
        c.warning(node, "print()'s top and div arguments are ignored when used on stats() maps.")
    if c.loops:
        c.warning(
            node,
            "Due to it's asynchronous nature using 'print()' in a loop can lead to unexpected behavior. The map will"
            " likely be updated before the runtime can 'print' it.",
        )
    for arg, what in zip(args[1:], ("top", "div"), strict=False):
        value = c.literal_int(node, arg, "print")
        if value is not None and value < 0:
            c.error(expression(arg), f"the {what} argument of print() must not be negative")
    return Void()


def _emit_print(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    first = args[0]
    assert isinstance(first, tree.Expr)
    if isinstance(first, tree.MapRef):
        info = g.map_info(first)
        limits = [a.value for a in args[1:] if isinstance(a, tree.IntLiteral)]
        top, div = ([*limits, 0, 0])[:2]
        action = Action(ActionKind.PRINT_MAP, node.span, map=g.mod.plan_map(info))
        g.send(action, [Item(UINT32, number=top), Item(UINT32, number=div)])
        return Nothing()
    _print_reading(g, node, first, _parameters(first), 0)
    return Nothing()


def _parameters(value: tree.Expr) -> list[int]:
    """Return the parameters that are printed as they are given; more than a few are taken for numbers."""
    items = value.items if isinstance(value, (tree.Tuple, tree.Record)) else [value]
    return list(dict.fromkeys(item.index for item in items if isinstance(item, tree.Positional)))[:MAX_READINGS]


def _readings(value: tree.Expr) -> list[tree.Expr]:
    """Return what is printed for each combination of parameters being texts and (a bit of the number) numbers."""
    parameters = _parameters(value)

    def read(item: tree.Expr, mask: int) -> tree.Expr:
        if not isinstance(item, tree.Positional) or item.index not in parameters:
            return item
        if mask >> parameters.index(item.index) & 1:
            return tree.Positional(item.span, item.index, lenient=True)
        return tree.Call(item.span, "str", [tree.Positional(item.span, item.index)])

    masks = range(1 << len(parameters))
    if isinstance(value, tree.Tuple):
        return [tree.Tuple(value.span, [read(item, mask) for item in value.items]) for mask in masks]
    if isinstance(value, tree.Record):
        return [tree.Record(value.span, value.names, [read(item, mask) for item in value.items]) for mask in masks]
    return [read(value, mask) for mask in masks]


def _print_reading(g: Gen, node: tree.Expr, value: tree.Expr, parameters: list[int], mask: int) -> None:
    """Print a value whose parameters are numbers if their texts are, decided for one after the other."""
    if not parameters:
        readings = g.template.lowered.get(node)
        printed = readings.items[mask] if isinstance(readings, tree.Tuple) else value
        g.send_nodes(Action(ActionKind.PRINT, node.span), [printed])
        return
    index, rest = parameters[-1], parameters[:-1]
    is_number = g.symbol(Symbol(SymbolKind.PARAM_INT, b=int(ParamForm.IS_NUMBER), imm=index))
    g.when(
        g.truth(is_number),
        lambda: _print_reading(g, node, value, rest, mask | 1 << len(rest)),
        lambda: _print_reading(g, node, value, rest, mask),
    )


def _check_exit(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    for arg in args:
        found = c.arg(arg)
        if not (found.is_integer or isinstance(found, Unknown)):
            c.error(node, f"exit() only supports int arguments ({type_word(found)} provided)")
    return NOTHING


def _emit_exit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    code = [a for a in args if isinstance(a, tree.Expr)]
    action = Action(ActionKind.EXIT, node.span, aux=int(g.template.probe.kind is ProbeKind.ITER))
    if not code:
        g.send(action, [Item(UINT8, number=0)])
    else:
        g.send(action, [Item(UINT8, code[0])])
    g.leave()
    return Nothing()


def _check_debugf(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    fmt = c.literal_str(node, args[0], "debugf")
    types = [c.arg(a) for a in args[1:]]
    c.warning(
        node,
        "The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in"
        " bpf-helpers(7).",
        stage=Stage.SHAPE,
    )
    if fmt is not None and formats.check(c, node, fmt, types):
        _check_debug_specs(c, fmt, args, types)
    if len(types) > MAX_DEBUG:
        return c.error(node, f"cannot use more than {MAX_DEBUG} conversion specifiers", stage=Stage.SHAPE)
    return Void()


def _check_debug_specs(c: Checker, fmt: str, args: list[Arg], types: list[Type]) -> None:
    """The kernel's printer knows few conversions."""
    for spec, arg, typ in zip(formats.parse(fmt)[1], args[1:], types, strict=True):
        if spec.word not in ("d", "u", "x", "p", "s"):
            c.error(expression(args[0]), f"Invalid format specifier for `debugf`: {spec.word}")
        elif isinstance(typ, Str) is not (spec.word == "s") and not isinstance(typ, Unknown):
            c.error(expression(arg), f"Type does not match format specifier: {spec.word}")


def _emit_debugf(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """Print to the kernel's trace pipe, for debugging of scripts: at most three numbers or strings."""
    fmt = args[0]
    assert isinstance(fmt, tree.StringLiteral)
    text = fmt.value.encode("utf-8", "surrogateescape")
    place = g.temp(Str(len(text) + 1))
    g.put_bytes(text, place)
    values = [_debug_word(g, expression(a)) for a in args[1:]]
    g.helper("trace_printk", place.ptr, place.type.size, *values)
    return Nothing()


def _debug_word(g: Gen, node: tree.Expr) -> Any:
    typ = g.template.types[node]
    return g.scalar(node) if typ.is_scalar else g.b.ptrtoint(g.as_memory(g.expr(node)).ptr, I64)


ENTRIES = (
    Entry("debugf", (1, MANY), _check_debugf, _emit_debugf),
    _formatted("printf", ActionKind.PRINTF),
    _formatted("errorf", ActionKind.ERRORF),
    _formatted("warnf", ActionKind.WARNF),
    _formatted("cat", ActionKind.CAT),
    _formatted("system", ActionKind.SYSTEM, unsafe=True),
    Entry("print", (1, 3), _check_print, _emit_print),
    Entry("exit", (0, 1), _check_exit, _emit_exit),
)
