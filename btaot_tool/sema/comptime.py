"""What is known at build time: ``comptime``, ``typeinfo`` and arguments that must be constant.

A value is known if it follows from literals, types, the probe and the configuration.  What only the host knows
(parameters, sizes of kernel structs) is a constant there: such expressions stay in the program, and ``fail`` in a
branch that depends on them ends the program when it is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import library
from ..expand import constants
from ..expand.constants import Constant
from ..expand.rewrite import Rewriter
from ..syntax import tree
from .ctypes import from_c
from .operators import lookup_member
from .types import Array, Bool, Int, Str, Struct, Type, Unknown, type_word

if TYPE_CHECKING:
    from .checker import ExpressionChecker


def type_info(found: Type) -> dict[str, Constant]:
    """Return what ``typeinfo`` tells about a type."""
    return {"btf_id": 0, "base_type": type_word(found), "full_type": str(found)}


def evaluate(c: ExpressionChecker, node: tree.Node) -> Constant | None:
    """Return the value of a checked expression, None if it is not known at build time."""
    lowered = c.template.lowered.get(node)
    if lowered is not None:
        return evaluate(c, lowered)
    known = c.template.constants.get(node)
    if known is not None:
        return known
    literal = constants.from_literal(node)
    if literal is not None:
        return literal
    try:
        return _operation(c, node)
    except constants.Overflow:
        return None


def _operation(c: ExpressionChecker, node: tree.Node) -> Constant | None:
    match node:
        case tree.Comptime(expr=expr) | tree.Block(body=[], value=tree.Expr() as expr):
            return evaluate(c, expr)
        case tree.Unary():
            value = evaluate(c, node.expr)
            return None if value is None else constants.unary(node.op, value)
        case tree.Binary():
            return _binary(c, node)
        case tree.Ternary() | tree.IfExpr():
            return _choice(c, node)
        case tree.Cast():
            return _cast(c, node)
        case tree.FieldAccess():
            return _field(evaluate(c, node.expr), node.field)
        case tree.Index():
            return _element(evaluate(c, node.expr), evaluate(c, node.index))
        case tree.Tuple(items=items):
            values = [evaluate(c, item) for item in items]
            return None if None in values else tuple(v for v in values if v is not None)
        case tree.Sizeof(operand=operand):
            found = c.template.types.get(operand, Unknown())
            if isinstance(found, Str):
                return found.shown_size
            return None if isinstance(found, Unknown) or _hosts_own(found) else found.size
        case tree.Offsetof():
            return _offset(c, node)
        case tree.TypeInfo(operand=operand):
            found = c.template.types.get(operand, Unknown())
            return None if isinstance(found, Unknown) else type_info(found)
    return None


def _binary(c: ExpressionChecker, node: tree.Binary) -> Constant | None:
    left = evaluate(c, node.left)
    if left is not None and node.op in ("&&", "||") and constants.truth(left) is (node.op == "||"):
        return constants.truth(left)
    right = evaluate(c, node.right)
    return None if left is None or right is None else constants.binary(node.op, left, right)


def _choice(c: ExpressionChecker, node: tree.Ternary | tree.IfExpr) -> Constant | None:
    cond = evaluate(c, node.cond)
    if cond is None:
        return None
    chosen = node.then if constants.truth(cond) else node.otherwise
    if chosen is None:
        return cond if isinstance(node, tree.Ternary) else None
    return evaluate(c, chosen)


def _cast(c: ExpressionChecker, node: tree.Cast) -> Constant | None:
    value, target = evaluate(c, node.expr), c.template.types.get(node)
    if not isinstance(value, int):
        return None
    if isinstance(target, Bool):
        return bool(value)
    if not isinstance(target, Int):
        return None
    bits = 8 * target.bytes
    value &= (1 << bits) - 1
    return value - (1 << bits) if target.signed and value >> (bits - 1) else value


def _field(value: Constant | None, name: str) -> Constant | None:
    if isinstance(value, tuple) and name.isdigit() and int(name) < len(value):
        return value[int(name)]
    return value.get(name) if isinstance(value, dict) else None


def _element(value: Constant | None, index: Constant | None) -> Constant | None:
    if not isinstance(value, str) or not isinstance(index, int):
        return None
    data = value.encode("utf-8", "surrogateescape") + b"\0"
    return data[index] if 0 <= index < len(data) else None


def _offset(c: ExpressionChecker, node: tree.Offsetof) -> int | None:
    """Return the offset of a member of the script's own struct."""
    found = c.template.types.get(node.operand)
    bits = 0
    for name in node.fields:
        definition = c.table.struct(found.name) if isinstance(found, Struct) and not found.kernel else None
        member = lookup_member(definition, name, c.table) if definition else None
        if member is None:
            return None
        bits += member.bit_offset
        found = from_c(member.type, c.table, c.space)
    return bits // 8


def _hosts_own(found: Type) -> bool:
    """Tell whether only the host knows the size of a type."""
    return (isinstance(found, Struct) and found.kernel) or (isinstance(found, Array) and _hosts_own(found.elem))


class _HostFacts(Rewriter):
    def __init__(self, c: ExpressionChecker) -> None:
        self._checker = c
        self.found = False

    def _parameter(self, node: tree.Expr) -> tree.Expr:
        self.found = True
        return node

    _Positional = _PositionalCount = _parameter

    def _layout(self, node: tree.Sizeof | tree.Offsetof) -> tree.Expr:
        known = isinstance(self._checker.template.types.get(node.operand, Unknown()), Unknown)
        self.found = self.found or (not known and evaluate(self._checker, node) is None)
        return node

    _Sizeof = _Offsetof = _layout

    def _Call(self, node: tree.Call) -> tree.Call:
        entry = library.find(node.name)
        self.found = self.found or (entry is not None and entry.hosts)
        return self.children(node)


def is_hosts(c: ExpressionChecker, node: tree.Expr) -> bool:
    """Tell whether an expression depends on what is constant on the host, but not known here."""
    search = _HostFacts(c)
    search.rewrite(node)
    return search.found
