"""Typing rules of operators, casts and member access.

Arithmetic is 64 bits wide; only its signedness depends on the operands (bpftrace's rules).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..diagnostics import Stage
from ..expand.stdlib import is_library
from ..kernel.types import CStruct, Member
from ..syntax import tree
from .convert import convert_operands
from .ctypes import from_c
from .types import (
    INT64,
    KSYM,
    PROBE_NAME,
    PROBE_TEXT,
    UINT64,
    Agg,
    Array,
    Bool,
    Buffer,
    Enum,
    Int,
    Opaque,
    Ptr,
    Record,
    Space,
    Stack,
    Str,
    Struct,
    Tuple,
    Type,
    Unknown,
    Void,
)
from .widening import integer_sign, join

if TYPE_CHECKING:
    from .checker import ExpressionChecker

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
LOGICAL = frozenset({"&&", "||"})


def _numeric(t: Type) -> bool:
    return t.is_integer or (isinstance(t, Agg) and t.castable)


def unary(c: ExpressionChecker, node: tree.Unary) -> Type:
    """Type of a prefix or postfix operator."""
    if node.op in ("++x", "--x", "x++", "x--"):
        return _increment(c, node)
    if node.op == "&":
        return _address(c, node)
    found = c.expr(node.expr)
    if isinstance(found, Unknown):
        return found
    if node.op == "*":
        return _dereference(c, node, found)
    if node.op == "!":
        if not found.is_integer and not (isinstance(found, Agg) and found.castable):
            return c.error(node, f"The ! operator can not be used on expressions of type '{found}'", stage=Stage.TYPES)
        return Bool()
    if not _numeric(found) or isinstance(found, Bool):
        return c.error(
            node, f"The {node.op} operator can not be used on expressions of type '{found}'", stage=Stage.TYPES
        )
    if node.op == "-" and isinstance(node.expr, tree.IntLiteral):
        from .widening import literal_type

        return literal_type(-node.expr.value)
    return INT64 if integer_sign(found) else UINT64


def _address(c: ExpressionChecker, node: tree.Unary) -> Type:
    if isinstance(node.expr, tree.Variable):
        found = c.variable_type(node.expr)
        if c.final and isinstance(found, Unknown):
            c.error(node, f"No type available for variable ${node.expr.name}")
            return Unknown()
        return found if isinstance(found, Unknown) else Ptr(found, Space.KERNEL)
    if isinstance(node.expr, tree.MapRef):
        c.map_of(node.expr)
        return Ptr(Void(), Space.KERNEL)
    return c.error(node, "The & operator can only be used on variables and maps")


def _dereference(c: ExpressionChecker, node: tree.Unary, found: Type) -> Type:
    if isinstance(found, Ptr):
        return found.target
    if isinstance(found, Int | Enum):
        return UINT64
    return c.error(node, f"The * operator can not be used on expressions of type '{found}'", stage=Stage.TYPES)


def _increment(c: ExpressionChecker, node: tree.Unary) -> Type:
    word = node.op.replace("x", "")
    target = node.expr
    if isinstance(target, (tree.MapAccess, tree.MapRef)):
        found = c.expr(target)
        info = c.map_of(target.map if isinstance(target, tree.MapAccess) else target)
        if isinstance(found, Unknown):
            info.written = True
            found = INT64
        result: Type = found if isinstance(found, Ptr) else INT64 if integer_sign(found) or "-" in word else UINT64
        c.use_value(info, node, result)
        return result
    if isinstance(target, tree.Variable):
        found = c.expr(target)
        if isinstance(found, (Unknown, Ptr)):
            return found
        variable = c.scopes.find(target.name)
        if variable is not None and variable.fixed and found.is_integer:
            return found  # a declared type stays
        result = INT64 if integer_sign(found) or "-" in word else UINT64
        c.assign_variable(node, target, result)
        return result
    c.expr(target)
    return c.error(node, f"The {word} operator must be applied to a map or variable", stage=Stage.TYPES)


def binary(c: ExpressionChecker, node: tree.Binary, left: Type, right: Type) -> Type:
    """Type of ``left op right``; also used for compound assignments."""
    op = node.op
    if isinstance(left, Str) or isinstance(right, Str):
        left, right = c.text_of(node.left, left), c.text_of(node.right, right)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Bool() if op in COMPARISONS or op in LOGICAL else Unknown()
    if op in LOGICAL:
        if not (_is_truth(left) and _is_truth(right)):
            return _refuse(c, node, left, right)
        return Bool()
    if isinstance(left, Ptr) or isinstance(right, Ptr):
        return _pointer_operation(c, node, op, left, right)
    if _numeric(left) and _numeric(right):
        convert_operands(c, op, (node.left, node.right), (left, right))
        if op in COMPARISONS:
            return Bool()
        return _integer_operation(c, node, op, left, right)
    if op in ("==", "!=") and _comparable(left, right):
        _check_probe_literal(c, node, left, right)
        return Bool()
    return _refuse(c, node, left, right)


def _is_truth(found: Type) -> bool:
    return isinstance(found, Ptr) or _numeric(found) or (isinstance(found, Opaque) and found.is_scalar)


def _refuse(c: ExpressionChecker, node: tree.Binary, left: Type, right: Type) -> Type:
    op = node.op
    if isinstance(left, Array) and isinstance(right, Array):
        if op not in ("==", "!="):
            return c.error(node, f"The {op} operator cannot be used on arrays.")
        if left.count != right.count:
            c.error(node, "Only arrays of same size support comparison operators.")
        return c.error(node, "Only arrays of same sized integer support comparison operators.")
    if join(left, right) is None:
        notes = ((node.left.span, f"left ({left})"), (node.right.span, f"right ({right})"))
        c.diags.error(node.span, f"Type mismatch for '{op}': comparing {left} with {right}", notes=notes)
        return _result(op)
    c.error(node, f"The {op} operator can not be used on expressions of types {left}, {right}")
    return _result(op)


def _result(op: str) -> Type:
    """Return the type of an operation whatever its operands are."""
    return Bool() if op in COMPARISONS or op in LOGICAL else INT64


def _check_probe_literal(c: ExpressionChecker, node: tree.Binary, left: Type, right: Type) -> None:
    """``probe`` is a number until it is printed: the runtime tells whether it is that of a known name."""
    if (left == PROBE_NAME) == (right == PROBE_NAME):
        return
    name, text = (node.left, node.right) if left == PROBE_NAME else (node.right, node.left)
    if isinstance(text, tree.StringLiteral):
        return
    if isinstance(name, tree.Name | tree.Call):
        c.template.types[name] = PROBE_TEXT
    else:
        c.error(node, "probe can only be compared with a string literal")


def _comparable(left: Type, right: Type) -> bool:
    match left, right:
        case Str(), Str():
            return True
        case Buffer(), Buffer():
            return True
        case Tuple(), Tuple():
            return len(left.items) == len(right.items) and all(
                _comparable(a, b) or (_numeric(a) and _numeric(b)) for a, b in zip(left.items, right.items, strict=True)
            )
        case Record(), Record():
            return set(left.names) == set(right.names)
        case Array(), Array():
            return left == right and left.elem.is_integer
        case Opaque(), Opaque():
            return left.kind == right.kind
        case Opaque(), Str():
            return left == PROBE_NAME
        case Str(), Opaque():
            return right == PROBE_NAME
        case Opaque(scalar=True), _ if right.is_integer:
            return left == KSYM
        case Stack(), Stack():
            return left.user == right.user
    return False


def _integer_operation(c: ExpressionChecker, node: tree.Binary, op: str, left: Type, right: Type) -> Type:
    if isinstance(left, Bool) and isinstance(right, Bool):
        return Bool()
    lsign, rsign = integer_sign(left), integer_sign(right)
    lflex = isinstance(left, Int) and left.flexible
    rflex = isinstance(right, Int) and right.flexible
    if lflex and not rflex:
        lsign = rsign
    elif rflex and not lflex:
        rsign = lsign
    same = (left.size, lsign) == (right.size, rsign) and not isinstance(left, Agg) and not isinstance(right, Agg)
    if op in ("/", "%") and not same and (lsign or rsign) and not is_library(node.span):
        c.warning(
            node,
            f"signed operands for '{op}' can lead to undefined behavior (cast to unsigned to silence warning)",
            stage=Stage.TYPES,
        )
    return INT64 if lsign or rsign or op == "-" else UINT64


def _pointer_operation(c: ExpressionChecker, node: tree.Binary, op: str, left: Type, right: Type) -> Type:
    pointer, other = (left, right) if isinstance(left, Ptr) else (right, left)
    if op in COMPARISONS and isinstance(left, Ptr) and isinstance(right, Ptr):
        if left.target != right.target and not is_library(node.span):
            notes = ((node.left.span, f"left ({left.target})"), (node.right.span, f"right ({right.target})"))
            message = f"comparison of distinct pointer types: {left.target}, {right.target}"
            c.diags.warning(node.span, message, notes=notes, stage=Stage.TYPES)
        return Bool()
    if op in COMPARISONS and _numeric(other):
        return Bool()
    if _numeric(other) and (op == "+" or (op == "-" and isinstance(left, Ptr))):
        return pointer
    return c.error(
        node, f"The {op} operator can not be used on expressions of types {left}, {right}", stage=Stage.TYPES
    )


def member(c: ExpressionChecker, node: tree.FieldAccess, base: Type) -> Type:
    """Type of ``base.field`` for structs and pointers to them (``.`` and ``->`` are the same)."""
    space = c.space
    if isinstance(base, Ptr):
        space, base = base.space, base.target
    elif isinstance(base, Struct):
        space = base.space
    return find_member(c, node, base, node.field, space)


def find_member(c: ExpressionChecker, node: tree.Node, base: Type, name: str, space: Space = Space.NONE) -> Type:
    """Return the type of a member; notes an error if there is none.  Pointers in it get the address space given."""
    if isinstance(base, Unknown):
        return base
    if not isinstance(base, Struct):
        return c.error(
            node,
            f"Can not access field '{name}' on expression of type '{base}'",
            "cast it to a pointer to a struct first: ((struct x *)value)->field",
            stage=Stage.TYPES,
        )
    definition = c.table.struct(base.name)
    if definition is None:
        return c.error(
            node,
            f'Cannot resolve unknown type "{base.name}"',
            "define it in the script, or build with a kernel pack that has it (btaot kernel capture)",
            stage=Stage.TYPES,
        )
    if not base.kernel:
        definition = replace(definition, kernels=None)
    found = lookup_member(definition, name, c.table)
    if found is None:
        hint = "another kernel pack may know it, or the script defines the struct with it" if base.kernel else ""
        return c.error(
            node, f"Struct/union of type '{base.name}' does not contain a field named '{name}'", hint, stage=Stage.TYPES
        )
    return from_c(found.type, c.table, space)


def has_member(c: ExpressionChecker, base: Struct, name: str) -> bool:
    """Tell whether a struct that is known has a member."""
    definition = c.table.struct(base.name)
    return definition is None or lookup_member(definition, name, c.table) is not None


def lookup_member(definition: CStruct, name: str, table: object) -> Member | None:
    """Find a member by name, also inside anonymous structs and unions; offsets are from the outer struct."""
    from ..kernel.types import CRef, Member, TypeTable, strip_typedefs

    assert hasattr(table, "struct")
    lookup: TypeTable = table  # type: ignore[assignment]
    for m in definition.members:
        if m.name == name:
            return m
    for m in definition.members:
        inner_type = strip_typedefs(m.type)
        if m.name or not isinstance(inner_type, CRef):
            continue
        inner = lookup.struct(inner_type.name)
        found = lookup_member(inner, name, lookup) if inner else None
        if found:
            return Member(found.name, found.type, found.bit_offset + m.bit_offset, found.bit_size)
    return lookup_member(definition.kernels, name, lookup) if definition.kernels else None
