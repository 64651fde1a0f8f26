"""Expansion of macros: those of the script, of the library, and object-like macros of C.

Before: a tree in which names and calls may mean macros.  After: a tree without any; every expansion is a copy with
places that tell where it was expanded from, and its variables have names that nothing else has.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .. import library
from ..diagnostics import CompileError, Diagnostics, Source, Span
from ..syntax import tree
from ..syntax.parse import parse_expression
from . import stdlib
from .definitions import CMacros
from .registry import Mismatch, Operand, Registry, explain
from .rewrite import Copier, Rewriter, copy
from .typeargs import TypeArguments

MAX_EXPANSIONS = 20_000

_UNUSED_TYPE = (
    "When used as a call argument, `typeof` builtin only valid for macro calls that are expecting a type parameter"
)


def expand_macros(program: tree.Program, c_macros: CMacros, diags: Diagnostics) -> tree.Program:
    """Return the program with all macros expanded."""
    shared = Shared(Registry(diags), c_macros, diags)
    for macro in program.macros:
        shared.registry.add(macro)
    expander = Expander(shared)
    probes = [expander.rewrite(probe) for probe in program.probes]
    subprogs = [expander.rewrite(subprog) for subprog in program.subprogs]
    return copy(program, probes=probes, subprogs=subprogs, macros=[])


@dataclass
class Shared:
    """What all expansions of a script have in common."""

    registry: Registry
    c_macros: CMacros
    diags: Diagnostics
    used: Counter[str] = field(default_factory=Counter)  # how often each macro was expanded
    total: int = 0


@dataclass
class Frame:
    """One expansion: the macro, the call, and what its parameters stand for."""

    macro: tree.Macro
    call: Span
    in_library: bool
    outer: Frame | None
    exprs: dict[str, Operand] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)

    def chain(self) -> list[tree.Macro]:
        """Return the macros being expanded, the outermost first."""
        return [*(self.outer.chain() if self.outer else []), self.macro]


class Expander(Rewriter):
    """Rewrites the code of a probe (without frame) or the body of a macro (with one)."""

    def __init__(self, shared: Shared, frame: Frame | None = None) -> None:
        self._shared = shared
        self._frame = frame
        self._active_c: list[str] = []
        self._types = TypeArguments(self, shared.diags, frame.macro.name, frame.exprs) if frame else None

    def place(self, span: Span) -> Span:
        """Return the place of a node of a macro's body: there, expanded from the call."""
        return span.within(self._frame.call) if self._frame else span

    def error(self, span: Span, message: str, hint: str = "") -> None:
        """Note an error."""
        self._shared.diags.error(span, message, hint, "macro")

    # ---- names and calls

    def _Name(self, node: tree.Name) -> tree.Expr:
        if self._frame and node.name in self._frame.exprs:
            value = self._frame.exprs[node.name]
            if isinstance(value, tree.Expr):
                return duplicate_expr(value)
            self.error(value.span, _UNUSED_TYPE)
            return copy(node, span=self.place(node.span))
        expanded = self._expand(node, node.name, [])
        if expanded is not None:
            return expanded
        return self._c_macro(node) or self.children(node)

    def _Call(self, node: tree.Call) -> tree.Expr:
        args: list[Operand] = [self._argument(arg) for arg in node.args]
        expanded = self._expand(node, node.name, args)
        if expanded is not None:
            return expanded
        for arg in args:
            if isinstance(arg, tree.TypeOf):
                self.error(arg.span, _UNUSED_TYPE)
        if all(a is b for a, b in zip(args, node.args, strict=True)) and self._frame is None:
            return node
        return copy(node, args=args, span=self.place(node.span))

    def _argument(self, node: Operand) -> Operand:
        """Rewrite an argument; a type parameter that is handed on stays a type."""
        if isinstance(node, tree.Name) and self._frame:
            value = self._frame.exprs.get(node.name)
            if isinstance(value, tree.TypeOf | tree.TypeName):
                return duplicate(value)
        result: Operand = self.rewrite(node)
        return result

    def _expand(self, node: tree.Expr, name: str, args: list[Operand]) -> tree.Expr | None:
        """Return the expansion of a call; None if it is no macro's."""
        in_library = self._frame is not None and self._frame.in_library
        found = self._shared.registry.find(name, args, in_library)
        if found is None:
            return None
        span = self.place(node.span)
        if isinstance(found, Mismatch):
            if library.find(name) is not None:
                return None
            explain(self._shared.diags, found, name, span, args)
            return tree.IntLiteral(span, 0)
        if not self._may_expand(found, span):
            return tree.IntLiteral(span, 0)
        return self._body(found, span, args)

    def _may_expand(self, macro: tree.Macro, span: Span) -> bool:
        chain = self._frame.chain() if self._frame else []
        if macro in chain:
            names = [m.name for m in (*chain[chain.index(macro) :], macro)]
            self.error(span, f"Recursive macro call detected. Call chain: {' > '.join(names)}")
            return False
        self._shared.total += 1
        if self._shared.total > MAX_EXPANSIONS:
            hint = "an argument that a macro uses twice is expanded twice: bind it to a variable (let $x = x)"
            raise self._shared.diags.fatal(span, "the macros of this script expand to too much code", hint, "macro")
        return True

    def _body(self, macro: tree.Macro, call: Span, args: list[Operand]) -> tree.Expr:
        frame = Frame(macro, call, stdlib.in_library(macro), self._frame)
        for param, arg in zip(macro.params, args, strict=True):
            match param.kind, arg:
                case "var", tree.Variable():
                    frame.variables[param.name] = arg.name
                case "map", tree.MapRef():
                    frame.maps[param.name] = arg.name
                case _, tree.Variable() | tree.MapRef():
                    # A block, so that the macro can read but not change it.
                    frame.exprs[param.name] = tree.Block(arg.span, [], arg)
                case _:
                    frame.exprs[param.name] = arg
        self._name_variables(macro, frame)
        block: tree.Block = Expander(self._shared, frame).rewrite(macro.body)
        value = block.value
        if block.body or value is None or isinstance(value, tree.Variable | tree.MapRef | tree.MapAccess):
            return copy(block, span=call)
        return value

    def _name_variables(self, macro: tree.Macro, frame: Frame) -> None:
        self._shared.used[macro.name] += 1
        number = self._shared.used[macro.name]
        prefix = f"${macro.name}_" if number == 1 else f"${macro.name}_{number}_"
        for name, place in declared_variables(macro.body):
            if name not in frame.variables:
                frame.variables[name] = prefix + name
            elif isinstance(place, tree.Let) and any(p.kind == "var" and p.name == name for p in macro.params):
                span = (place.name_span or place.span).within(frame.call)
                self.error(span, f"Variable declaration shadows macro arg ${name}")

    def _c_macro(self, node: tree.Name) -> tree.Expr | None:
        macros = self._shared.c_macros
        text = macros.texts.get(node.name)
        if text is None or (node.name not in macros.own and library.find(node.name) is not None):
            return None
        span = self.place(node.span)
        if node.name in macros.strings:
            return tree.StringLiteral(span, macros.strings[node.name])
        if node.name in macros.numbers:
            return _number(span, macros.numbers[node.name])
        if node.name in self._active_c:
            self.error(node.span, f"Macro recursion: {'->'.join(self._active_c)}")
            return tree.IntLiteral(span, 0)
        parsed = self._parse_c(node, span, text)
        if parsed is None:
            return tree.IntLiteral(span, 0)
        self._active_c.append(node.name)
        result: tree.Expr = _Placed(node.span).rewrite(parsed)  # this expansion's place comes with the next step
        result = Expander.rewrite(self, result)
        self._active_c.pop()
        return result

    def _parse_c(self, node: tree.Name, span: Span, text: str) -> tree.Expr | None:
        try:
            return parse_expression(Source(node.name, text), Diagnostics())
        except CompileError:
            self.error(span, f"unable to expand macro as an expression: {text}")
            return None

    # ---- variables and maps

    def _Variable(self, node: tree.Variable) -> tree.Variable:
        return (
            copy(node, name=self._variable(node.name, node.span), span=self.place(node.span)) if self._frame else node
        )

    def _variable(self, name: str, span: Span) -> str:
        """Return the name that a macro's variable has where it is expanded."""
        assert self._frame is not None
        if name not in self._frame.variables:
            hint = "a macro sees only its own variables: pass this one as an argument"
            self.error(self.place(span), f"Undefined or undeclared variable: ${name}", hint)
        return self._frame.variables.get(name, name)

    def _MapRef(self, node: tree.MapRef) -> tree.MapRef:
        if self._frame is None:
            return node
        span = self.place(node.span)
        if node.name not in self._frame.maps:
            message = f"Unhygienic access to map: {node.name}. Maps must be passed into the macro as arguments."
            self.error(span, message)
        return copy(node, name=self._frame.maps.get(node.name, node.name), span=span)

    def _declaration(self, node: tree.Let | tree.ForRange | tree.ForMap) -> tree.Stmt:
        if self._frame is None:
            return self.children(node)
        return copy(self.children(node), name=self._frame.variables.get(node.name, node.name))

    _Let = _ForRange = _ForMap = _declaration

    def _Assign(self, node: tree.Assign) -> tree.Assign:
        if isinstance(node.target, tree.Name):  # the discard "_"
            return copy(node, value=self.rewrite(node.value), span=self.place(node.span))
        return self.children(node)

    # ---- where types stand

    def _operand(self, node: tree.Sizeof | tree.TypeInfo | tree.TypeOf) -> tree.Node:
        if isinstance(node.operand, tree.Name) and not self._is_parameter(node.operand.name):
            return copy(node, span=self.place(node.span))
        operand = self._types.operand(node.operand) if self._types else self.rewrite(node.operand)
        return copy(node, operand=operand, span=self.place(node.span))

    _Sizeof = _TypeInfo = _TypeOf = _operand

    def _is_parameter(self, name: str) -> bool:
        return self._frame is not None and name in self._frame.exprs

    def _Offsetof(self, node: tree.Offsetof) -> tree.Offsetof:
        result = self._operand(node)  # type: ignore[arg-type]
        assert isinstance(result, tree.Offsetof)
        return copy(result, fields=self._types.fields(node.fields)) if self._types else result

    def _TypeName(self, node: tree.TypeName) -> tree.Node:
        return self._types.type_name(node) if self._types else node


