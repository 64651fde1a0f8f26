"""Address spaces: kptr and uptr."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..codegen.values import Scalar, Value
from ..sema.types import Ptr, Space, Type, Unknown, Void, type_word
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def _space(name: str, space: Space) -> Entry:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        found = c.arg(args[0])
        if isinstance(found, Unknown):
            return found
        if isinstance(found, Ptr):
            return replace(found, space=space)
        if found.is_integer:
            return Ptr(Void(), space)
        return c.error(node, f"{name}() only supports integer or pointer arguments ({type_word(found)} provided)")

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        assert isinstance(args[0], tree.Expr)
        return Scalar(g.template.types[node], g.scalar(args[0]))

    return Entry(name, (1, 1), check, emit)


ENTRIES = (_space("kptr", Space.KERNEL), _space("uptr", Space.USER))
