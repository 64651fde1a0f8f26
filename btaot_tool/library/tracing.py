"""Functions that the kernel allows to some programs only: path, socket_cookie, skboutput, override, unwatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codegen.actions import Action
from ..codegen.events import Item
from ..codegen.llvm import I32, const, ir
from ..codegen.values import Memory, Nothing, Place, Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import ActionKind, Feature, MapRole, ProbeKind
from ..sema.types import UINT32, UINT64, Ptr, Str, Struct, Type, Unknown, Void, type_word
from ..syntax import tree
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

_TRACING = frozenset({ProbeKind.FENTRY, ProbeKind.FEXIT, ProbeKind.ITER})
_CURRENT_CPU = 0xFFFFFFFF
_PACKET_HEAD = 16  # u32 action, u32 length, u64 time: runtime-c/src/packets.c
_MAX_PACKET = 0xFFFF


def _wants_types(c: Checker, node: tree.Expr, name: str) -> bool:
    """Tell whether the probe's pointers can be passed on as what they are, and ask for it."""
    if c.template.probe.kind not in _TRACING | {ProbeKind.RAW_TRACEPOINT}:
        c.error(node, f'{name} can not be used with "{c.template.probe.name}" probes', stage=Stage.SHAPE)
        return False
    c.template.typed = True
    return True


# ---- socket_cookie --------------------------------------------------------------------------------


def _check_cookie(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if not _wants_types(c, node, "socket_cookie"):
        return Unknown()
    found = c.arg(args[0])
    if isinstance(found, Unknown):
        return UINT64
    if not isinstance(found, Ptr):
        return c.error(node, f"socket_cookie() only supports pointer arguments ({type_word(found)} provided)")
    if str(found.target) not in ("struct sock", "struct sock_common"):
        return c.error(node, f"socket_cookie() only supports 'struct sock *' as the argument ('{found}' provided)")
    return UINT64


def _emit_cookie(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    g.require(Feature.GET_SOCKET_COOKIE, "socket_cookie()")
    pointer = g.b.inttoptr(g.scalar(expression(args[0])), g.ctx.type)
    return Scalar(UINT64, g.helper("get_socket_cookie", pointer))


# ---- skboutput ------------------------------------------------------------------------------------


def _check_skboutput(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if not _wants_types(c, node, "skboutput"):
        return Unknown()
    c.literal_str(node, args[0], "skboutput")
    skb, length = c.arg(args[1]), c.arg(args[2])
    if not isinstance(skb, (Ptr, Unknown)):
        return c.error(node, f"skboutput() only supports pointer arguments ({type_word(skb)} provided)")
    if not (length.is_integer or isinstance(length, Unknown)):
        return c.error(node, f"skboutput() only supports int arguments ({type_word(length)} provided)")
    offset = c.literal_int(node, args[3], "skboutput")
    if offset is not None and not 0 <= offset <= _MAX_PACKET:
        return c.error(node, f"skboutput() offset must be between 0 and {_MAX_PACKET} ({offset} provided)")
    return UINT32


def _emit_skboutput(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """Send a packet through the perf event array, then an event that makes the runtime fetch it."""
    path, offset = args[0], args[3]
    assert isinstance(path, tree.StringLiteral) and isinstance(offset, tree.IntLiteral)
    g.require(Feature.SKB_OUTPUT, "skboutput()")
    skb = g.b.inttoptr(g.scalar(expression(args[1])), g.ctx.type)
    length = g.b.and_(g.scalar(expression(args[2])), const(0xFFFFFFFF))
    head = g.bytes(_PACKET_HEAD)
    g.b.store(ir.Constant(I32, len(g.mod.actions)), head, align=8)  # the number that send() gives
    g.b.store(g.b.trunc(length, I32), g.offset(head, 4), align=4)
    g.b.store(g.helper("ktime_get_boot_ns"), g.offset(head, 8), align=8)
    flags = g.b.or_(g.b.shl(length, const(32)), const(_CURRENT_CPU))
    result = g.helper("skb_output", skb, g.internal_map(MapRole.PERF), flags, head, _PACKET_HEAD)
    action = Action(ActionKind.SKBOUTPUT, node.span, fmt=path.value, aux=offset.value)
    g.when(g.b.icmp_unsigned("==", result, const(0)), lambda: g.send(action, []))
    return Scalar(UINT32, g.b.and_(result, const(0xFFFFFFFF)))


# ---- override, unwatch ----------------------------------------------------------------------------


def _check_number(c: Checker, node: tree.Expr, name: str, arg: Arg) -> Type:
    found = c.arg(arg)
    if not (found.is_integer or isinstance(found, (Ptr, Unknown))):
        return c.error(node, f"{name}() only supports int arguments ({type_word(found)} provided)")
    return Void()


def _check_override(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if c.template.probe.kind is not ProbeKind.KPROBE:
        return c.error(node, "override() can only be used inside kprobes")
    return _check_number(c, node, "override", args[0])


def _emit_override(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    g.require(Feature.OVERRIDE_RETURN, "override()")
    g.helper("override_return", g.ctx, g.scalar(expression(args[0])))
    return Nothing()


def _check_unwatch(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return _check_number(c, node, "unwatch", args[0])


def _emit_unwatch(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    address = Scalar(UINT64, g.scalar(expression(args[0])))
    g.send(Action(ActionKind.UNWATCH, node.span), [Item(UINT64, value=address)])
    return Nothing()


# ---- path -----------------------------------------------------------------------------------------


def _check_path(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if c.template.probe.kind not in _TRACING:
        return c.error(
            node, "The path function can only be used with 'fentry', 'fexit', 'iter' probes", stage=Stage.SHAPE
        )
    found = c.arg(args[0])
    size = c.max_strlen
    if len(args) == 2:
        message = "path: invalid size value, need non-negative literal"
        given = c.literal_int(node, args[1], "path", message)
        if given is not None and given < 0:
            return c.error(node, message, stage=Stage.SHAPE)
        size = given if given is not None else size
    target = found.target if isinstance(found, Ptr) else found
    if not isinstance(target, (Unknown, Struct)):
        return c.error(node, f"path() only supports pointer or C type argument ({type_word(found)} provided)")
    return Str(size)


def _emit_path(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    value = g.expr(expression(args[0]))
    address = g.address(value) if isinstance(value, Place) else g.as_scalar(value)
    place: Memory = g.temp(typ)
    g.zero(place.ptr, (typ.size + 7) // 8 * 8)
    g.helper("d_path", g.b.inttoptr(address, g.ctx.type), place.ptr, typ.size)
    return place


ENTRIES = (
    Entry("socket_cookie", (1, 1), _check_cookie, _emit_cookie),
    Entry("skboutput", (4, 4), _check_skboutput, _emit_skboutput),
    Entry("override", (1, 1), _check_override, _emit_override, unsafe=True),
    Entry("unwatch", (1, 1), _check_unwatch, _emit_unwatch),
    Entry("path", (1, 2), _check_path, _emit_path),
)
