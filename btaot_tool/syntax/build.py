"""The actions of the grammar: each makes one node of the tree.

A method is called like the rule (or alias) of grammar.lark that it serves, with the values of the rule's symbols; the
value of a token is the token.  ``self.at(start, end)`` is the span of the rule's text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..diagnostics import Diagnostics, Source, Span
from . import tree
from .attach import parse_attach_point
from .lalr import Token
from .literals import LiteralError, integer_value, string_value

Values = Sequence[Any]

MAX_ERRORS = 20

_COUNTABLE = (tree.Variable, tree.MapRef, tree.MapAccess)


@dataclass(slots=True)
class Positions:
    """Turns offsets of one source into spans."""

    source: Source
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.starts = [0]
        for i, char in enumerate(self.source.text):
            if char == "\n":
                self.starts.append(i + 1)

    def span(self, start: int, end: int) -> Span:
        """Return the span of ``text[start:end]``."""
        line = bisect_right(self.starts, start)
        end_line = line if line == len(self.starts) or end < self.starts[line] else bisect_right(self.starts, end)
        return Span(self.source, line, start - self.starts[line - 1] + 1, end_line, end - self.starts[end_line - 1] + 1)


@dataclass(slots=True)
class CText:
    """One piece of the C section."""

    start: int
    end: int


class Builder:
    """Builds the nodes of one source."""

    def __init__(self, source: Source, diags: Diagnostics) -> None:
        self.text = source.text
        self.diags = diags
        self.errors = 0
        self.positions = Positions(source)
        self.at = self.positions.span
        self._actions: dict[str, Callable[[Values, int, int], Any]] = {}

    def reduce(self, action: str, values: list[Any], start: int, end: int) -> Any:
        """Call the method for a rule."""
        method = self._actions.get(action)
        if method is None:
            method = self._actions[action] = getattr(self, action)
        return method(values, start, end)

    def word(self, token: Token) -> str:
        """Return the text of a token."""
        return self.text[token.start : token.end]

    def error(self, start: int, end: int, message: str, hint: str = "", code: str = "syntax") -> None:
        """Note an error in a range of the text; text that is no script at all need not be reported line by line."""
        self.errors += 1
        if self.errors <= MAX_ERRORS:
            self.diags.error(self.at(start, end), message, hint, code)

    def _words(self, values: Values, kind: str) -> list[str]:
        return [self.word(v) for v in values if isinstance(v, Token) and v.type == kind]

    def _span(self, token: Token) -> Span:
        return self.at(token.start, token.end)

    # ---- top level

    def c_part(self, values: Values, start: int, end: int) -> CText:
        return CText(start, end)

    def config(self, values: Values, start: int, end: int) -> list[tree.ConfigVar]:
        return [v for v in values if isinstance(v, tree.ConfigVar)]

    def config_var(self, values: Values, start: int, end: int) -> tree.ConfigVar:
        value = values[2]
        result: int | bool | str = self.word(value)
        if value.type == "STRING":
            result = self._string(value)
        elif value.type == "NUMBER":
            result = self._integer(value)[0]
        elif value.type != "NAME":
            result = value.type == "true"
        return tree.ConfigVar(self.at(start, end), self.word(values[0]), result)

    def root_import(self, values: Values, start: int, end: int) -> tree.Import:
        return tree.Import(self.at(start, values[1].end), self._string(values[1]))

    def map_decl(self, values: Values, start: int, end: int) -> tree.MapDecl:
        _let, name, _eq, kind, _open, number, close, *_ = values
        entries = self._integer(number)[0]
        return tree.MapDecl(self.at(start, close.end), self.word(name), self.word(kind), entries)

    def macro(self, values: Values, start: int, end: int) -> tree.Macro:
        params = [v for v in values if isinstance(v, tree.MacroParam)]
        return tree.Macro(self.at(start, end), self.word(values[1]), params, values[-1])

    def param(self, values: Values, start: int, end: int) -> tree.MacroParam:
        token = values[0]
        word = self.word(token)
        kind = {"NAME": "ident", "VAR": "var", "MAP": "map"}[token.type]
        return tree.MacroParam(self.at(start, end), word[1:] if kind == "var" else word, kind)

    def subprog(self, values: Values, start: int, end: int) -> tree.Subprog:
        params = [v for v in values if isinstance(v, tuple) and not isinstance(v, Token)]
        return tree.Subprog(self.at(start, end), self.word(values[1]), params, values[-2], _plain(values[-1]))

    def argument(self, values: Values, start: int, end: int) -> tuple[str, tree.TypeName | tree.TypeOf]:
        return self.word(values[0])[1:], values[2]

    def probe(self, values: Values, start: int, end: int) -> tree.Probe:
        points = [v for v in values if isinstance(v, tree.AttachPoint)]
        predicate = values[-2] if isinstance(values[-2], tree.Expr) else None
        return tree.Probe(self.at(start, end), points, predicate, _plain(values[-1]))

    def attach_point(self, values: Values, start: int, end: int) -> tree.AttachPoint:
        raw = self.text[start:end]
        try:
            return parse_attach_point(raw, self.at(start, end))
        except LiteralError as e:
            self.error(start + e.start, start + e.end, str(e), e.hint)
            return tree.AttachPoint(self.at(start, end), raw, raw.split(":")[0], [])

    def predicate(self, values: Values, start: int, end: int) -> tree.Expr:
        return values[1]  # type: ignore[no-any-return]

    # ---- statements

    def block(self, values: Values, start: int, end: int) -> tree.Block:
        items = list(values[1:-1])
        value = None
        # A semicolon is a Token here; an expression without one at the end is the value of the block.
        if items and isinstance(items[-1], tree.Expr):
            value = items.pop()
        body: list[tree.Stmt] = []
        for item in items:
            if isinstance(item, tree.Expr):
                body.append(tree.ExprStmt(item.span, _plain(item)))
            elif isinstance(item, tree.Stmt):
                body.append(item)
        return tree.Block(self.at(start, end), body, value)

    def stray(self, values: Values, start: int, end: int) -> Token:
        return values[0]  # type: ignore[no-any-return]

    def assign(self, values: Values, start: int, end: int) -> tree.Assign:
        target, op, value = values
        self._check_target(target, self.word(op), start, op.start)
        return tree.Assign(self.at(start, end), target, self.word(op), value)

    def _check_target(self, target: tree.Expr, op: str, start: int, end: int) -> None:
        if isinstance(target, _COUNTABLE) or (isinstance(target, tree.Name) and target.name == "_" and op == "="):
            return
        end = start + len(self.text[start:end].rstrip())
        if isinstance(target, tree.FieldAccess | tree.Index):
            hint = "make a new value and assign that; memory of the kernel or of a process cannot be written"
            self.error(start, end, "fields and elements cannot be assigned to", hint)
        else:
            self.error(start, end, "invalid assignment target", "only $variables and @maps can be assigned to")

    def let(self, values: Values, start: int, end: int) -> tree.Let:
        named_type = next((v for v in values if isinstance(v, tree.TypeName | tree.TypeOf)), None)
        value = next((v for v in values if isinstance(v, tree.Expr)), None)
        return tree.Let(self.at(start, end), self.word(values[1])[1:], named_type, value)

    def jump(self, values: Values, start: int, end: int) -> tree.Jump:
        return tree.Jump(self.at(start, end), self.word(values[0]), values[1] if len(values) > 1 else None)

    def statement_import(self, values: Values, start: int, end: int) -> tree.ImportStmt:
        return tree.ImportStmt(self.at(start, end), self._string(values[1]))

    def while_loop(self, values: Values, start: int, end: int) -> tree.While:
        self._check_condition(values[1])
        return tree.While(self.at(start, end), values[1], _plain(values[2]))

    def unroll(self, values: Values, start: int, end: int) -> tree.Unroll:
        return tree.Unroll(self.at(start, end), values[1], _plain(values[2]))

    def for_range(self, values: Values, start: int, end: int) -> tree.ForRange:
        first, last = [v for v in values[:-1] if isinstance(v, tree.Expr)]
        return tree.ForRange(self.at(start, end), self._words(values, "VAR")[0][1:], first, last, _plain(values[-1]))

    def for_map(self, values: Values, start: int, end: int) -> tree.Stmt:
        over = next(v for v in values[:-1] if isinstance(v, tree.Expr))
        body = _plain(values[-1])
        if not isinstance(over, tree.MapRef):
            hint = "write 'for ($kv : @map)' or 'for ($i : 0..10)'"
            self.diags.error(over.span, "a for loop goes over a map or a range", hint, "syntax")
            over = tree.MapRef(over.span, "@")
        return tree.ForMap(self.at(start, end), self._words(values, "VAR")[0][1:], over, body)

    def if_expr(self, values: Values, start: int, end: int) -> tree.IfExpr:
        self._check_condition(values[1])
        return tree.IfExpr(self.at(start, end), values[1], values[2], values[4] if len(values) > 4 else None)

    def _check_condition(self, cond: tree.Expr) -> None:
        if isinstance(cond, tree.Record):
            self.diags.error(cond.span, "a record cannot be a condition", "comparison is '=='", "syntax")

    # ---- expressions

    def ternary(self, values: Values, start: int, end: int) -> tree.Ternary:
        return tree.Ternary(self.at(start, end), values[0], values[2], values[4])

    def elvis(self, values: Values, start: int, end: int) -> tree.Ternary:
        return tree.Ternary(self.at(start, end), values[0], None, values[3])

    def binary(self, values: Values, start: int, end: int) -> tree.Binary:
        return tree.Binary(self.at(start, end), values[1].type, values[0], values[2])

    def prefix(self, values: Values, start: int, end: int) -> tree.Unary:
        op, operand = values
        if op.type in ("++", "--"):
            self._check_countable(operand, op)
            return tree.Unary(self.at(start, end), op.type + "x", operand)
        if op.type == "&" and not isinstance(operand, tree.Variable | tree.MapRef):
            self.diags.error(operand.span, "only the address of a variable or a map can be taken", code="syntax")
        return tree.Unary(self.at(start, end), op.type, operand)

    def postfix(self, values: Values, start: int, end: int) -> tree.Unary:
        operand, op = values
        self._check_countable(operand, op)
        return tree.Unary(self.at(start, end), "x" + op.type, operand)

    def _check_countable(self, operand: tree.Expr, op: Token) -> None:
        if not isinstance(operand, _COUNTABLE):
            self.error(op.start, op.end, f"'{op.type}' needs a variable or a map")

    def cast(self, values: Values, start: int, end: int) -> tree.Cast:
        return tree.Cast(self.at(start, end), values[1], values[3])

    def comptime(self, values: Values, start: int, end: int) -> tree.Comptime:
        return tree.Comptime(self.at(start, end), values[1])

    def field(self, values: Values, start: int, end: int) -> tree.FieldAccess:
        operand, op, name = values
        text = self.word(name)
        if name.type == "NUMBER":
            text = str(self._integer(name)[0])
        return tree.FieldAccess(self.at(start, end), operand, text, op.type == "->")

    def index(self, values: Values, start: int, end: int) -> tree.Index:
        return tree.Index(self.at(start, end), values[0], values[2])

    def name(self, values: Values, start: int, end: int) -> tree.Name:
        return tree.Name(self.at(start, end), self.text[start:end])

    def variable(self, values: Values, start: int, end: int) -> tree.Variable:
        return tree.Variable(self.at(start, end), self.text[start + 1 : end])

    def positional(self, values: Values, start: int, end: int) -> tree.Positional:
        digits = self.text[start + 1 : end]
        index = int(digits[:20])
        if not 1 <= index < 2**63:
            self.error(start, end, f"there is no positional parameter ${digits[:20]}", "the first is $1")
        return tree.Positional(self.at(start, end), index)

    def positional_count(self, values: Values, start: int, end: int) -> tree.PositionalCount:
        return tree.PositionalCount(self.at(start, end))

    def number(self, values: Values, start: int, end: int) -> tree.IntLiteral:
        value, suffix = self._integer(values[0])
        return tree.IntLiteral(self.at(start, end), value, suffix)

    def string(self, values: Values, start: int, end: int) -> tree.StringLiteral:
        return tree.StringLiteral(self.at(start, end), self._string(values[0]))

    def boolean(self, values: Values, start: int, end: int) -> tree.BoolLiteral:
        return tree.BoolLiteral(self.at(start, end), values[0].type == "true")

    def map_ref(self, values: Values, start: int, end: int) -> tree.MapRef:
        return tree.MapRef(self.at(start, end), self.text[start:end])

    def map_access(self, values: Values, start: int, end: int) -> tree.MapAccess:
        keys = [v for v in values if not isinstance(v, Token)]
        token = values[0]
        key = keys[0] if len(keys) == 1 else tree.Tuple(keys[0].span.to(keys[-1].span), keys)
        return tree.MapAccess(self.at(start, end), tree.MapRef(self._span(token), self.word(token)), key)

    def call(self, values: Values, start: int, end: int) -> tree.Call:
        args = [v for v in values if not isinstance(v, Token)]
        return tree.Call(self.at(start, end), self.word(values[0]), args, self._span(values[0]))

    def sizeof(self, values: Values, start: int, end: int) -> tree.Sizeof:
        return tree.Sizeof(self.at(start, end), values[2])

    def typeinfo(self, values: Values, start: int, end: int) -> tree.TypeInfo:
        return tree.TypeInfo(self.at(start, end), values[2])

    def offsetof(self, values: Values, start: int, end: int) -> tree.Offsetof:
        return tree.Offsetof(self.at(start, end), values[2], tuple(self._words(values[3:], "NAME")))

    def group(self, values: Values, start: int, end: int) -> tree.Expr:
        return values[1]  # type: ignore[no-any-return]

    def tuple_expr(self, values: Values, start: int, end: int) -> tree.Tuple:
        return tree.Tuple(self.at(start, end), [v for v in values if not isinstance(v, Token)])

    def record(self, values: Values, start: int, end: int) -> tree.Record:
        members = [v for v in values if isinstance(v, _Member)]
        names: list[str] = []
        for member in members:
            name = self.word(member.name)
            if name in names:
                self.error(member.name.start, member.name.end, f"the record already has a field '{name}'")
            names.append(name)
        return tree.Record(self.at(start, end), names, [m.value for m in members])

    def member(self, values: Values, start: int, end: int) -> _Member:
        return _Member(values[0], values[2])

    # ---- types

    def type_name(self, values: Values, start: int, end: int) -> tree.TypeName:
        tagged = values[0].type in ("struct", "union", "enum")
        name = f"{values[0].type} {self.word(values[1])}" if tagged else self.word(values[0])
        suffixes: list[str | int] = []
        for token in values[2 if tagged else 1 :]:
            if token.type == "*":
                suffixes.append("*")
            elif token.type == "[":
                suffixes.append(0)
            elif token.type == "NUMBER":
                suffixes[-1] = self._integer(token)[0]
        return tree.TypeName(self.at(start, end), name, (*suffixes,))

    def type_query(self, values: Values, start: int, end: int) -> tree.TypeOf:
        return tree.TypeOf(self.at(start, end), values[2])

    # ---- literals

    def _integer(self, token: Token) -> tuple[int, str]:
        try:
            return integer_value(self.word(token))
        except LiteralError as e:
            self.error(token.start + e.start, token.start + e.end, str(e), e.hint)
            return 0, ""

    def _string(self, token: Token) -> str:
        try:
            return string_value(self.word(token))
        except LiteralError as e:
            self.error(token.start + e.start, token.start + e.end, str(e), e.hint)
            return ""


@dataclass(slots=True)
class _Member:
    name: Token
    value: tree.Expr


_E = TypeVar("_E", bound=tree.Expr)


def _plain(expr: _E) -> _E:
    """Turn the values of a block or if whose value nobody uses into statements, in place."""
    if isinstance(expr, tree.Block):
        if expr.value is not None:
            expr.body.append(tree.ExprStmt(expr.value.span, _plain(expr.value)))
            expr.value = None
    elif isinstance(expr, tree.IfExpr):
        _plain(expr.then)
        if expr.otherwise is not None:
            _plain(expr.otherwise)
    return expr
