"""Kernel functions that programs may call (kfuncs): whether the host has one, and allows it to this probe type.

The calls themselves are in ``codegen/native.py``; the questions that scripts ask are macros over these entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..codegen.values import Scalar, Value
from ..payload.layout import SymbolKind
from ..sema.types import Bool, Type
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def _question(name: str, symbol: Callable[[str], Symbol]) -> Entry:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        c.literal_str(node, args[0], name)
        return Bool()

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        assert isinstance(args[0], tree.StringLiteral)
        return Scalar(Bool(), g.symbol(symbol(args[0].value)))

    return Entry(name, (1, 1), check, emit, hosts=True)


ENTRIES = (
    _question("kfunc_exist", lambda name: Symbol(SymbolKind.KFUNC, name, imm=1)),
    _question("kfunc_allowed", lambda name: Symbol(SymbolKind.KFUNC_ALLOWED, name)),
)
