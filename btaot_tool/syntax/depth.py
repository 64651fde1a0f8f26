"""How deep a script may be nested: what works on trees goes down them by recursion."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .lalr import Token
from .tree import Node

#: Levels of brackets, and of nodes in a tree.  A chain such as ``a + b + c`` has a level for each operator.
MAX_BRACKETS = 200
MAX_DEPTH = 600
_FRAMES = 30  # of Python at most, for one level of a tree


def deep_bracket(tokens: Sequence[Token]) -> Token | None:
    """Return the bracket that opens one level too many, None if all is well."""
    depth = 0
    for token in tokens:
        if token.type in ("(", "[", "{", "CAST"):
            depth += 1
            if depth > MAX_BRACKETS:
                return token
        elif token.type in (")", "]", "}"):
            depth -= 1
    return None


def deep_node(root: Any) -> Node | None:
    """Return a node that lies too deep, None if there is none."""
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return None
    return next((node for node in level if isinstance(node, Node)), None)


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, Node):
        for name in node.__dataclass_fields__:
            part = getattr(node, name)
            if isinstance(part, Node):
                yield part
            elif isinstance(part, list):
                yield from (item for item in part if isinstance(item, Node))


@contextmanager
def room_for_recursion() -> Iterator[None]:
    """Let trees of the greatest depth be gone through."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, MAX_DEPTH * _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
