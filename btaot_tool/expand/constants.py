"""Arithmetic on values that are known at build time: integers, booleans and strings, tuples and records of them.

Integers are exact within int64 and uint64: where a result, or two operands of different sign, fit into neither,
``Overflow`` is raised.
"""

from __future__ import annotations

from collections.abc import Callable

from ..diagnostics import Span
from ..syntax import tree

Constant = int | bool | str | tuple["Constant", ...] | dict[str, "Constant"]

MIN, MAX = -(1 << 63), (1 << 64) - 1
_SIGNED_MAX = (1 << 63) - 1


class Overflow(Exception):
    """A result that no 64-bit integer holds, or a division by zero."""


def _divide(a: int, b: int) -> int:
    if b == 0:
        raise Overflow
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _shift(shift: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def operate(a: int, b: int) -> int:
        if not 0 <= b < 64:
            raise Overflow
        result = shift(a, b) & MAX
        return result - (1 << 64) if a < 0 and result > _SIGNED_MAX else result

    return operate


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: a - _divide(a, b) * b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": _shift(lambda a, b: a << b),
    ">>": _shift(lambda a, b: a >> b),
}

_COMPARISONS: dict[str, Callable[[int | str, int | str], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
    ">": lambda a, b: a > b,  # type: ignore[operator]
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
}


def truth(value: Constant) -> bool:
    """Tell whether a value counts as true."""
    return bool(value)


def unary(op: str, value: Constant) -> Constant | None:
    """Return the result of an operator; None if it is not defined for the value."""
    if op == "!" and isinstance(value, int):
        return not value
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if op == "-":
        return _checked(-value)
    if op == "~":
        return ~value & MAX
    return value if op == "+" else None


def binary(op: str, left: Constant, right: Constant) -> Constant | None:
    """Return the result of an operator; None if it is not defined for the values."""
    if op in ("&&", "||"):
        return (truth(left) and truth(right)) if op == "&&" else (truth(left) or truth(right))
    if isinstance(left, str) or isinstance(right, str):
        return _with_string(op, left, right)
    if isinstance(left, tuple | dict) or isinstance(right, tuple | dict):
        return _compound(op, left, right)
    if isinstance(left, bool) != isinstance(right, bool):
        return None
    if (left < 0 and right > _SIGNED_MAX) or (right < 0 and left > _SIGNED_MAX):
        raise Overflow
    if op in _COMPARISONS:
        return _COMPARISONS[op](left, right)
    if isinstance(left, bool):
        return bool(_ARITHMETIC[op](left, right))
    return _checked(_ARITHMETIC[op](left, right))


def _checked(value: int) -> int:
    if not MIN <= value <= MAX:
        raise Overflow
    return value


def _with_string(op: str, left: Constant, right: Constant) -> Constant | None:
    if isinstance(left, str) and isinstance(right, str):
        if op in _COMPARISONS:
            return _COMPARISONS[op](left, right)
        return left + right if op == "+" else None
    text, offset = (left, right) if isinstance(left, str) else (right, left)
    if op == "+" and isinstance(text, str) and isinstance(offset, int) and not isinstance(offset, bool) and offset >= 0:
        return text[offset:]
    return None


def _compound(op: str, left: Constant, right: Constant) -> Constant | None:
    if type(left) is not type(right) or op not in ("==", "!="):
        return None
    return (left == right) is (op == "==")


def to_literal(value: Constant, span: Span) -> tree.Expr:
    """Return the literal that has a value."""
    if isinstance(value, bool):
        return tree.BoolLiteral(span, value)
    if isinstance(value, int):
        literal = tree.IntLiteral(span, abs(value))
        return literal if value >= 0 else tree.Unary(span, "-", literal)
    if isinstance(value, str):
        return tree.StringLiteral(span, value)
    if isinstance(value, tuple):
        return tree.Tuple(span, [to_literal(item, span) for item in value])
    return tree.Record(span, list(value), [to_literal(item, span) for item in value.values()])


def from_literal(node: tree.Node) -> Constant | None:
    """Return the value of a literal; None if the node is none."""
    match node:
        case tree.IntLiteral(value=value) | tree.BoolLiteral(value=value) | tree.StringLiteral(value=value):
            return value
        case tree.Unary(op="-", expr=tree.IntLiteral(value=value)):
            return -value
        case tree.Tuple(items=items):
            values = [from_literal(item) for item in items]
            return None if None in values else tuple(v for v in values if v is not None)
        case tree.Record(names=names, items=items):
            found = {name: from_literal(item) for name, item in zip(names, items, strict=True)}
            return None if None in found.values() else {n: v for n, v in found.items() if v is not None}
    return None
