"""Scratch variables: what is declared where, and whether it has a value.  Runs before types are looked at.

Before: the expanded tree.  After: every variable that is read has been declared or assigned before, in a scope that
holds it; no name is declared twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..diagnostics import Diagnostics, Span, Stage
from ..expand.rewrite import Rewriter
from ..expand.stdlib import is_library
from ..syntax import tree


@dataclass(slots=True)
class _Known:
    """A variable: where it began, and in which way."""

    span: Span
    how: str
    assigned: bool = True
    declared: bool = False


def check_variables(program: tree.Program, diags: Diagnostics) -> None:
    """Check the variables of all functions and probes."""
    for subprog in program.subprogs:
        _Variables(diags).subprog(subprog)
    for probe in program.probes:
        _Variables(diags).probe(probe)


class _Variables(Rewriter):
    def __init__(self, diags: Diagnostics) -> None:
        self._diags = diags
        self._scopes: list[dict[str, _Known]] = []
        self._type_operator = ""  # the operator around this place that only wants a type

    def probe(self, probe: tree.Probe) -> None:
        """Check one probe."""
        with self._scope():
            if probe.predicate is not None:
                self.rewrite(probe.predicate)
            self.rewrite(probe.body)

    def subprog(self, subprog: tree.Subprog) -> None:
        """Check one function."""
        with self._scope():
            for param in subprog.params:
                self.rewrite(param.type)
                self._scopes[-1][param.name] = _Known(param.span, "This is the function parameter.")
            self.rewrite(subprog.result)
            self.rewrite(subprog.body)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        self._scopes.append({})
        yield
        for name, known in self._scopes.pop().items():
            if known.declared and not known.assigned and not is_library(known.span):
                self._diags.warning(known.span, f"Variable ${name} was never assigned to.", stage=Stage.SHAPE)

    def _find(self, name: str) -> _Known | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    # ---- declarations

    def _Let(self, node: tree.Let) -> tree.Let:
        for part in (node.value, node.type):
            if part is not None:
                self.rewrite(part)
        span = node.name_span or node.span
        known = self._find(node.name)
        if known is not None:
            message = f"Variable ${node.name} was already declared. Variable shadowing is not allowed."
            self._diags.error(span, message, notes=((known.span, known.how),), stage=Stage.SHAPE)
            known.assigned |= node.value is not None
        else:
            how = "This is the initial declaration."
            self._scopes[-1][node.name] = _Known(span, how, node.value is not None, declared=True)
        return node

    def _loop(self, node: tree.ForRange | tree.ForMap) -> tree.Stmt:
        span = node.name_span or node.span
        if (known := self._find(node.name)) is not None:
            message = f"Loop declaration shadows existing variable: ${node.name}"
            self._diags.error(span, message, notes=((known.span, known.how),), stage=Stage.SHAPE)
        for part in (node.start, node.end) if isinstance(node, tree.ForRange) else (node.map,):
            self.rewrite(part)
        with self._scope():
            self._scopes[-1][node.name] = known or _Known(span, "This is the loop variable.")
            self.rewrite(node.body)
        return node

    _ForRange = _ForMap = _loop

    def _Block(self, node: tree.Block) -> tree.Block:
        with self._scope():
            self.children(node)
        return node

    def _Assign(self, node: tree.Assign) -> tree.Assign:
        if node.op != "=":
            self.rewrite(node.target)
        self.rewrite(node.value)
        if isinstance(node.target, tree.Variable):
            self._assigned(node.target, node.span)
        elif not isinstance(node.target, tree.Name):
            self.rewrite(node.target)
            if self._type_operator:
                self._diags.error(
                    node.span, f"Map assignments not allowed inside of {self._type_operator}", stage=Stage.SHAPE
                )
        return node

    def _assigned(self, target: tree.Variable, span: Span) -> None:
        known = self._find(target.name)
        if known is None:
            self._scopes[-1][target.name] = _Known(span, "This is the initial assignment.")
        else:
            known.assigned = True

    def _Call(self, node: tree.Call) -> tree.Call:
        """find(@map, key, $x) gives $x a value."""
        if node.name == "find" and len(node.args) == 3 and isinstance(place := node.args[2], tree.Variable):
            for arg in node.args[:2]:
                self.rewrite(arg)
            self._assigned(place, place.span)
            return node
        return self.children(node)

    def _IfExpr(self, node: tree.IfExpr) -> tree.IfExpr:
        """Only one branch of an ``if comptime`` is checked, by who knows which."""
        self.rewrite(node.cond)
        before = self._diags
        if isinstance(node.cond, tree.Comptime):
            self._diags = Diagnostics()
        self.rewrite(node.then)
        if node.otherwise is not None:
            self.rewrite(node.otherwise)
        self._diags = before
        return node

    # ---- uses

    def _Variable(self, node: tree.Variable) -> tree.Variable:
        known = self._find(node.name)
        if known is None:
            self._diags.error(node.span, f"Undefined or undeclared variable: ${node.name}", stage=Stage.SHAPE)
        elif not known.assigned and not self._type_operator and not is_library(node.span):
            self._diags.warning(node.span, f"Variable used before it was assigned: ${node.name}", stage=Stage.SHAPE)
        return node

    def _Unary(self, node: tree.Unary) -> tree.Unary:
        if node.op != "&" or not isinstance(node.expr, tree.Variable):
            return self.children(node)
        known = self._find(node.expr.name)  # whoever has the address may give it a value
        if known is None:
            return self.children(node)
        known.assigned = True
        return node

    def _type(self, node: tree.Sizeof | tree.Offsetof | tree.TypeInfo | tree.TypeOf) -> tree.Node:
        before = self._type_operator
        words = {tree.Sizeof: "sizeof", tree.Offsetof: "offsetof"}
        self._type_operator = before or words.get(type(node), "typeof or typeinfo")
        self.children(node)
        self._type_operator = before
        return node

    _Sizeof = _Offsetof = _TypeInfo = _TypeOf = _type
