"""Addresses of the network: ntop, macaddr, bswap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I16, I32, I64, const
from ..codegen.values import Memory, Place, Scalar, Value
from ..diagnostics import Stage
from ..sema.types import INET, MAC, Array, Int, Ptr, Str, Type, Unknown, type_word
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

AF_INET, AF_INET6 = 2, 10
MAC_BYTES = 6
INTS = {2: I16, 4: I32, 8: I64}


def _check_ntop(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if len(args) == 2:
        family = c.arg(args[0])
        if not (family.is_integer or isinstance(family, Unknown)):
            return c.error(node, f"ntop() only supports int arguments ({type_word(family)} provided)")
    found = c.arg(args[-1])
    if isinstance(found, (Array, Str)) and found.size not in (4, 16):
        return c.error(node, "ntop() argument must be 4 or 16 bytes in size")
    if not (found.is_integer or isinstance(found, (Array, Str, Unknown))):
        return c.error(node, f"ntop() expects an integer or array argument, got {type_word(found)}")
    return INET


def _emit_ntop(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    address, place = args[-1], g.temp(INET)
    assert isinstance(address, tree.Expr)
    value = g.expr(address)
    size = value.type.size if not value.type.is_scalar else 4
    family: Any = const(AF_INET6 if size == 16 else AF_INET)
    if len(args) == 2 and isinstance(args[0], tree.Expr):
        family = g.scalar(args[0])
    g.zero(place.ptr, 24, place.align)
    g.b.store(g.b.trunc(family, I32), place.ptr, align=4)
    data = g.offset(place.ptr, 4)
    if value.type.is_scalar:
        g.b.store(g.b.trunc(g.as_scalar(value), I32), data, align=4)
    else:
        _raw(g, value, data, size)
    return place


def _raw(g: Gen, value: Value, dst: Any, size: int) -> None:
    """Copy the bytes of an array, read from where it lies."""
    if isinstance(value, Place):
        g.probe_read(dst, size, g.address(value), value.space)
    else:
        memory = g.as_memory(value)
        g.copy(dst, memory.ptr, size, memory.align, 4)


def _check_macaddr(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = c.arg(args[0])
    if isinstance(args[0], tree.StringLiteral):
        return c.error(node, "macaddr() does not support literal string arguments")
    if not (isinstance(found, (Array, Str, Ptr, Unknown)) or found.is_integer):
        return c.error(node, f"macaddr() only supports array or pointer arguments ({type_word(found)} provided)")
    if isinstance(found, (Array, Str)) and found.size < MAC_BYTES:
        return c.error(node, "macaddr() argument must be at least 6 bytes in size")
    return MAC


def _emit_macaddr(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.Expr)
    value = g.expr(args[0])
    place: Memory = g.temp(MAC)
    g.b.store(const(0), place.ptr)
    if value.type.is_scalar:
        space = value.type.space if isinstance(value.type, Ptr) else g.template.probe.space
        g.probe_read(place.ptr, MAC_BYTES, g.as_scalar(value), space)
    else:
        _raw(g, value, place.ptr, MAC_BYTES)
    return place


def _check_bswap(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = c.arg(args[0])
    if isinstance(found, Unknown):
        return found
    if not found.is_integer:
        return c.error(
            node, f"bswap() only supports integer arguments ({type_word(found)} provided)", stage=Stage.TYPES
        )
    return Int(found.size, False)


def _emit_bswap(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.Expr)
    typ = g.template.types[node]
    value = g.scalar(args[0])
    if typ.size == 1:
        return Scalar(typ, g.b.and_(value, const(0xFF)))
    narrow = INTS[typ.size]
    swapped = g.b.bswap(value if typ.size == 8 else g.b.trunc(value, narrow))
    return Scalar(typ, swapped if typ.size == 8 else g.b.zext(swapped, I64))


ENTRIES = (
    Entry("ntop", (1, 2), _check_ntop, _emit_ntop),
    Entry("macaddr", (1, 1), _check_macaddr, _emit_macaddr),
    Entry("bswap", (1, 1), _check_bswap, _emit_bswap),
)
