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
from .lexer import next_end, skip_layout
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
            prefix = "" if code != "syntax" else "syntax: "
            self.diags.error(self.at(start, end), prefix + message, hint, code)

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
        last = values[-1].end if values[-1] is not close else skip_layout(self.text, close.end)
        return tree.MapDecl(self.at(start, last), self.word(name), self.word(kind), entries)

    def macro(self, values: Values, start: int, end: int) -> tree.Macro:
        params = [v for v in values if isinstance(v, tree.MacroParam)]
        return tree.Macro(self.at(start, end), self.word(values[1]), params, values[-1], self.at(start, values[1].end))

    def param(self, values: Values, start: int, end: int) -> tree.MacroParam:
        token = values[0]
        word = self.word(token)
        kind = {"NAME": "ident", "VAR": "var", "MAP": "map"}[token.type]
        return tree.MacroParam(self.at(start, end), word[1:] if kind == "var" else word, kind)

    def subprog(self, values: Values, start: int, end: int) -> tree.Subprog:
        params = [v for v in values if isinstance(v, tree.SubprogParam)]
        return tree.Subprog(self.at(start, end), self.word(values[1]), params, values[-2], _plain(values[-1]))

    def argument(self, values: Values, start: int, end: int) -> tree.SubprogParam:
        return tree.SubprogParam(self.at(start, end), self.word(values[0])[1:], values[2])

    def probe(self, values: Values, start: int, end: int) -> tree.Probe:
        points = [v for v in values if isinstance(v, tree.AttachPoint)]
        predicate = values[-2] if isinstance(values[-2], tree.Predicate) else None
        body = _plain(values[-1])
        if predicate is None:
            return tree.Probe(self.at(start, end), points, None, body)
        return tree.Probe(self.at(start, end), points, predicate.expr, body, predicate.span)

    def attach_point(self, values: Values, start: int, end: int) -> tree.AttachPoint:
        raw = self.text[start:end]
        try:
            return parse_attach_point(raw, self.at(start, end))
        except LiteralError as e:
            self.error(start + e.start, start + e.end, str(e), e.hint, "attach-point")
            return tree.AttachPoint(self.at(start, end), raw, raw.split(":")[0], [])

    def predicate(self, values: Values, start: int, end: int) -> tree.Predicate:
        return tree.Predicate(self.at(start, end), values[1])

    # ---- statements

    def block(self, values: Values, start: int, end: int) -> tree.Block:
        items = list(values[1:-1])
        value = None
        # A semicolon is a Token here; an expression without one at the end is the value of the block.
        if items and isinstance(items[-1], tree.Expr):
            value = items.pop()
        body: list[tree.Stmt] = []
        for i, item in enumerate(items):
            rest = [*items[i + 1 : i + 3], *([] if value is None else [value])]
            if isinstance(item, tree.Expr):
                implied = len(rest) > 1 or (rest != [] and not isinstance(rest[0], Token))
                span = self._statement_span(item, rest[0] if rest else None, implied)
                body.append(tree.ExprStmt(span, _plain(item, implied)))
            elif isinstance(item, tree.Stmt):
                if isinstance(item, tree.Jump):
                    item.span = self._statement_span(item, rest[0] if rest else None, True)
                body.append(item)
        return tree.Block(self.at(start, end), body, value)

    def _statement_span(self, item: tree.Node, after: object, more: bool) -> Span:
        """Return the place of a statement as messages show it: with its semicolon, unless it begins with $ or @.

        ``more``: other statements follow.
        """
        start = self._offset(item.span)
        if isinstance(after, Token) and after.type == ";" and self.text[start] not in "$@":
            return self.at(start, after.end)
        if more and isinstance(item, tree.IfExpr | tree.Block | tree.Jump):
            return self.at(start, skip_layout(self.text, self._offset(item.span, end=True)))
        return item.span

    def stray(self, values: Values, start: int, end: int) -> Token:
        return values[0]  # type: ignore[no-any-return]

    def assign(self, values: Values, start: int, end: int) -> tree.Assign:
        target, op, value = values
        if not isinstance(target, _COUNTABLE):
            self._check_target(target, op, start, end)
        return tree.Assign(self.at(start, end), target, self.word(op), value, self.at(op.start, end))

    def _check_target(self, target: tree.Expr, op: Token, start: int, end: int) -> None:
        if isinstance(target, tree.Name) and target.name == "_" and op.type == "=":
            return
        if self.text[start] not in "$@" or isinstance(target, tree.Positional | tree.PositionalCount):
            self.error(op.start, op.start + 1, "expected ';'", "only $variables and @maps can be assigned to")
        elif isinstance(target, tree.FieldAccess):
            what = "Consider creating a new value and assigning it instead."
            self.error(start, end, f"Tuples and records are immutable once created. {what}")
        else:
            self.error(start, end, "invalid assignment target", "only $variables and @maps can be assigned to")

    def let(self, values: Values, start: int, end: int) -> tree.Let:
        named_type = next((v for v in values if isinstance(v, tree.TypeName | tree.TypeOf)), None)
        value = next((v for v in values if isinstance(v, tree.Expr)), None)
        name = self.word(values[1])[1:]
        return tree.Let(self.at(start, end), name, named_type, value, self.at(start, values[1].end))

    def jump(self, values: Values, start: int, end: int) -> tree.Jump:
        return tree.Jump(self.at(start, end), self.word(values[0]), values[1] if len(values) > 1 else None)

    def statement_import(self, values: Values, start: int, end: int) -> tree.ImportStmt:
        return tree.ImportStmt(self.at(start, end), self._string(values[1]))

    def while_loop(self, values: Values, start: int, end: int) -> tree.While:
        self._check_condition(values)
        return tree.While(self.at(start, end), values[1], _plain(values[2]))

    def unroll(self, values: Values, start: int, end: int) -> tree.Unroll:
        self._check_condition(values)
        return tree.Unroll(self.at(start, end), values[1], _plain(values[2]))

    def for_range(self, values: Values, start: int, end: int) -> tree.ForRange:
        first, last = [v for v in values[:-1] if isinstance(v, tree.Expr)]
        name, place = self._loop_variable(values)
        whole = self.at(start, self._offset(last.span, end=True))
        return tree.ForRange(self.at(start, end), name, first, last, _plain(values[-1]), place, whole)

    def _loop_variable(self, values: Values) -> tuple[str, Span]:
        token = next(v for v in values if isinstance(v, Token) and v.type == "VAR")
        return self.word(token)[1:], self._span(token)

    def for_map(self, values: Values, start: int, end: int) -> tree.Stmt:
        over = next(v for v in values[:-1] if isinstance(v, tree.Expr))
        body = _plain(values[-1])
        if not isinstance(over, tree.MapRef):
            brace = self._offset(body.span)
            hint = "write 'for ($kv : @map)' or 'for ($i : 0..10)'"
            self.error(brace, brace + 1, "expected map or range in for loop", hint)
            over = tree.MapRef(over.span, "@")
        name, place = self._loop_variable(values)
        return tree.ForMap(self.at(start, end), name, over, body, place)

    def if_expr(self, values: Values, start: int, end: int) -> tree.IfExpr:
        self._check_condition(values)
        return tree.IfExpr(self.at(start, end), values[1], values[2], values[4] if len(values) > 4 else None)

    def _check_condition(self, values: Values) -> None:
        """What stands in the parentheses after a keyword is one expression, no tuple and no record."""
        word, cond = values[0], values[1]
        opened = skip_layout(self.text, word.end)
        if not isinstance(cond, tree.Tuple | tree.Record) or self._offset(cond.span) != opened:
            return
        if not cond.items:
            at = skip_layout(self.text, opened + 1)
            self.error(at, at + 1, "expected expression")
            return
        first = cond.items[0].span
        at = self.text.find(",", self._offset(first, end=True))
        if isinstance(cond, tree.Record):
            at = self.text.find("=", opened)
        self.error(at, at + 1, "expected ')'", "comparison is '=='" if isinstance(cond, tree.Record) else "")

    def _offset(self, span: Span, end: bool = False) -> int:
        line, column = (span.end_line, span.end_column) if end else (span.line, span.column)
        return self.positions.starts[line - 1] + column - 1

    def _after(self, first: tree.Expr, end: int) -> Span:
        """Return the place of what begins with an expression, without the parentheses around that."""
        return self.at(self._offset(first.span), end)

    # ---- expressions

    def ternary(self, values: Values, start: int, end: int) -> tree.Ternary:
        return tree.Ternary(self.at(start, end), values[0], values[2], values[4])

    def elvis(self, values: Values, start: int, end: int) -> tree.Ternary:
        return tree.Ternary(self.at(start, end), values[0], None, values[3])

    def binary(self, values: Values, start: int, end: int) -> tree.Binary:
        return tree.Binary(self._after(values[0], end), values[1].type, values[0], values[2])

    def prefix(self, values: Values, start: int, end: int) -> tree.Unary:
        op, operand = values
        if op.type in ("++", "--"):
            self._check_countable(operand, skip_layout(self.text, op.end))
            return tree.Unary(self.at(start, end), op.type + "x", operand)
        if op.type == "&" and not isinstance(operand, tree.Variable | tree.MapRef):
            at = skip_layout(self.text, op.end)
            what = "address-of operator (&) can only be used on a map or variable"
            self.error(at, next_end(self.text, at), what)
        return tree.Unary(self.at(start, end), op.type, operand)

    def postfix(self, values: Values, start: int, end: int) -> tree.Unary:
        operand, op = values
        self._check_countable(operand, op.start, op.end)
        return tree.Unary(self.at(start, end), "x" + op.type, operand)

    def _check_countable(self, operand: tree.Expr, at: int, end: int = 0) -> None:
        if not isinstance(operand, _COUNTABLE):
            self.error(at, end or next_end(self.text, at), "increment/decrement requires a variable or map")

    def cast(self, values: Values, start: int, end: int) -> tree.Cast:
        return tree.Cast(self.at(start, skip_layout(self.text, values[2].end)), values[1], values[3])

    def comptime(self, values: Values, start: int, end: int) -> tree.Comptime:
        return tree.Comptime(self.at(start, end), values[1])

    def field(self, values: Values, start: int, end: int) -> tree.FieldAccess:
        operand, op, name = values
        text = self.word(name)
        if name.type == "NUMBER":
            text = str(self._integer(name)[0])
        return tree.FieldAccess(self._after(operand, end), operand, text, op.type == "->")

    def index(self, values: Values, start: int, end: int) -> tree.Index:
        return tree.Index(self._after(values[0], end), values[0], values[2])

    def name(self, values: Values, start: int, end: int) -> tree.Name:
        return tree.Name(self.at(start, end), self.text[start:end])

    def variable(self, values: Values, start: int, end: int) -> tree.Variable:
        return tree.Variable(self.at(start, end), self.text[start + 1 : end])

    def positional(self, values: Values, start: int, end: int) -> tree.Positional:
        digits = self.text[start + 1 : end]
        index = int(digits[:20])
        if not 1 <= index < 2**63:
            self.error(start, end, f"param ${digits[:40]} is out of integer range [1, {2**63 - 1}]", "the first is $1")
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
        key = keys[0] if len(keys) == 1 else tree.Tuple(self.at(start, end), keys)
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
                self.error(member.start, member.end, f"Named argument list already contains name: {name}")
            names.append(name)
        return tree.Record(self.at(start, end), names, [m.value for m in members])

    def member(self, values: Values, start: int, end: int) -> _Member:
        return _Member(values[0], values[2], start, end)

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
    start: int
    end: int


_E = TypeVar("_E", bound=tree.Expr)


def _plain(expr: _E, implied: bool = False) -> _E:
    """Turn the values of a block or if whose value nobody uses into statements, in place."""
    if isinstance(expr, tree.Block):
        if expr.value is not None:
            value = _plain(expr.value, implied)
            expr.body.append(tree.ExprStmt(expr.value.span, value, implied))
            expr.value = None
    elif isinstance(expr, tree.IfExpr):
        _plain(expr.then, implied)
        if expr.otherwise is not None:
            _plain(expr.otherwise, implied)
    return expr
