"""Take the text of an attach point apart."""

from __future__ import annotations

import re

from ..diagnostics import Span
from .literals import LiteralError
from .providers import canonical_provider
from .tree import AttachPoint

_NAME = re.compile(r"([A-Za-z_]\w*)\s*=\s*(?=[\w*])")


def parse_attach_point(raw: str, span: Span) -> AttachPoint:
    """Return the attach point that a text stands for; raise LiteralError where it is malformed."""
    match = _NAME.match(raw)
    name, text = (match[1], raw[match.end() :]) if match else ("", raw)
    parts, quoted = _split(text, len(raw) - len(text))
    provider = canonical_provider(parts[0])
    return AttachPoint(span, raw, provider, parts[1:], name, tuple(quoted[1:]))


def _split(text: str, offset: int) -> tuple[list[str], list[bool]]:
    """Split at colons outside of quotes; an at sign is a part of its own."""
    parts, quoted = [""], [False]
    in_quotes = False
    i = 0
    while i < len(text):
        char = text[i]
        if char == '"':
            in_quotes = not in_quotes
        elif in_quotes:
            if char == "\\" and i + 1 < len(text):
                i += 1
                char = text[i]
            quoted[-1] |= char == "$"
            parts[-1] += char
        elif char in ":@":
            parts += ["@", ""] if char == "@" else [""]
            quoted += [False, False] if char == "@" else [False]
        else:
            if char == "$":
                _check_parameter(text, i, offset)
            parts[-1] += char
        i += 1
    return parts, quoted


def _check_parameter(text: str, i: int, offset: int) -> None:
    if number := re.compile(r"\$([1-9][0-9]*)").match(text, i):
        if int(number[1]) >= 1 << 64:
            what = f"overflow error, maximum value is {(1 << 64) - 1}: {number[1]}"
            raise LiteralError(f"positional parameter is not valid: {what}", 0, offset + len(text))
        return
    after = text[i + 1 : i + 2]
    quote = f'Try quoting this entire part if this is intentional e.g. "${after}".'
    what = "invalid trailing character for positional param" if after else "positional parameter is not valid"
    raise LiteralError(f"{what}: {after}. {quote}", 0, offset + len(text))