def _number(span: Span, value: int) -> tree.Expr:
    literal = tree.IntLiteral(span, abs(value))
    return literal if value >= 0 else tree.Unary(span, "-", literal)


class _Placed(Copier):
    """Tells of all nodes of a C macro where the macro is used."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def place(self, span: Span) -> Span:
        return span.within(self._span)


def duplicate(node: Operand) -> Operand:
    """Return a copy of an argument: each use of it has types of its own."""
    result: Operand = Copier().rewrite(node)
    return result


def duplicate_expr(node: tree.Expr) -> tree.Expr:
    """Return a copy of an expression."""
    result: tree.Expr = Copier().rewrite(node)
    return result


class _Declared(Rewriter):
    def __init__(self) -> None:
        self.found: list[tuple[str, tree.Node]] = []

    def _Assign(self, node: tree.Assign) -> tree.Assign:
        if isinstance(node.target, tree.Variable):
            self.found.append((node.target.name, node))
        return self.children(node)

    def _declaration(self, node: tree.Let | tree.ForRange | tree.ForMap) -> tree.Stmt:
        self.found.append((node.name, node))
        return self.children(node)

    _Let = _ForRange = _ForMap = _declaration


def declared_variables(body: tree.Block) -> list[tuple[str, tree.Node]]:
    """Return the variables that a block assigns or declares, with the statements that do."""
    collector = _Declared()
    collector.rewrite(body)
    return collector.found
