"""Types of expressions in one program template.

Before: a syntax tree and what earlier rounds learnt of maps and variables.  After: every expression node has
a type in ``template.types``.  Errors are noted in ``diags``; only those of the last round are shown, because an
earlier round may see types that are not inferred yet.
"""

from __future__ import annotations

from .. import library
from ..diagnostics import Stage
from ..expand import constants
from ..expand.constants import Constant
from ..expand.stdlib import is_library
from ..library.context import no_args
from ..payload.layout import ProbeKind
from ..syntax import tree
from . import casts, comptime, native, operators
from .convert import convert
from .env import MapInfo
from .service import CheckerService, missing_args
from .types import (
    INT64,
    Agg,
    Array,
    Bool,
    Enum,
    Int,
    Opaque,
    Ptr,
    Record,
    Str,
    Struct,
    Tuple,
    Type,
    Unknown,
    Void,
    Wrong,
    type_word,
)
from .widening import join, literal_type


class ExpressionChecker(CheckerService):
    """Gives types to expressions; ``statements.Checker`` adds statements."""

    # ---- literals and names ------------------------------------------------------------------------

    def _IntLiteral(self, node: tree.IntLiteral) -> Type:
        if "u" in node.suffix:
            return Int(8, False)
        if "l" in node.suffix:
            return INT64
        return literal_type(node.value)

    def _BoolLiteral(self, node: tree.BoolLiteral) -> Type:
        return Bool()

    def _StringLiteral(self, node: tree.StringLiteral) -> Type:
        return Str(len(node.value.encode("utf-8", "surrogateescape")) + 1)

    def _Positional(self, node: tree.Positional) -> Type:
        self.positional = max(self.positional, node.index)
        if node in self.template.lowered:
            return self.expr(self.template.lowered[node])
        return Int(8, True, flexible=True)  # a literal, as soon as the program runs

    def _PositionalCount(self, node: tree.PositionalCount) -> Type:
        return INT64

    def _Name(self, node: tree.Name) -> Type:
        entry = library.find(node.name)
        if entry is not None and entry.is_name:
            return self._apply(entry, node, [])
        if self._constant(node) is not None:
            return self.template.types[node]
        self.error(node, f"Unknown identifier: '{node.name}'")
        return Unknown()

    def _Call(self, node: tree.Call) -> Type:
        entry = library.find(node.name)
        if entry is None and (function := native.find_function(self.functions, self.kernel, node.name)):
            return native.check_call(self, node, function)
        if entry is None:
            hint = (
                "functions (fn) cannot be called, as in bpftrace: write a macro"
                if node.name in self.subprograms
                else ""
            )
            return self.error(node, f"Unknown function: '{node.name}'", hint, stage=Stage.TYPES)
        if entry.aggregate:
            return self.error(node, f"{node.name}() must be assigned directly to a map", stage=Stage.PROBES)
        return self._apply(entry, node, list(node.args))

    def _apply(self, entry: library.Entry, node: tree.Expr, args: list[library.Arg]) -> Type:
        if entry.unsafe and not self.options.unsafe:
            what, stage = "unsafe. To use you need the --unsafe flag", Stage.CHECKS  # macros of bpftrace's library
            if entry.name in ("join", "system"):
                what, stage = "an unsafe function being used in safe mode", Stage.SHAPE
            self.error(node, f"{entry.name}() is {what}", "build with --unsafe", stage=stage)
        low, high = entry.arity
        if not low <= len(args) <= high:
            return self.error(
                node, f"{entry.name}() {_count(low, high, len(args))} ({len(args)} provided)", stage=Stage.SHAPE
            )
        return entry.check(self, node, args)

    def _Variable(self, node: tree.Variable) -> Type:
        found = self.variable_type(node)
        if (
            self.final
            and isinstance(found, Unknown)
            and not isinstance(found, Wrong)
            and self.scopes.find(node.name) is not None
        ):
            self.error(node, "Could not resolve the type of this variable")
        return found

    def variable_type(self, node: tree.Variable) -> Type:
        """Return the type of a variable, as far as it is known."""
        variable = self.scopes.find(node.name)
        if variable is None:
            return self.error(node, f"Undefined or undeclared variable: ${node.name}", stage=Stage.SHAPE)
        self.template.variables[node] = variable
        found = self.shared.variables.get((self.template.index, id(variable.decl)), Unknown())
        self.template.types[node] = found
        return found

    # ---- maps -----------------------------------------------------------------------------------

    def _MapRef(self, node: tree.MapRef) -> Type:
        info = self.map_of(node)
        self.use_key(info, node, None)
        return self._map_value(info)

    def _MapAccess(self, node: tree.MapAccess) -> Type:
        info = self.map_of(node.map)
        self.use_key(info, node, self.expr(node.key), node.key)
        return self._map_value(info)

    def _map_value(self, info: MapInfo) -> Type:
        info.read = True
        return info.value

    # ---- operators ------------------------------------------------------------------------------

    def _Unary(self, node: tree.Unary) -> Type:
        return operators.unary(self, node)

    def _Binary(self, node: tree.Binary) -> Type:
        return operators.binary(self, node, self.expr(node.left), self.expr(node.right))

    def _Ternary(self, node: tree.Ternary) -> Type:
        cond = self.expr(node.cond)
        self.condition(node, cond)
        then = cond if node.then is None else self.expr(node.then)
        return self._branches(node, then, self.expr(node.otherwise))

    def _branches(self, node: tree.Node, a: Type, b: Type) -> Type:
        if isinstance(a, Void) and isinstance(b, Void):
            return a
        joined = INT64 if a.is_integer and b.is_integer and join(a, b) is None else join(a, b)
        if joined is None:
            what = f"have '{a}' and '{b}'"
            return self.error(
                node, f"Branches must return the same type or compatible types: {what}", stage=Stage.TYPES
            )
        if isinstance(node, tree.Ternary | tree.IfExpr) and node.otherwise is not None:
            convert(self, node.then or node.cond, a, joined)
            convert(self, node.otherwise, b, joined)
        return joined

    def condition(self, node: tree.Node, found: Type) -> None:
        """Check that a type can be tested for truth; ``node`` is what the message is about."""
        if isinstance(found, Ptr | Unknown) or found.is_integer or (isinstance(found, Agg) and found.castable):
            return
        if not (isinstance(found, Opaque) and found.is_scalar):
            self.error(node, f"Invalid condition: {type_word(found)}", "compare it with something")

    def _Cast(self, node: tree.Cast) -> Type:
        source = self.expr(node.expr)
        word = node.type.name if isinstance(node.type, tree.TypeName) and not node.type.suffixes else ""
        if word.startswith("enum ") and self.table.enum(word) is None:
            return self.error(node, f"Unknown enum: {word.removeprefix('enum ')}")
        return casts.cast(self, node, source, self.type_name(node.type))

    def _Tuple(self, node: tree.Tuple) -> Type:
        items = tuple(self._item_type(i, "a tuple") for i in node.items)
        return Unknown() if any(isinstance(i, Unknown) for i in items) else Tuple(items)

    def _Record(self, node: tree.Record) -> Type:
        items = tuple(self._item_type(i, "a record") for i in node.items)
        return Unknown() if any(isinstance(i, Unknown) for i in items) else Record(items, tuple(node.names))

    def _item_type(self, node: tree.Expr, where: str) -> Type:
        found = self.expr(node)
        if isinstance(found, Agg) and not found.castable:
            return self.error(node, f"Map type {found} cannot exist inside {where}.")
        return self.value_type(node, found)

    def value_type(self, node: tree.Expr, found: Type) -> Type:
        """Return the type of a stored value: an aggregation is read as an integer; void is refused."""
        if isinstance(found, Agg):
            return Int(8, found.signed)
        if isinstance(found, Void):
            return self.error(node, "a value is expected here; this expression has none")
        return found

    def _FieldAccess(self, node: tree.FieldAccess) -> Type:
        if isinstance(node.expr, tree.Name) and node.expr.name == self.template.probe.context_name:
            return self._probe_arg(node)
        base = self.expr(node.expr)
        match base:
            case Unknown():
                return base
            case Tuple() if node.field.isdigit():
                index = int(node.field)
                if index < len(base.items):
                    return base.items[index]
                return self.error(node, f"Invalid tuple index: {index}. Found {len(base.items)} elements in tuple.")
            case Record():
                self.template.lowered.pop(node, None)  # an earlier round may have seen other types
                if node.field in base.names and (value := comptime.evaluate(self, node)) is not None:
                    return self.lower(node, value)
                if node.field in base.names:
                    return base.items[base.names.index(node.field)]
                return self.error(node, f"Record does not contain a field named '{node.field}'", stage=Stage.TYPES)
        if node.field.isdigit():
            return self.error(node, f"Can not access index '{node.field}' on expression of type '{base}'")
        return operators.member(self, node, base)

    def _probe_arg(self, node: tree.FieldAccess) -> Type:
        spec = self.template.args
        if spec.probe.context_name == "args" and (refusal := no_args(spec)) is not None:
            return self.error(
                node.expr, refusal, "use arg0, arg1, ..." if spec.probe.reg_args else "", stage=Stage.PROBES
            )
        if spec.args is None:
            return self.error(node, *missing_args(spec), stage=Stage.TYPES)
        field = spec.args.get(node.field)
        if field is None:
            what = f"Can't find function parameter {node.field}"
            if spec.probe.kind is ProbeKind.TRACEPOINT:
                name = f"struct {spec.text.replace(':', '_')}_args"
                what = f"Struct/union of type '{name}' does not contain a field named '{node.field}'"
            return self.error(node, what, f"{spec.text} has: {', '.join(spec.args) or 'none'}", stage=Stage.TYPES)
        if field.place and field.place.unreadable:
            return self.error(node, f"{node.field} has unsupported type", field.place.unreadable, stage=Stage.TYPES)
        return field.type

    def _Index(self, node: tree.Index) -> Type:
        base, index = self.expr(node.expr), self.expr(node.index)
        signed = isinstance(index, Int | Enum) and index.signed and not (isinstance(index, Int) and index.flexible)
        if not isinstance(index, Unknown | Int | Enum) or (signed and not is_library(node.span)):
            what = "The array index operator [] only accepts non-negative integer indices."
            self.error(node, f"{what} Got: {index}")
        literal = node.index.value if isinstance(node.index, tree.IntLiteral) else -1
        count = base.count if isinstance(base, Array) else base.size if isinstance(base, Str) else 0
        if 0 < count <= literal:
            return self.error(node, f"the index {literal} is out of bounds for array of size {count}")
        match base:
            case Unknown():
                return base
            case Tuple() if literal >= 0:
                if literal < len(base.items):
                    return base.items[literal]
                return self.error(node, f"Invalid tuple index: {literal}. Found {len(base.items)} elements in tuple.")
            case Array():
                return base.elem
            case Ptr() if base.target.size == 0:
                what = "The array index operator [] cannot be used on a pointer to an unsized type (void *)."
                return self.error(node, what)
            case Ptr():
                return base.target
            case Str():
                return Int(1, True)
        what = "The array index operator [] can only be used on arrays, pointers, and tuples, found"
        return self.error(node, f"{what} {base}.", stage=Stage.TYPES)

    def _Sizeof(self, node: tree.Sizeof) -> Type:
        self._operand(node)
        return Int(8, False)

    def _Offsetof(self, node: tree.Offsetof) -> Type:
        found = self._operand(node)
        found = found.target if isinstance(found, Ptr) else found
        self.template.types[node.operand] = found
        for name in node.fields:
            if not isinstance(found, Struct | Unknown):
                return self.error(node, f"'{found}' is not a C type.", stage=Stage.TYPES)
            if isinstance(found, Struct) and not operators.has_member(self, found, name):
                return self.error(node, f"'{found}' has no field named '{name}'", stage=Stage.TYPES)
            found = operators.find_member(self, node, found, name)
        return Int(8, False)

    def _TypeInfo(self, node: tree.TypeInfo) -> Type:
        found = self._operand(node)
        return found if isinstance(found, Unknown) else self.lower(node, comptime.type_info(found))

    def _Comptime(self, node: tree.Comptime) -> Type:
        found = self.expr(node.expr)
        value = comptime.evaluate(self, node.expr)
        if value is not None:
            return self.lower(node, value, found)
        if isinstance(found, Unknown) and not self.final:
            return found
        if comptime.is_hosts(self, node.expr):
            self.template.lowered[node] = node.expr
            return found
        hint = "its value depends on what happens when the script runs"
        return self.error(node, "Unable to resolve comptime expression", hint, stage=Stage.TYPES)

    def constant(self, node: object) -> Constant | None:
        """Return the value of a checked argument, if it is known at build time."""
        return comptime.evaluate(self, node) if isinstance(node, tree.Node) else None

    def lower(self, node: tree.Expr, value: Constant, found: Type | None = None) -> Type:
        """Let a node stand for a constant; a number keeps its type."""
        literal = self.template.lowered.get(node)
        if literal is None or constants.from_literal(literal) != value:
            literal = self.template.lowered[node] = constants.to_literal(value, node.span)
        result = self.expr(literal)
        if found is not None and found.is_scalar and not isinstance(value, tuple | dict | str):
            result = self.template.types[literal] = found
        return result


def _count(low: int, high: int, given: int) -> str:
    """Say how many arguments a function takes."""
    limit = low if given < low else high
    words = "no arguments" if limit == 0 else "one argument" if limit == 1 else f"{limit} arguments"
    if low == high or limit == 0:
        return f"requires {words}"
    return f"requires at least {words}" if given < low else f"takes up to {words}"
