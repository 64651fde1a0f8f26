"""Which symbols a C++ name stands for, by the rules of mangled names: enough to find the functions of a name."""

from __future__ import annotations

import re
from collections.abc import Collection

_ANONYMOUS = "(anonymous namespace)"


def symbols_of(name: str, symbols: Collection[str]) -> list[str]:
    """Return the symbols of all functions with a name such as ``Namespace::Class::method``, without parameters.

    Overloads and instances of a template are among them; patterns and names with parameters have none here.
    """
    if name in symbols:
        return [name]
    parts = name.replace(_ANONYMOUS, "_GLOBAL__N_1").split("::")
    if not all(re.fullmatch(r"~?\w+", part) for part in parts):
        return []
    pieces = [_piece(part, parts[i - 1] if i else "") for i, part in enumerate(parts)]
    instance = r"(I.+E)?"
    if len(parts) == 1:
        pattern = re.compile(rf"_ZL?{pieces[0]}(B\d+\w+?)?{instance}[^0-9].*")
    else:
        pattern = re.compile(rf"_ZN[rVKRO]*L?{instance.join(pieces)}(B\d+\w+?)?{instance}E.*")
    return sorted(symbol for symbol in symbols if pattern.fullmatch(symbol))


def _piece(part: str, owner: str) -> str:
    if part.startswith("~"):
        return "D[0-9]"
    return "C[0-9]" if part == owner else f"{len(part)}{part}"
