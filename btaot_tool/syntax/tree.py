"""The syntax tree: plain dataclasses, each with the span of the text it came from.

The tree says what was written, not what it means: names are not resolved, no sugar is removed except that
``a->b`` is ``a.b``, ``BEGIN`` is ``begin``, and ``@m[a, b]`` has the Tuple (a, b) as its key.  Later stages do not
change nodes; they attach facts through side tables keyed by node identity (nodes compare by identity).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import Span


@dataclass(eq=False, slots=True)
class Node:
    """Base of all nodes."""

    span: Span


# ---- types as written ---------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class TypeName(Node):
    """A type as written: base name, then suffixes in order.

    ``name`` holds the tag word where one was written: "struct task_struct", "enum x", "uint64", "string".
    Suffixes: "*" or a number for ``[N]`` (0 for ``[]``).  For string, buffer and inet the first
    ``[N]`` is the size parameter and is kept as such by sema.
    """

    name: str
    suffixes: tuple[str | int, ...] = ()


@dataclass(eq=False, slots=True)
class TypeOf(Node):
    """``typeof(T)`` or ``typeof(expr)``."""

    operand: TypeName | Expr


# ---- expressions --------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Expr(Node):
    """Base of expressions."""


@dataclass(eq=False, slots=True)
class IntLiteral(Expr):
    """An integer; the value is not negative (a minus sign is a Unary).  ``suffix`` is lower case: "", "u", "ull"."""

    value: int
    suffix: str = ""


@dataclass(eq=False, slots=True)
class BoolLiteral(Expr):
    """``true`` and ``false``."""

    value: bool


@dataclass(eq=False, slots=True)
class StringLiteral(Expr):
    """Escapes are already replaced; bytes that are no UTF-8 are surrogate-escaped."""

    value: str


@dataclass(eq=False, slots=True)
class Positional(Expr):
    """``$1``; ``lenient``: 0 where its text is no number, which is an error otherwise."""

    index: int
    lenient: bool = False


@dataclass(eq=False, slots=True)
class PositionalCount(Expr):
    """``$#``."""


@dataclass(eq=False, slots=True)
class Name(Expr):
    """An identifier that stands alone: builtin, enumerator, macro, macro parameter, C constant."""

    name: str


@dataclass(eq=False, slots=True)
class Variable(Expr):
    """``$x``; the name is without the dollar sign."""

    name: str


@dataclass(eq=False, slots=True)
class MapRef(Expr):
    """``@x`` without a key; the name is with its at sign ("@" for the unnamed map)."""

    name: str


@dataclass(eq=False, slots=True)
class MapAccess(Expr):
    """``@x[key]``; several keys are one Tuple."""

    map: MapRef
    key: Expr


@dataclass(eq=False, slots=True)
class Call(Expr):
    """``f(a, T, x=1)``.  A type argument appears as TypeName or TypeOf where the grammar can tell it is one."""

    name: str
    args: list[Expr | TypeName | TypeOf]
    name_span: Span | None = None


@dataclass(eq=False, slots=True)
class Sizeof(Expr):
    """``sizeof(T)`` or ``sizeof(expr)``."""

    operand: TypeName | TypeOf | Expr


@dataclass(eq=False, slots=True)
class Offsetof(Expr):
    """``offsetof(T, a.b)``; the first operand may be an expression."""

    operand: TypeName | TypeOf | Expr
    fields: tuple[str, ...]


@dataclass(eq=False, slots=True)
class TypeInfo(Expr):
    """``typeinfo(T)`` or ``typeinfo(expr)``."""

    operand: TypeName | TypeOf | Expr


@dataclass(eq=False, slots=True)
class Comptime(Expr):
    """``comptime expr``."""

    expr: Expr


@dataclass(eq=False, slots=True)
class Unary(Expr):
    """``op`` is one of - ! ~ * & +, or "++x", "--x", "x++", "x--"."""

    op: str
    expr: Expr


@dataclass(eq=False, slots=True)
class Binary(Expr):
    """``op`` as written: + - * / % & | ^ << >> && || == != < <= > >=."""

    op: str
    left: Expr
    right: Expr


@dataclass(eq=False, slots=True)
class Ternary(Expr):
    """``c ? a : b``; ``then`` is None for ``c ?: b``."""

    cond: Expr
    then: Expr | None
    otherwise: Expr


@dataclass(eq=False, slots=True)
class IfExpr(Expr):
    """``if c { .. } else { .. }`` in the place of an expression or a statement."""

    cond: Expr
    then: Block
    otherwise: Block | IfExpr | None


@dataclass(eq=False, slots=True)
class FieldAccess(Expr):
    """``a.b`` and ``a->b``; ``a.0`` has the field "0"."""

    expr: Expr
    field: str
    arrow: bool = False


@dataclass(eq=False, slots=True)
class Index(Expr):
    """``a[i]`` where a is no map."""

    expr: Expr
    index: Expr


@dataclass(eq=False, slots=True)
class Cast(Expr):
    """``(T)expr``."""

    type: TypeName | TypeOf
    expr: Expr


