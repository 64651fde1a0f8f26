"""Strings and buffers: str, buf, strlen, strncmp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I8, I32, I64, const
from ..codegen.values import Memory, Place, Scalar, Text, Value
from ..diagnostics import Stage
from ..payload.layout import MapRole
from ..sema.convert import literal_value
from ..sema.types import (
    PROBE_NAME,
    PROBE_TEXT,
    UINT64,
    Array,
    Buffer,
    Ptr,
    Space,
    Str,
    Type,
    Unknown,
    type_word,
)
from ..symbols import map_value
from ..syntax import tree
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

MAX_BUFFER = (1 << 32) - 1  # its length is a u32

# ---- str ------------------------------------------------------------------------------------------


def _positional(node: object) -> tree.Positional | None:
    """Return the parameter of ``$1`` or ``$1 + n``."""
    if isinstance(node, tree.Binary) and node.op == "+":
        node = node.left
    return node if isinstance(node, tree.Positional) else None


def _check_str(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = c.arg(args[0])
    if not (found.is_integer or isinstance(found, (Ptr, Str, Array, Unknown))):
        what = "expects a string, integer or a pointer type as first argument"
        return c.error(node, f"str() {what} ({found} provided)")
    if len(args) == 1:
        return Str(c.max_strlen + 1, spare=True)
    size = c.arg(args[1])
    if not (size.is_integer or isinstance(size, Unknown)):
        return c.error(node, f"str() only supports int arguments ({type_word(size)} provided)")
    if (given := literal_value(expression(args[1]))) is not None and given < 0:
        return c.error(node, f"str() cannot use negative length ({given})", stage=Stage.TYPES)
    return Str(min(args[1].value + 1, c.max_strlen) if isinstance(args[1], tree.IntLiteral) else c.max_strlen)


def _source(g: Gen, node: tree.Expr) -> tuple[Any, Space]:
    """Return the address of the text that an argument of str() names, and its space."""
    param = _positional(node)
    if param is not None:
        offset = (param.index - 1) * g.checked.config.max_strlen
        if isinstance(node, tree.Binary) and isinstance(node.right, tree.IntLiteral):
            offset += node.right.value
        pointer = g.symbol_ptr(map_value(g.mod.internal_map(MapRole.PARAMS), offset))
        return g.b.ptrtoint(pointer, I64), Space.KERNEL
    value = g.expr(node)
    if isinstance(value, Place) and not value.type.is_scalar:
        return g.address(value), value.space
    if isinstance(value, (Memory, Text)):
        return g.b.ptrtoint(g.as_memory(value).ptr, I64), Space.KERNEL
    space = value.type.space if isinstance(value.type, Ptr) else g.template.probe.space
    return g.as_scalar(value), space


def _size(g: Gen, args: list[Arg], capacity: int) -> Any:
    """Return the bytes to read at most, NUL included."""
    if len(args) < 2:
        return capacity
    if isinstance(args[1], tree.IntLiteral):
        nul = 1 if _positional(args[0]) else 0  # of a parameter, as of a literal, it counts letters
        return min(args[1].value + nul, capacity)
    assert isinstance(args[1], tree.Expr)
    wanted = g.scalar(args[1])
    return g.b.select(g.b.icmp_unsigned("<", wanted, const(capacity)), wanted, const(capacity))


def read_str(g: Gen, args: list[Arg], dst: Any, capacity: int) -> Any:
    """Read the text of a str() call into memory; returns the bytes read with the NUL, or a negative error."""
    assert isinstance(args[0], tree.Expr)
    address, space = _source(g, args[0])
    return g.probe_read(dst, _size(g, args, capacity), address, space, "_str")


def _emit_str(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    assert isinstance(typ, Str)
    place = g.destination(node, typ)
    g.zero(place.ptr, place.type.size, place.align)
    read_str(g, args, place.ptr, typ.capacity)
    return place


# ---- buf ------------------------------------------------------------------------------------------


def _check_buf(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = c.arg(args[0])
    limit = c.max_strlen - 4
    if c.max_strlen > MAX_BUFFER:
        what = f"BPFTRACE_MAX_STRLEN too large to use on buffer ({c.max_strlen} > {MAX_BUFFER})"
        return c.error(node, what)
    if not (found.is_integer or isinstance(found, Str | Ptr | Array | Unknown)):
        what = f"buf() expects an integer, string, or array argument but saw {type_word(found)}"
        return c.error(node, what)
    if len(args) == 2:
        size = c.arg(args[1])
        if (given := literal_value(expression(args[1]))) is not None and given < 0:
            return c.error(node, f"buf() cannot use negative length ({given})", stage=Stage.TYPES)
        if isinstance(args[1], tree.IntLiteral):
            return Buffer(min(args[1].value, limit))
        if not (size.is_integer or isinstance(size, Unknown)):
            return c.error(node, f"buf() only supports int arguments ({type_word(size)} provided)")
        return Buffer(limit)
    if isinstance(found, Array) or (isinstance(found, Str) and not isinstance(args[0], tree.StringLiteral)):
        return Buffer(min(found.size, limit))
    return c.error(node, "buf() expects a length argument for non-array type " + type_word(found))


def _emit_buf(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    assert isinstance(typ, Buffer) and isinstance(args[0], tree.Expr)
    if isinstance(args[0], tree.StringLiteral):  # a length beyond its end reads zeros
        text = args[0].value.encode("utf-8", "surrogateescape").ljust(typ.capacity, b"\0")
        address, space = g.b.ptrtoint(g.as_memory(Text(Str(len(text) + 1), text)).ptr, I64), Space.KERNEL
    else:
        address, space = _source(g, args[0])
    place = g.destination(node, typ)
    g.zero(place.ptr, typ.size, place.align)
    size: Any = const(typ.capacity)
    if len(args) == 2 and isinstance(args[1], tree.Expr) and not isinstance(args[1], tree.IntLiteral):
        size = g.clamp(g.scalar(args[1]), typ.capacity)
    g.b.store(g.b.trunc(size, I32), place.ptr, align=4)
    g.probe_read(g.offset(place.ptr, 4), size, address, space)
    return place


# ---- functions on strings -------------------------------------------------------------------------


def text_argument(c: Checker, arg: Arg) -> Type:
    """Return the type of an argument that may be a string; ``probe``, a number until it is printed, becomes one."""
    found = c.arg(arg)
    if found == PROBE_NAME and isinstance(arg, tree.Name | tree.Call):
        found = c.template.types[arg] = PROBE_TEXT
    return found


def _check_strlen(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = text_argument(c, args[0])
    if not isinstance(found, (Str, Unknown)):
        return c.error(node, f"strlen() expects a string ({found} provided)")
    return UINT64


def _emit_strlen(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.Expr)
    value = g.expr(args[0])
    if isinstance(value, Text):
        return Scalar(UINT64, const(len(value.text)))
    return Scalar(UINT64, length(g, g.as_memory(value)))


def length(g: Gen, memory: Memory) -> Any:
    """Return the length of a string in memory: the bytes before its first NUL; a bounded loop (5.3)."""
    cell = g.cell()
    g.b.store(const(0), cell)
    head, body, end = g.block("strlen"), g.block("char"), g.block("counted")
    g.b.branch(head)
    g.b.position_at_end(head)
    i = g.b.load(cell, typ=I64)
    g.b.cbranch(g.b.icmp_unsigned("<", i, const(memory.type.size)), body, end)
    g.b.position_at_end(body)
    char = g.b.zext(g.b.load(g.offset(memory.ptr, i), align=1, typ=I8), I64)
    more = g.block("more")
    g.b.cbranch(g.b.icmp_unsigned("!=", char, const(0)), more, end)
    g.b.position_at_end(more)
    g.b.store(g.b.add(i, const(1)), cell)
    g.b.branch(head)
    g.b.position_at_end(end)
    return g.launder(g.b.load(cell, typ=I64))


def _check_strncmp(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    for arg in args[:2]:
        found = text_argument(c, arg)
        if not isinstance(found, (Str, Unknown)):
            return c.error(node, f"strncmp() only supports string arguments ({type_word(found)} provided)")
    if not isinstance(args[2], tree.IntLiteral | tree.Positional | tree.Name):
        return c.error(node, "Builtin strncmp requires a non-negative literal", stage=Stage.SHAPE)
    found = c.arg(args[2])
    if not (found.is_integer or isinstance(found, Unknown)):
        return c.error(node, f"strncmp() expects a int literal ({type_word(found)} provided)")
    return UINT64


def _emit_strncmp(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    left, right = args[0], args[1]
    assert isinstance(left, tree.Expr) and isinstance(right, tree.Expr) and isinstance(args[2], tree.Expr)
    a, b = g.as_memory(g.expr(left)), g.as_memory(g.expr(right))
    limit = min(a.type.size, b.type.size)
    difference = g.memory_loop(a.ptr, b.ptr, g.scalar(args[2]), limit, True)
    return Scalar(UINT64, g.b.zext(g.truth(difference), I64))


ENTRIES = (
    Entry("str", (1, 2), _check_str, _emit_str),
    Entry("buf", (1, 2), _check_buf, _emit_buf),
    Entry("strlen", (1, 1), _check_strlen, _emit_strlen),
    Entry("strncmp", (3, 3), _check_strncmp, _emit_strncmp),
)
