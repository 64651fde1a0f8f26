"""How types widen: what holds values of two types, and the type of a literal."""

from __future__ import annotations

from dataclasses import replace

from .types import (
    INT64,
    UINT64,
    Agg,
    Array,
    Buffer,
    Enum,
    Int,
    Ptr,
    Record,
    Space,
    Str,
    Struct,
    Tuple,
    Type,
    Unknown,
    Void,
)


def integer_sign(t: Type) -> bool:
    """Whether an integer type is signed."""
    return (isinstance(t, (Int, Enum)) and t.signed) or (isinstance(t, Agg) and t.signed)


def literal_type(value: int) -> Type:
    """Return the smallest signed type that holds a literal; uint64 above that."""
    if value < 0:
        for size in (1, 2, 4):
            if value >= -(1 << (8 * size - 1)):
                return Int(size, True)
        return INT64
    for size in (1, 2, 4, 8):
        if value < 1 << (8 * size - 1):
            return Int(size, True, flexible=True)
    return UINT64


def _join_int(a: Int, b: Int) -> Int:
    if a.signed == b.signed:
        return Int(max(a.bytes, b.bytes), a.signed, a.flexible and b.flexible)
    if a.flexible or b.flexible:
        sign = (not a.flexible and a.signed) or (not b.flexible and b.signed)
        return Int(max(a.bytes, b.bytes), sign)
    signed, unsigned = (a, b) if a.signed else (b, a)
    if signed.bytes > unsigned.bytes:
        return signed
    return Int(min(8, max(a.bytes, b.bytes) * 2), True)


def _nameless(t: Type) -> Type:
    """Return the type of an item of a tuple that is widened: numbers lose their names."""
    match t:
        case Enum():
            return Int(t.bytes, t.signed)
        case Tuple() | Record():
            return replace(t, items=tuple(map(_nameless, t.items)))
    return t


def join(a: Type, b: Type) -> Type | None:
    """Return the type that holds values of both, or None if they don't fit together.

    This is how variables, map keys and map values widen: ``a`` is what is known so far.
    """
    if isinstance(a, Unknown) or (a == b and not isinstance(a, (Int, Ptr))):
        return b
    if isinstance(b, Unknown):
        return a
    match a, b:
        case Int(), Int():
            return _join_int(a, b)
        case Enum(), Int():
            return _join_int(Int(a.bytes, a.signed), b)
        case Int(), Enum():
            return _join_int(a, Int(b.bytes, b.signed))
        case Enum(), Enum() if a.name == b.name:
            return a if a.bytes >= b.bytes else b
        case Enum(), Enum():
            return _join_int(Int(a.bytes, a.signed), Int(b.bytes, b.signed))
        case Str(), Str():
            return a if a.capacity >= b.capacity else b
        case Buffer(), Buffer():
            return Buffer(max(a.capacity, b.capacity))
        case Ptr(), Ptr():
            target = _join_target(a.target, b.target)
            return target and Ptr(target, a.space if a.space is not Space.NONE else b.space)
        case Tuple(), Tuple() if len(a.items) == len(b.items):
            items = [join(_nameless(x), _nameless(y)) for x, y in zip(a.items, b.items, strict=True)]
            return None if None in items else Tuple(tuple(i for i in items if i))
        case Record(), Record() if set(a.names) == set(b.names):
            other = dict(zip(b.names, b.items, strict=True))
            items = [join(_nameless(x), _nameless(other[n])) for n, x in zip(a.names, a.items, strict=True)]
            return None if None in items else Record(tuple(i for i in items if i), a.names)
    return None


def _join_target(a: Type, b: Type) -> Type | None:
    """Return what a pointer points to that holds pointers to both."""
    if isinstance(a, Void | Struct | Str | Array) or isinstance(b, Void | Struct | Str | Array):
        return a if a == b else None
    return join(a, b)
