"""Write a tree as text, for tests and for people who debug the parser."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..diagnostics import Span
from .tree import Node


def dump(node: Node | None, spans: bool = False) -> str:
    """Return a tree as nested parentheses: class, then the fields that are not empty."""
    return _write(node, "", spans)


def _write(value: Any, indent: str, spans: bool) -> str:
    if not isinstance(value, Node):
        return repr(value)
    head = type(value).__name__
    if spans:
        s = value.span
        head += f"@{s.line}:{s.column}-{s.end_line}:{s.end_column}"
    words = [head]
    nested: list[str] = []
    deeper = indent + "  "
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        empty = content in ("", [], (), False) and field.name != "value"
        if isinstance(content, Span) or field.name in ("quoted", "implied") or content is None or empty:
            continue
        if isinstance(content, Node):
            nested.append(f"{field.name}={_write(content, deeper, spans)}")
        elif isinstance(content, list) and any(isinstance(c, Node | tuple) for c in content):
            nested += [_write_item(c, deeper, spans) for c in content]
        else:
            words.append(f"{field.name}={content!r}")
    if not nested:
        return f"({' '.join(words)})"
    return f"({' '.join(words)}" + "".join(f"\n{deeper}{n}" for n in nested) + ")"


def _write_item(value: Any, indent: str, spans: bool) -> str:
    if isinstance(value, tuple):
        return "(" + " ".join(_write(v, indent + "  ", spans) for v in value) + ")"
    return _write(value, indent, spans)
