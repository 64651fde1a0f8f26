"""Control flow: jumps where they lead nowhere, and what stands behind a jump."""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics import Diagnostics
from ..syntax import tree
from .rewrite import Rewriter

_ANY = frozenset({"break", "continue", "return"})


def check_jumps(macros: Iterable[tree.Macro], probes: Iterable[tree.Probe], diags: Diagnostics) -> None:
    """Refuse break and continue outside of loops, and every jump out of a macro, as it was written."""
    for macro in macros:
        _Jumps(diags, "macro", _ANY).rewrite(macro.body)
    for probe in probes:
        _Jumps(diags, "probe", _ANY - {"return"}).rewrite(probe.body)


class _Jumps(Rewriter):
    def __init__(self, diags: Diagnostics, where: str, forbidden: frozenset[str]) -> None:
        self._diags = diags
        self._where = where
        self._forbidden = forbidden

    def _Jump(self, node: tree.Jump) -> tree.Jump:
        if node.kind in self._forbidden:
            self._diags.error(node.span, f"'{node.kind}' statement is not allowed in a {self._where}", code="jump")
        return node

    def _loop(self, node: tree.While | tree.Unroll | tree.ForRange | tree.ForMap) -> tree.Stmt:
        _Jumps(self._diags, self._where, self._forbidden & {"return"}).rewrite(node.body)
        return node

    _While = _Unroll = _ForRange = _ForMap = _loop


def warn_unreachable(program: tree.Program, diags: Diagnostics) -> None:
    """Warn of the first statement in each block that is never reached."""
    walker = _Unreachable(diags)
    for probe in program.probes:
        walker.rewrite(probe.body)


class _Unreachable(Rewriter):
    def __init__(self, diags: Diagnostics) -> None:
        self._diags = diags

    def _Block(self, node: tree.Block) -> tree.Block:
        self.children(node)
        last = next((i for i, statement in enumerate(node.body) if _ends(statement)), None)
        if last is None:
            return node
        if last + 1 < len(node.body):
            self._diags.warning(node.body[last + 1].span, "Unreachable statement.")
        elif node.value is not None:
            message = "Unreachable expression; block type is implicitly none."
            self._diags.warning(node.value.span, message)
        return node


def _ends(node: tree.Node | None) -> bool:
    """Tell whether nothing behind a statement is reached."""
    match node:
        case tree.Jump():
            return True
        case tree.Call(name="exit"):
            return True
        case tree.ExprStmt(expr=expr):
            return _ends(expr)
        case tree.IfExpr(then=then, otherwise=otherwise):
            return not isinstance(node.cond, tree.Comptime) and _ends(then) and _ends(otherwise)
        case tree.Block(body=body):
            return any(_ends(statement) for statement in body)
    return False
