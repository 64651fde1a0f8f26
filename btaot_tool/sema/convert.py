"""Implicit conversions: a value that is stored, compared or computed with in another type than its own.

Called when all types are known.  What may lose information is warned of; literals must fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostic, Span, Stage
from ..expand.stdlib import is_library
from ..syntax import tree
from ..syntax.walk import walk
from .types import Agg, Bool, Enum, Int, Items, Ptr, Record, Str, Tuple, Type, Unknown
from .widening import integer_sign, join

if TYPE_CHECKING:
    from .service import CheckerService


def convert(c: CheckerService, node: tree.Node, found: Type, place: Type) -> bool:
    """Check that a value can be used as one of another type; False if it cannot."""
    if isinstance(found, Unknown) or isinstance(place, Unknown) or found == place:
        return True
    if isinstance(found, Int | Enum | Agg) and isinstance(place, Int | Enum):
        accepted = _integer(c, node, found, place)
        _copied(c, node)
        return accepted
    while isinstance(node, tree.Block) and node.value is not None and isinstance(found, Tuple | Record):
        node = node.value
    if isinstance(found, Tuple) and isinstance(place, Tuple) and len(found.items) == len(place.items):
        parts = _parts(node, found)
        return all(_part(c, *row) for row in zip(parts, found.items, place.items, strict=True))
    if isinstance(found, Record) and isinstance(place, Record) and set(found.names) == set(place.names):
        wanted = dict(zip(place.names, place.items, strict=True))
        named = zip(_parts(node, found), found.items, found.names, strict=True)
        return all(_part(c, part, typ, wanted[name]) for part, typ, name in named)
    if isinstance(found, Str | Ptr):
        _copied(c, node)
    return join(place, found) == place


def _parts(node: tree.Node, found: Items) -> Sequence[tree.Node]:
    """Return the items as written, or places for those of a value."""
    return node.items if isinstance(node, tree.Tuple | tree.Record) else [tree.Node(node.span)] * len(found.items)


def _part(c: CheckerService, node: tree.Node, found: Type, place: Type) -> bool:
    """Check one item; it is copied whether it changes or not."""
    accepted = convert(c, node, found, place)
    _copied(c, node)
    return accepted


def _copied(c: CheckerService, node: tree.Node) -> None:
    """Note that bpftrace puts a copy of an expression into a cast: what it says of it is "expanded from" there."""
    if c.final and isinstance(node, tree.Expr) and not is_library(node.span):
        for part in walk(node):
            c.copies.setdefault(part.span, []).append(node.span)


def expanded(item: Diagnostic, copies: dict[Span, list[Span]]) -> Diagnostic:
    """Return a diagnostic with the casts that bpftrace copies its place to; ``copies``: ``CheckerService.copies``."""
    if item.span is None or item.stage < Stage.CONVERSIONS or item.span not in copies:
        return item
    around = copies[item.span][
        1 if item.stage is Stage.CONVERSIONS else 0 :
    ]  # that of a number is made after its warning
    outer = item.span.parent
    for span in reversed(around):
        outer = replace(span, parent=outer)
    return replace(item, span=replace(item.span, parent=outer))


def literal_value(node: tree.Node) -> int | None:
    """Return the value of an integer literal, with or without a sign."""
    if isinstance(node, tree.IntLiteral):
        return node.value
    if isinstance(node, tree.Unary) and node.op == "-" and isinstance(node.expr, tree.IntLiteral):
        return -node.expr.value
    return None


def _integer(c: CheckerService, node: tree.Node, found: Int | Enum | Agg, place: Int | Enum) -> bool:
    value = literal_value(node)
    if value is not None:
        bits = 8 * place.size - place.signed
        return (-(1 << bits) if place.signed else 0) <= value < 1 << bits
    if not isinstance(found, Agg) and not _fits_into(found, place) and not is_library(node.span):
        c.warning(
            node,
            f"Expression of type: {found} being cast to type: {place}. This may cause unexpected results. Use an"
            " explicit cast to suppress this warning.",
            stage=Stage.CONVERSIONS,
        )
    return True


def _fits_into(found: Int | Enum, place: Int | Enum) -> bool:
    flexible = isinstance(found, Int) and found.flexible
    if found.signed == place.signed or flexible:
        return found.size <= place.size
    return not found.signed and found.size < place.size


def convert_operands(c: CheckerService, op: str, nodes: tuple[tree.Node, tree.Node], types: tuple[Type, Type]) -> None:
    """Check the operands of arithmetic and comparisons of integers."""
    if any(isinstance(t, Bool) for t in types):
        return
    numbers = [Int(8, integer_sign(t)) if isinstance(t, Agg) else t for t in types]
    target: Type | None
    if op in ("==", "!=", "<", "<=", ">", ">="):
        target = join(*numbers)
    else:
        signs = [_sign(t, other) for t, other in (numbers, numbers[::-1])]
        target = Int(8, any(signs) or op == "-")
    for node, typ in zip(nodes, types, strict=True):
        if target is not None:
            convert(c, node, typ, target)


def _sign(found: Type, other: Type) -> bool:
    """Return the sign of an operand; a literal takes that of the other."""
    flexible = isinstance(found, Int) and found.flexible
    return integer_sign(other if flexible and not (isinstance(other, Int) and other.flexible) else found)
