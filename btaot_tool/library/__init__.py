"""Builtins and functions.

To add one: an ``Entry`` in the module of its family, or a new module named in ``_MODULES``.
"""

from __future__ import annotations

import re
from functools import cache

from .base import Arg, Entry

_MODULES = (
    "aggregations",
    "context",
    "existence",
    "function",
    "identity",
    "kfunc",
    "maps",
    "memory",
    "meta",
    "network",
    "number_names",
    "output",
    "params",
    "process",
    "search",
    "special",
    "session",
    "stacks",
    "strings",
    "symbols",
    "time",
    "tracing",
    "tseries",
)


@cache
def _registry() -> dict[str, Entry]:
    from importlib import import_module

    found: dict[str, Entry] = {}
    for name in _MODULES:
        module = import_module(f".{name}", __package__)
        for entry in module.ENTRIES:
            assert entry.name not in found, entry.name
            found[entry.name] = entry
    return found


def find(name: str) -> Entry | None:
    """Return the builtin or function with this name; ``arg3`` and ``sarg3`` are found as argN and sargN."""
    registry = _registry()
    name = name.removeprefix("__builtin_")
    if name in registry and not name.endswith("N"):
        return registry[name]
    match = re.fullmatch(r"(s?arg)[0-9]+", name)
    return registry.get(f"{match[1]}N") if match else None


def names() -> list[str]:
    """Return all names, for "did you mean" hints and the documentation."""
    return sorted(_registry())


__all__ = ["Arg", "Entry", "find", "names"]
