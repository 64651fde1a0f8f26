"""Named parameters: getopt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codegen.module import param_offset
from ..codegen.values import Memory, Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import MapRole, ParamType, SymbolKind
from ..sema.result import NamedParam
from ..sema.types import INT64, UINT64, Bool, Str, Type, Unknown
from ..symbols import Symbol, map_value
from ..syntax import tree
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def _default(c: Checker, node: tree.Expr, args: list[Arg]) -> tuple[ParamType, int | str] | None:
    if len(args) == 1:
        return ParamType.BOOL, 0
    value = args[1]
    if isinstance(value, tree.BoolLiteral):
        return ParamType.BOOL, int(value.value)
    if isinstance(value, tree.StringLiteral):
        return ParamType.STRING, value.value
    if isinstance(value, tree.IntLiteral) or (
        isinstance(value, tree.Unary) and isinstance(value.expr, tree.IntLiteral)
    ):
        number = c.literal_int(node, value, "getopt")
        return None if number is None else (ParamType.INT, number)
    what = "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal."
    c.error(expression(value), what, stage=Stage.PROBES)
    return None


def _check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    first = expression(args[0])
    name = c.literal_str(first, first, "getopt", "First argument to 'getopt' must be a string literal.")
    default = _default(c, node, args)
    if name is None or default is None:
        return Unknown()
    text = c.literal_str(node, args[2], "getopt") if len(args) == 3 else ""
    kind, value = default
    known = c.params.get(name)
    if known and (known.type, known.default) != (kind, value):
        before = known.default if known.type is not ParamType.BOOL else str(bool(known.default)).lower()
        where = "in all places it is used. Previous default value"
        return c.error(
            node,
            f"Command line option '{name}' needs to have the same default value {where}: {before}",
            stage=Stage.PROBES,
        )
    if known and text and known.help and text != known.help:
        where = "in all places it's used. Hint: You can wrap it in a macro"
        return c.error(node, f"Command line option '{name}' must have the same description {where}", stage=Stage.PROBES)
    c.params[name] = NamedParam(name, kind, value, text or (known.help if known else ""))
    if kind is ParamType.INT:
        return INT64 if isinstance(value, int) and value < 0 else UINT64
    return Bool() if kind is ParamType.BOOL else Str(c.max_strlen)


def _emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.StringLiteral)
    name = args[0].value
    typ = g.template.types[node]
    if isinstance(typ, Str):
        offset = param_offset(g.checked, name)
        return Memory(typ, g.symbol_ptr(map_value(g.mod.internal_map(MapRole.PARAMS), offset)))
    index = list(g.checked.params).index(name)
    return Scalar(typ, g.symbol(Symbol(SymbolKind.OPTION_INT, index)))


ENTRIES = (Entry("getopt", (1, 3), _check, _emit, hosts=True),)
