"""Going through a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from . import tree


def walk(node: Any) -> Iterator[tree.Node]:
    """Return a node and all nodes below it; lists of nodes are gone through, what is no node is passed over."""
    if isinstance(node, tree.Node):
        yield node
        for f in fields(node):
            yield from walk(getattr(node, f.name))
    elif isinstance(node, list):
        for part in node:
            yield from walk(part)
