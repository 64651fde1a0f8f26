"""Folding of literals: ``60 * 1000`` is a literal, and everything that wants one takes it."""

from __future__ import annotations

from ..diagnostics import Diagnostics
from ..syntax import tree
from . import constants
from .constants import from_literal, to_literal
from .rewrite import Rewriter, copy

_OVERFLOW = "unable to fold literals due to overflow or underflow"


def fold_literals(program: tree.Program, diags: Diagnostics) -> tree.Program:
    """Return the program with all operations on literals done."""
    folder = Folder(diags)
    return copy(program, probes=[folder.rewrite(probe) for probe in program.probes])


class Folder(Rewriter):
    """Replaces operations on literals by their results."""

    def __init__(self, diags: Diagnostics) -> None:
        self._diags = diags

    def _Unary(self, node: tree.Unary) -> tree.Expr:
        if node.op == "-" and isinstance(node.expr, tree.IntLiteral):
            return self._negative(node, node.expr)
        node = self.children(node)
        value = from_literal(node.expr) if not isinstance(node.expr, tree.Tuple | tree.Record) else None
        if value is None or node.op == "+":
            return node
        result = self._try(node, lambda: constants.unary(node.op, value))
        return node if result is None else to_literal(result, node.span)

    def _negative(self, node: tree.Unary, literal: tree.IntLiteral) -> tree.Expr:
        if literal.value > -constants.MIN:
            self._diags.error(node.span, "negative value will underflow", code="fold")
        return node if literal.value else literal

    def _Binary(self, node: tree.Binary) -> tree.Expr:
        node = self.children(node)
        left, right = from_literal(node.left), from_literal(node.right)
        if left is None or right is None:
            return node
        if isinstance(left, str) and node.op == "+" and isinstance(right, int) and right >= len(left):
            self._diags.warning(node.span, "literal string will always be empty")
        result = self._try(node, lambda: constants.binary(node.op, left, right))
        return node if result is None else to_literal(result, node.span)

    def _try(self, node: tree.Expr, operate: object) -> constants.Constant | None:
        assert callable(operate)
        try:
            result: constants.Constant | None = operate()
        except constants.Overflow:
            self._diags.error(node.span, _OVERFLOW, code="fold")
            return None
        return result

    def _Call(self, node: tree.Call) -> tree.Expr:
        node = self.children(node)
        if node.name != "str" or not 1 <= len(node.args) <= 2:
            return node
        value, *length = [from_literal(arg) for arg in node.args]
        if isinstance(value, bool) or not isinstance(value, int | str):
            return node
        if not length:
            return tree.StringLiteral(node.span, str(value))
        if isinstance(length[0], bool) or not isinstance(length[0], int) or length[0] < 0:
            return node
        text = str(value).encode("utf-8", "surrogateescape")[: length[0]]
        return tree.StringLiteral(node.span, text.decode("utf-8", "surrogateescape"))

    def _Ternary(self, node: tree.Ternary) -> tree.Expr:
        node = self.children(node)
        cond = from_literal(node.cond)
        then = node.cond if node.then is None else node.then
        if cond is None or from_literal(then) is None or from_literal(node.otherwise) is None:
            return node
        return then if constants.truth(cond) else node.otherwise

    def _Index(self, node: tree.Index) -> tree.Expr:
        node = self.children(node)
        text, index = from_literal(node.expr), from_literal(node.index)
        if not isinstance(text, str) or not isinstance(index, int):
            return node
        data = text.encode("utf-8", "surrogateescape") + b"\0"
        return tree.IntLiteral(node.span, data[index]) if 0 <= index < len(data) else node

    def _Block(self, node: tree.Block) -> tree.Expr:
        node = self.children(node)
        # A block that is nothing but a literal can stand where a literal must.
        if node.body or node.value is None or from_literal(node.value) is None:
            return node
        return node.value
