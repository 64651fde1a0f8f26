"""Makers of entries that are one helper call or one load-time symbol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..codegen.llvm import const
from ..codegen.values import Scalar, Value
from ..sema.types import Type
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def value_entry(name: str, typ: Type, make: Callable[[Gen], Any]) -> Entry:
    """Return a builtin without arguments: ``make`` gives its 64-bit value."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        return typ

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        return Scalar(typ, make(g))

    return Entry(name, (0, 0), check, emit)


def helper_entry(name: str, typ: Type, helper: str, shift: int = 0, mask: int = 0) -> Entry:
    """Return a builtin that is the result of one helper, shifted right and masked."""

    def make(g: Gen) -> Any:
        value = g.helper(helper)
        if shift:
            value = g.b.lshr(value, const(shift))
        return g.b.and_(value, const(mask)) if mask else value

    return value_entry(name, typ, make)


def symbol_entry(name: str, typ: Type, symbol: Symbol) -> Entry:
    """Return a builtin that is one load-time constant."""
    return value_entry(name, typ, lambda g: g.symbol(symbol))
