"""What a script asks about itself at build time: config, fail, is_literal, is_scalar.

The ``is_...`` questions about types are macros of the library, over typeinfo.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..codegen.values import Nothing, Value
from ..config import VARIABLES
from ..diagnostics import Stage
from ..expand.constants import Constant, from_literal
from ..sema.types import Type, Unknown, Void
from ..syntax import tree
from .base import Arg, Entry
from .output import MANY

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def _constant(name: str, arity: int, find: Callable[[Checker, tree.Expr, list[Arg]], Constant | None]) -> Entry:
    """Return an entry whose value is known at build time; None while types are not inferred yet."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        value = find(c, node, args)
        return Unknown() if value is None else c.lower(node, value)

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        return g.expr(g.template.lowered[node])

    return Entry(name, (arity, arity), check, emit)


def _config(c: Checker, node: tree.Expr, args: list[Arg]) -> Constant:
    values: dict[str, Constant] = {name: getattr(c.config, name) for name in VARIABLES}
    return values


def _is_literal(c: Checker, node: tree.Expr, args: list[Arg]) -> Constant:
    assert isinstance(args[0], tree.Node)
    c.arg(args[0])
    return from_literal(args[0]) is not None


def _is_scalar(c: Checker, node: tree.Expr, args: list[Arg]) -> Constant | None:
    if not isinstance(args[0], tree.MapRef):
        c.error(node, "is_scalar() expects a map", stage=Stage.SHAPE)
        return False
    keyed = c.map_of(args[0]).keyed
    return None if keyed is None and not c.final else not keyed


def _text(fmt: str, values: list[Constant]) -> str:
    """Return a message with its values; a conversion shows them as they are."""
    rest = iter(values)

    def show(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = next(rest, None)
        if value is None:
            return match[0]
        return format(value, "x") if match[0].endswith("x") and isinstance(value, int) else _shown(value)

    return re.sub(r"%%|%[-+ #0-9.*]*[hljzt]*[a-zA-Z]", show, fmt)


def _shown(value: Constant) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _check_fail(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    types = [c.arg(arg) for arg in args]
    if c.host_branches:
        return _fail_on_host(c, node, args)
    values = [c.constant(arg) for arg in args]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        if c.final or not any(isinstance(found, Unknown) for found in types):
            c.error(node, "fail() arguments need to be literals")
    elif isinstance(known[0], str):
        c.error(node, _text(known[0], known[1:]))
    else:
        c.error(node, "first argument to fail() must be a string literal")
    return Void()


def _fail_on_host(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    """Only the host knows whether this place is reached: the program ends there, with the same message."""
    if node not in c.template.lowered:
        calls = [
            tree.Call(node.span, "errorf", list(args)),
            tree.Call(node.span, "exit", [tree.IntLiteral(node.span, 1)]),
        ]
        c.template.lowered[node] = tree.Block(node.span, [tree.ExprStmt(node.span, call) for call in calls])
    return c.expr(c.template.lowered[node])


def _emit_fail(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return g.expr(g.template.lowered[node]) if node in g.template.lowered else Nothing()


ENTRIES = (
    _constant("config", 0, _config),
    _constant("is_literal", 1, _is_literal),
    _constant("is_scalar", 1, _is_scalar),
    Entry("fail", (1, MANY), _check_fail, _emit_fail),
)
