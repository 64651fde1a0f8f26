"""What is left: cgroup_path, percpu_kaddr, pton, join, write_user."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from ..codegen.actions import Action
from ..codegen.llvm import I32, I64, const, ir
from ..codegen.values import Nothing, Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import ActionKind, SessionFact, SymbolKind
from ..sema.types import (
    CGROUP_PATH,
    UINT8,
    UINT64,
    Array,
    Bool,
    Ptr,
    Space,
    Str,
    Struct,
    Type,
    Unknown,
    Void,
    type_word,
)
from ..symbols import Symbol, session
from ..syntax import tree
from .base import Arg, Entry, expression
from .symbols import check_name, name_of

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

JOIN_ARGUMENTS = 16  # as many strings as upstream joins
JOIN_STRING = 1024
MAX_WRITE = 1024


# ---- cgroup_path ----------------------------------------------------------------------------------


def _check_cgroup_path(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = c.arg(args[0])
    if not (found.is_integer or isinstance(found, Unknown)):
        return c.error(node, f"cgroup_path() only supports int arguments ({type_word(found)} provided)")
    if len(args) == 2:
        c.literal_str(node, args[1], "cgroup_path")
    return CGROUP_PATH


def _emit_cgroup_path(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    number = g.scalar(expression(args[0]))
    place = g.destination(node, CGROUP_PATH)
    pattern = args[1].value if len(args) == 2 and isinstance(args[1], tree.StringLiteral) else ""
    g.b.store(number, place.ptr, align=8)
    g.b.store(ir.Constant(I32, g.mod.text(pattern)), g.offset(place.ptr, 8), align=4)
    g.b.store(ir.Constant(I32, 0), g.offset(place.ptr, 12), align=4)
    return place


# ---- percpu_kaddr ---------------------------------------------------------------------------------


def _check_percpu(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    check_name(c, node, args[0], "percpu_kaddr")
    if len(args) == 2:
        found = c.arg(args[1])
        if not (found.is_integer or isinstance(found, Unknown)):
            return c.error(node, f"percpu_kaddr() only supports int arguments ({type_word(found)} provided)")
    return Ptr(UINT64, Space.KERNEL)


def _emit_percpu(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """A CPU's copy lies at the symbol's address plus the CPU's word in ``__per_cpu_offset``; 0 for no such CPU."""
    cpu = g.scalar(expression(args[1])) if len(args) == 2 else g.helper("get_smp_processor_id")
    base = g.symbol(Symbol(SymbolKind.KADDR, name_of(args[0])), node)
    table = g.symbol(Symbol(SymbolKind.KADDR, "__per_cpu_offset"), node)
    cell = g.bytes(8)
    word = g.mod.options.target.bits // 8

    def address() -> object:
        g.b.store(const(0), cell)
        g.probe_read(cell, word, g.b.add(table, g.b.mul(cpu, const(word))), Space.KERNEL)
        return g.b.add(base, g.b.load(cell, typ=I64))

    known = g.b.icmp_unsigned("<", cpu, g.symbol(session(SessionFact.CPU_COUNT)))
    return Scalar(g.template.types[node], g.choose(known, address, lambda: const(0)))


# ---- pton -----------------------------------------------------------------------------------------


def _packed(text: str) -> bytes | None:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        return None


def _check_pton(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    text = c.literal_str(node, args[0], "pton", "pton() expects an string literal at the first argument")
    if text is None:
        return Unknown()
    packed = _packed(text)
    if packed is None:
        if "." not in text and ":" not in text:
            return c.error(
                node, f"pton() expects an string argument of an IPv4/IPv6 address, got {text}", stage=Stage.TYPES
            )
        return c.error(node, f"pton() expects a valid IPv4/IPv6 address, got {text}", stage=Stage.TYPES)
    return Array(UINT8, len(packed))


def _emit_pton(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.StringLiteral)
    packed = _packed(args[0].value) or b""
    place = g.temp(g.template.types[node])
    g.put_bytes(packed, place)
    return place


# ---- join -----------------------------------------------------------------------------------------


def _check_join(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    found = c.arg(args[0])
    if not (found.is_integer or isinstance(found, (Ptr, Unknown))):
        return c.error(node, f"join() only supports integer or pointer arguments ({type_word(found)} provided)")
    if len(args) == 2:
        c.literal_str(node, args[1], "join")
    return Void()


def _emit_join(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """Send the strings that an array of pointers names, each in a place of its own; the first empty one ends them."""
    delimiter = args[1].value if len(args) == 2 and isinstance(args[1], tree.StringLiteral) else " "
    value = g.expr(expression(args[0]))
    space = value.type.space if isinstance(value.type, Ptr) else g.template.probe.space
    base, cell = g.as_scalar(value), g.bytes(8)
    word = g.mod.options.target.bits // 8

    capacity = min(JOIN_STRING, g.checked.config.max_strlen)

    def read(dst: Any, i: Any) -> Any:
        g.b.store(const(0), cell)
        g.probe_read(cell, word, g.b.add(base, g.b.mul(i, const(word))), space)
        pointer = g.b.load(cell, typ=I64)
        return g.choose(g.truth(pointer), lambda: g.probe_read(dst, capacity, pointer, space, "_str"), lambda: const(1))

    g.send_strings(Action(ActionKind.JOIN, node.span, fmt=delimiter), JOIN_ARGUMENTS, capacity, read)
    return Nothing()


# ---- write_user -----------------------------------------------------------------------------------


def _check_write_user(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    for arg in args[:2]:
        found = c.arg(arg)
        if not (found.is_integer or isinstance(found, (Ptr, Str, Array, Struct, Unknown))):
            return c.error(node, f"write_user() does not support arguments of type {found}")
    c.literal_int(node, args[2], "write_user")
    return Bool()


def _emit_write_user(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    target, source, length = expression(args[0]), g.expr(expression(args[1])), args[2]
    assert isinstance(length, tree.IntLiteral)
    size = length.value
    data = _program_bytes(g, source, size)
    result = g.helper("probe_write_user", g.scalar(target), data, size)
    return Scalar(Bool(), g.b.zext(g.b.icmp_signed("==", result, const(0)), I64))


def _program_bytes(g: Gen, source: Value, size: int) -> object:
    """Return a pointer to ``size`` bytes that the program may read: the source's, padded with zeroes."""
    if isinstance(source.type, Ptr):
        data = g.bytes(size)
        g.probe_read(data, size, g.as_scalar(source), source.type.space)
        return data
    memory = g.as_memory(source)
    if memory.type.size >= size:
        return memory.ptr
    data = g.bytes(size)
    g.zero(data, (size + 7) // 8 * 8)
    g.copy(data, memory.ptr, memory.type.size, memory.align)
    return data


ENTRIES = (
    Entry("cgroup_path", (1, 2), _check_cgroup_path, _emit_cgroup_path),
    Entry("percpu_kaddr", (1, 2), _check_percpu, _emit_percpu),
    Entry("pton", (1, 1), _check_pton, _emit_pton),
    Entry("join", (1, 2), _check_join, _emit_join, unsafe=True),
    Entry("write_user", (3, 3), _check_write_user, _emit_write_user, unsafe=True),
)
