"""Functions on maps: clear, zero, delete, has_key, find, len."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codegen.actions import Action
from ..codegen.llvm import I64, const
from ..codegen.values import Nothing, Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import ActionKind
from ..sema.types import INT64, UINT32, Agg, Bool, Int, Stack, Type, Unknown, Void
from ..syntax import tree
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def _whole(name: str, kind: ActionKind) -> Entry:
    """Return an entry that does something to a whole map, asynchronously."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        if not isinstance(args[0], tree.MapRef):
            return c.error(expression(args[0]), f"{name}() expects a map argument", stage=Stage.SHAPE)
        info = c.map_of(args[0])
        if c.final and not info.written:
            c.error(args[0], f"Undefined map: {info.name}")
        return Void()

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        assert isinstance(args[0], tree.MapRef)
        g.send(Action(kind, node.span, map=g.mod.plan_map(g.map_info(args[0]))), [])
        return Nothing()

    return Entry(name, (1, 1), check, emit)


def _map_and_key(c: Checker, name: str, node: tree.Expr, args: list[Arg]) -> Type:
    """Check ``f(@map, key)`` and the older ``f(@map[key])``."""
    first = args[0]
    if isinstance(first, tree.MapAccess) and len(args) == 1 and name == "delete":
        c.use_key(c.map_of(first.map), first, c.expr(first.key), first.key)
        return Bool()
    if not isinstance(first, tree.MapRef):
        return c.error(node, f"Call to {name}() has arguments that do not match any definition.", stage=Stage.PROBES)
    if len(args) == 2 and c.map_of(first).keyed is False:
        what = f"call to {name}() with two arguments expects a map with explicit keys (non-scalar map)"
        return c.error(node, what, stage=Stage.PROBES)
    if len(args) == 2:
        c.use_key(c.map_of(first), first, c.arg(args[1]), expression(args[1]))
    else:
        c.use_key(c.map_of(first), first, None)
    return Bool()


def _check_delete(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    first = args[0]
    if isinstance(first, tree.MapRef) and len(args) == 1 and c.map_of(first).keyed:
        return c.error(node, "call to delete() with a single argument expects a map without explicit keys (scalar map)")
    return _map_and_key(c, "delete", node, args)


def _check_has_key(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    first = args[0]
    if isinstance(first, tree.MapRef) and c.map_of(first).keyed is False:
        return c.error(node, "call to has_key() expects a map with explicit keys (non-scalar map)")
    return _map_and_key(c, "has_key", node, args)


def _key(g: Gen, args: list[Arg]) -> tuple[tree.MapRef, tree.Expr | None]:
    first = args[0]
    if isinstance(first, tree.MapAccess):
        return first.map, first.key
    assert isinstance(first, tree.MapRef)
    second = args[1] if len(args) == 2 else None
    assert second is None or isinstance(second, tree.Expr)
    return first, second


def _emit_delete(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    target, key = _key(g, args)
    info = g.map_info(target)
    pointer = g.zero_key() if key is None else g.key_of(info, key)
    return Scalar(Bool(), g.delete(info, pointer, node not in g.discarded))


def _emit_has_key(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    target, key = _key(g, args)
    info = g.map_info(target)
    assert key is not None
    found = g.lookup(info, g.key_of(info, key))
    return Scalar(Bool(), g.b.select(g.is_null(found), const(0), g.b.zext(g.b.not_(g.is_null(found)), I64)))


def _check_len(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    first = args[0]
    if isinstance(first, tree.MapRef):
        info = c.map_of(first)
        if info.keyed is False:
            return c.error(node, "call to len() expects a map with explicit keys (non-scalar map)")
        if c.final and not info.written:
            return c.error(first, f"Undefined map: {info.name}")
        return INT64
    if isinstance(first, tree.MapAccess) and not isinstance(c.expr(first), Stack):
        return c.error(first, "len() expects a map argument", stage=Stage.SHAPE)
    found = c.arg(first)
    if not isinstance(found, (Stack, Unknown)):
        return c.error(node, "call to len() expects a map, ustack, or kstack")
    return INT64


def _emit_len(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    first = args[0]
    assert isinstance(first, tree.Expr)
    if isinstance(first, tree.MapRef):
        return Scalar(INT64, g.count_elements(g.map_info(first)))
    stack = g.as_memory(g.expr(first))
    return Scalar(INT64, g.load(g.offset(stack.ptr, 8), UINT32))  # the word after the id: frames


def _check_find(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    target, key, place = args
    if not isinstance(target, tree.MapRef):
        return c.error(node, "Call to find() has arguments that do not match any definition.", stage=Stage.PROBES)
    info = c.map_of(target)
    if info.keyed is False:
        return c.error(node, "call to find() expects a map with explicit keys (non-scalar map)")
    if not isinstance(place, tree.Variable):
        return c.error(node, "Call to find() has arguments that do not match any definition.", stage=Stage.PROBES)
    c.use_key(info, target, c.arg(key), expression(key))
    if c.final and not info.written:
        return c.error(target, f"Undefined map: {info.name}")
    c.assign_variable(place, place, Int(8, info.value.signed) if isinstance(info.value, Agg) else info.value)
    return Bool()


def _emit_find(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    target, key, place = args
    assert isinstance(target, tree.MapRef) and isinstance(key, tree.Expr) and isinstance(place, tree.Variable)
    info = g.map_info(target)
    key_ptr = g.key_of(info, key)
    if g.template.variables[place].decl is place:  # it begins here, and must have a value even if nothing is found
        g.clear_variable(place)
    pointer = g.lookup(info, key_ptr)
    found = g.b.not_(g.is_null(pointer))
    g.when(found, lambda: g.set_variable(place, g.element_value(info, key_ptr, pointer)))
    return Scalar(Bool(), g.b.zext(found, I64))


ENTRIES = (
    Entry("len", (1, 1), _check_len, _emit_len),
    Entry("find", (3, 3), _check_find, _emit_find),
    _whole("clear", ActionKind.CLEAR),
    _whole("zero", ActionKind.ZERO),
    Entry("delete", (1, 2), _check_delete, _emit_delete),
    Entry("has_key", (1, 2), _check_has_key, _emit_has_key),
)
