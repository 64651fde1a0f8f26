"""Explicit casts: which are legal, and what to say of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..expand.stdlib import is_library
from ..syntax import tree
from .convert import literal_value
from .types import KSYM, NOTHING, USERNAME, Agg, Array, Bool, Buffer, Enum, Int, Opaque, Ptr, Str, Struct, Type, Unknown

if TYPE_CHECKING:
    from .checker import ExpressionChecker


def cast(c: ExpressionChecker, node: tree.Cast, source: Type, target: Type) -> Type:
    """Check a cast and return its type."""
    if source is NOTHING:
        return c.error(node, 'Cannot cast from "none" type')
    if isinstance(source, Unknown) or isinstance(target, Unknown):
        return target
    if isinstance(source, Struct):
        return c.error(node, f'Cannot cast from C type "{source}"')
    if isinstance(target, Array) and target.count == 0:
        if source.size % (target.elem.size or 1):
            what = "the element size is incompatible with the cast integer size"
            return c.error(node, f"Cannot determine array size: {what}")
        target = Array(target.elem, source.size // (target.elem.size or 1))
    if target == source:
        if not is_library(node.span) and not isinstance(node.expr, tree.BoolLiteral):
            c.warning(node, f"Unnecessary cast: expression is already of type {source}")
        return source if isinstance(source, Ptr) else target
    if isinstance(target, Enum) and not _is_variant(c, node, target):
        return target
    if not _castable(source, target):
        return c.error(node, f'Cannot cast from "{source}" to "{target}"')
    if isinstance(source, Ptr) and isinstance(target, Ptr):
        return replace(target, space=source.space)  # it still points where it did
    return target


def _is_variant(c: ExpressionChecker, node: tree.Cast, target: Enum) -> bool:
    value = literal_value(node.expr)
    if value is None or any(value == known for _, known in target.values):
        return True
    name = target.name.removeprefix("enum ")
    c.error(node, f"Enum: {name} doesn't contain a variant value of {value}")
    return False


def _castable(source: Type, target: Type) -> bool:
    number = isinstance(source, Int | Enum | Bool) or (isinstance(source, Agg) and source.castable)
    if isinstance(target, Str):
        return isinstance(source, Str) and target.capacity >= source.capacity
    if isinstance(target, Bool):
        return number or isinstance(source, Ptr | Str)
    if isinstance(target, Int | Enum):
        return number or isinstance(source, Ptr) or (isinstance(source, Array) and source.size == target.size)
    if isinstance(target, Ptr):
        return isinstance(source, Ptr | Str) or number
    if isinstance(target, Array):
        if not isinstance(target.elem, Int | Enum | Bool):
            return False
        if isinstance(source, Int | Enum):
            return source.size <= target.size <= 8 or source.size == target.size
        return isinstance(source, Bool | Str) and source.size == target.size
    if isinstance(target, Buffer):
        return isinstance(source, Buffer)
    if isinstance(target, Opaque):
        return source.is_integer and target in (KSYM, USERNAME)
    return False
