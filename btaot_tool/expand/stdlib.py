"""The library that is written in the language itself: ``btaot_tool/stdlib/*.bt``.

Only the macros that a script names are parsed, each once per process.  In these files every macro begins in the
first column of a line and ends with a brace in the first column.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from ..diagnostics import Diagnostics, Source, Span
from ..syntax import tree
from ..syntax.parse import parse

FOLDER = Path(__file__).parent.parent / "stdlib"
_PREFIX = "stdlib/"

_MACRO = re.compile(r"^macro[ ]+(\w+).*?^\}", re.M | re.S)


@cache
def _texts() -> dict[str, list[tuple[str, int, str]]]:
    """Return for each name its definitions: file, line and text."""
    found: dict[str, list[tuple[str, int, str]]] = {}
    for path in sorted(FOLDER.glob("*.bt")):
        text = path.read_text(encoding="utf-8")
        for match in _MACRO.finditer(text):
            line = text.count("\n", 0, match.start())
            found.setdefault(match[1], []).append((f"{_PREFIX}{path.name}", line, match[0]))
    return found


@cache
def macros(name: str) -> tuple[tree.Macro, ...]:
    """Return the library's macros of a name, the special ones before the general ones."""
    result: list[tree.Macro] = []
    for file, line, text in _texts().get(name, []):
        result += parse(Source(file, "\n" * line + text), Diagnostics()).macros
    return tuple(result)


def names() -> list[str]:
    """Return the names of all macros of the library that are meant for scripts."""
    return sorted(name for name in _texts() if not name.startswith("__"))


def in_library(macro: tree.Macro) -> bool:
    """Tell whether a macro is one of the library's."""
    return any(known is macro for known in macros(macro.name))


def is_library(span: Span) -> bool:
    """Tell whether a place is in the library itself: no advice is given there."""
    return span.source.name.startswith(_PREFIX)
