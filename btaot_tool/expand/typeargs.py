"""Type parameters of macros: ``typeof(T)`` as an argument, put where the macro names a type or a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostics
from ..syntax import tree
from .rewrite import Copier, copy

if TYPE_CHECKING:
    from .macros import Expander
    from .registry import Operand

TAGS = ("struct ", "union ", "enum ")


class TypeArguments:
    """What the parameters of one expansion stand for in places of types."""

    def __init__(self, expander: Expander, diags: Diagnostics, macro: str, exprs: Mapping[str, Operand]) -> None:
        self._expander = expander
        self._diags = diags
        self._macro = macro
        self._exprs = exprs

    def operand(self, node: Operand) -> Operand:
        """Return what stands for the operand of sizeof, offsetof, typeinfo or typeof."""
        if isinstance(node, tree.Name):
            value = self._exprs.get(node.name)
            found: Operand = _copied(value.operand if isinstance(value, tree.TypeOf) else value or node)
            return found
        result: Operand = self._expander.rewrite(node)
        return result

    def type_name(self, node: tree.TypeName) -> tree.TypeName | tree.TypeOf:
        """Return what stands for a written type."""
        tag = next((tag for tag in TAGS if node.name.startswith(tag)), "")
        span = self._expander.place(node.span)
        value = self._exprs.get(node.name[len(tag) :])
        if value is None:
            return copy(node, span=span)
        inner = value.operand if isinstance(value, tree.TypeOf) else value
        if isinstance(inner, tree.Name) and (isinstance(value, tree.TypeOf) or tag):
            inner = tree.TypeName(inner.span, inner.name)
        if isinstance(inner, tree.Name):
            return tree.TypeName(span, inner.name, node.suffixes)
        if isinstance(inner, tree.TypeName) and not (tag and (inner.suffixes or inner.name.startswith(TAGS))):
            return tree.TypeName(span, tag + inner.name, inner.suffixes + node.suffixes)
        if isinstance(value, tree.TypeOf) and not tag and not node.suffixes:
            return tree.TypeOf(span, _copied(value.operand))
        message = (
            f"Invalid replacement for macro '{self._macro}' type parameter '{node.name[len(tag) :]}'"
            f" which makes up the type '{_written(node)}'"
        )
        self._diags.error(value.span, message, "pass a type as typeof(T)", "macro")
        return tree.TypeName(span, "int64")

    def fields(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        """Return what stands for the path of an offsetof: one parameter may hold a whole path."""
        if len(fields) != 1 or fields[0] not in self._exprs:
            return fields
        value: Any = self._exprs[fields[0]]
        if isinstance(value, tree.TypeOf):
            value = value.operand
        path: list[str] = []
        while isinstance(value, tree.FieldAccess):
            path.insert(0, value.field)
            value = value.expr
        if isinstance(value, tree.Name):
            return (value.name, *path)
        message = (
            "FieldAccess expressions must be made up entirely of idents (e.g. a.b.c)"
            " to replace the second argument in `offsetof`"
        )
        self._diags.error(self._exprs[fields[0]].span, message, code="macro")
        return fields


def _copied(node: Any) -> Any:
    return Copier().rewrite(node)


def _written(node: tree.TypeName) -> str:
    return node.name + "".join(s if s == "*" else f"[{s or ''}]" for s in node.suffixes)
