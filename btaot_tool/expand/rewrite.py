"""Rewriting of trees: a copy with some nodes replaced; nodes below which nothing changes are shared."""

from __future__ import annotations

from typing import Any, TypeVar

from ..diagnostics import Span
from ..syntax import tree

N = TypeVar("N", bound=tree.Node)


class Rewriter:
    """Walks a tree; a method ``_Name`` decides what stands for a node of class Name, without one its children do."""

    def rewrite(self, node: tree.Node) -> Any:
        """Return what stands for a node."""
        method = getattr(self, f"_{type(node).__name__}", None)
        return method(node) if method else self.children(node)

    def place(self, span: Span) -> Span:
        """Return the span of the copy of a node."""
        return span

    def children(self, node: N) -> N:
        """Return the node with its children rewritten: itself if nothing changed."""
        span = self.place(node.span)
        changed: dict[str, Any] = {} if span is node.span else {"span": span}
        for name in list(node.__dataclass_fields__)[1:]:
            old = getattr(node, name)
            new = self._value(old)
            if new is not old:
                changed[name] = new
        return copy(node, **changed) if changed else node

    def _value(self, old: Any) -> Any:
        if isinstance(old, tree.Node):
            return self.rewrite(old)
        if isinstance(old, Span):
            return self.place(old)
        if isinstance(old, list) and old:
            new = [self._value(item) for item in old]
            return old if all(a is b for a, b in zip(old, new, strict=True)) else new
        if isinstance(old, tuple) and any(isinstance(item, tree.Node) for item in old):
            return tuple(self._value(item) for item in old)
        return old


class Copier(Rewriter):
    """Copies every node, so that each can have its own type."""

    def children(self, node: N) -> N:
        """Return a copy of the node and of all below it."""
        new = super().children(node)
        return copy(new) if new is node else new


def copy(node: N, **changed: Any) -> N:
    """Return a copy of one node with some fields changed."""
    new = object.__new__(node.__class__)
    for name in node.__dataclass_fields__:
        setattr(new, name, changed[name] if name in changed else getattr(node, name))
    return new
