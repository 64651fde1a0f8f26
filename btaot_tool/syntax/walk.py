"""Going through a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from typing import Any

from . import tree


def walk(node: Any) -> Iterator[tree.Node]:
    """Return a node and all nodes below it; lists of nodes are gone through, what is no node is passed over."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tree.Node):
            yield part
            kind: type = type(part)
            waiting += [getattr(part, name) for name in _below(kind)]
        elif isinstance(part, list):
            waiting += reversed(part)


@cache
def _below(cls: type) -> tuple[str, ...]:
    """Names of the fields that may hold nodes, the last first."""
    return tuple(f.name for f in reversed(fields(cls)) if f.name != "span")