@dataclass(eq=False, slots=True)
class Tuple(Expr):
    """``(a, b)``, ``(a,)``, ``()``."""

    items: list[Expr]


@dataclass(eq=False, slots=True)
class Record(Expr):
    """``(x=1, y=2)``."""

    names: list[str]
    items: list[Expr]


@dataclass(eq=False, slots=True)
class Block(Expr):
    """``{ statements; value }``; the value is None for a plain block."""

    body: list[Stmt]
    value: Expr | None = None


# ---- statements ---------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Stmt(Node):
    """Base of statements."""


@dataclass(eq=False, slots=True)
class ExprStmt(Stmt):
    """An expression whose value nobody uses.

    ``implied``: the value of a block or branch whose own value nobody uses either.
    """

    expr: Expr
    implied: bool = False


@dataclass(eq=False, slots=True)
class Assign(Stmt):
    """``target op value``; op is "=" or "+=" and so on.

    The target is Variable, MapRef, MapAccess or the discard Name "_".
    """

    target: Expr
    op: str
    value: Expr
    op_span: Span | None = None  # from the operator to the end


@dataclass(eq=False, slots=True)
class Let(Stmt):
    """``let $x``, ``let $x: T``, ``let $x = v``."""

    name: str
    type: TypeName | TypeOf | None
    value: Expr | None
    name_span: Span | None = None  # from "let" to the name


@dataclass(eq=False, slots=True)
class While(Stmt):
    """``while (c) { }``."""

    cond: Expr
    body: Block


@dataclass(eq=False, slots=True)
class Unroll(Stmt):
    """``unroll (n) { }``."""

    count: Expr
    body: Block


@dataclass(eq=False, slots=True)
class ForRange(Stmt):
    """``for ($i : a..b) { }``; the end is exclusive."""

    name: str
    start: Expr
    end: Expr
    body: Block
    name_span: Span | None = None
    range_span: Span | None = None  # from "for" to the end of the range


@dataclass(eq=False, slots=True)
class ForMap(Stmt):
    """``for ($kv : @map) { }``."""

    name: str
    map: MapRef
    body: Block
    name_span: Span | None = None


@dataclass(eq=False, slots=True)
class Jump(Stmt):
    """``kind`` is "break", "continue" or "return"."""

    kind: str
    value: Expr | None = None


# ---- top level ----------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class AttachPoint(Node):
    """An attach point as written, split at its colons; quotes are removed, globs and ``$N`` kept.

    ``provider`` is the canonical long name ("tracepoint"); ``parts`` is what follows it, an at sign of
    ``uprobe:lib@file.c:7`` being a part of its own.  ``raw`` is the text as written.
    """

    raw: str
    provider: str
    parts: list[str]
    name: str = ""  # of ``name = probe``
    quoted: tuple[bool, ...] = ()  # for each part: a ``$`` in it was quoted and is a character
    choice: str = ""  # of one of many that ``$1 { }`` can be: what was written, a tab, when it is this one


@dataclass(eq=False, slots=True)
class Predicate(Node):
    """``/condition/``."""

    expr: Expr


@dataclass(eq=False, slots=True)
class Probe(Node):
    """``attach points /predicate/ { }``."""

    attach_points: list[AttachPoint]
    predicate: Expr | None
    body: Block
    predicate_span: Span | None = None  # with its slashes


@dataclass(eq=False, slots=True)
class MapDecl(Node):
    """``let @a = hash(100);``."""

    name: str
    kind: str
    max_entries: int


@dataclass(eq=False, slots=True)
class MacroParam(Node):
    """``kind`` is "ident", "var" ($x), "map" (@x) or "type"."""

    name: str
    kind: str


@dataclass(eq=False, slots=True)
class Macro(Node):
    """``macro name(a, $b, @c) { }``."""

    name: str
    params: list[MacroParam]
    body: Block
    name_span: Span | None = None  # from "macro" to the name


@dataclass(eq=False, slots=True)
class SubprogParam(Node):
    """``$a : T`` of a function."""

    name: str
    type: TypeName | TypeOf


@dataclass(eq=False, slots=True)
class Subprog(Node):
    """``fn name($a : T) : R { }``."""

    name: str
    params: list[SubprogParam]
    result: TypeName | TypeOf
    body: Block


@dataclass(eq=False, slots=True)
class Import(Node):
    """``import "path";`` at the top level."""

    path: str


@dataclass(eq=False, slots=True)
class ImportStmt(Stmt):
    """``import "path";`` in a block."""

    path: str


@dataclass(eq=False, slots=True)
class ConfigVar(Node):
    """``name`` as written; the value is an int, a bool or the text of a word or string."""

    name: str
    value: int | bool | str


@dataclass(eq=False, slots=True)
class Program(Node):
    """A whole script."""

    c_text: str = ""  # the C section, in its original lines (other lines are blank)
    config: list[ConfigVar] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    map_decls: list[MapDecl] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    subprogs: list[Subprog] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    header: str = ""  # comment at the top of the file: the description in --help
