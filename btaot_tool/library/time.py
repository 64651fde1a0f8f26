"""Clocks and time texts: nsecs, elapsed, jiffies, time, strftime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.actions import Action
from ..codegen.llvm import I32, const, ir
from ..codegen.values import Memory, Nothing, Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import ActionKind, ClockKind, Feature, SessionFact
from ..sema.types import TIMESTAMP, UINT64, Type, Unknown, Void, type_word
from ..symbols import session
from ..syntax import tree
from .base import Arg, Entry
from .simple import value_entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

CLOCKS = {"monotonic": ClockKind.MONOTONIC, "boot": ClockKind.BOOT, "tai": ClockKind.TAI, "sw_tai": ClockKind.SW_TAI}
DEFAULT_TIME = "%H:%M:%S\n"


def _clock_of(node: object) -> ClockKind:
    """Return the clock of an expression, as strftime needs it: that of a nsecs() call, else boot."""
    if isinstance(node, tree.Call) and node.name == "nsecs" and node.args and isinstance(node.args[0], tree.Name):
        return CLOCKS.get(node.args[0].name, ClockKind.BOOT)
    return ClockKind.BOOT


def _check_nsecs(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if args and isinstance(args[0], tree.Name):
        if args[0].name not in CLOCKS:
            return c.error(
                args[0], f"Invalid timestamp mode: {args[0].name}", f"expects {', '.join(CLOCKS)}", stage=Stage.TYPES
            )
    elif args:
        return c.error(node, f"nsecs() only supports timestamp_mode arguments ({type_word(c.arg(args[0]))} provided)")
    return UINT64


def read_clock(g: Gen, clock: ClockKind) -> Any:
    """Return the time of a clock in nanoseconds; older kernels get the nearest one they have."""
    if clock is ClockKind.MONOTONIC:
        return g.helper("ktime_get_ns")
    boot = g.choose(
        g.has(Feature.KTIME_GET_BOOT_NS), lambda: g.helper("ktime_get_boot_ns"), lambda: g.helper("ktime_get_ns")
    )
    if clock is ClockKind.BOOT:
        return boot
    offset = g.symbol(session(SessionFact.SW_TAI_OFFSET))
    if clock is ClockKind.SW_TAI:
        return g.b.add(boot, offset)
    return g.choose(
        g.has(Feature.KTIME_GET_TAI_NS), lambda: g.helper("ktime_get_tai_ns"), lambda: g.b.add(boot, offset)
    )


def _emit_nsecs(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return Scalar(UINT64, read_clock(g, _clock_of(node)))


def _elapsed(g: Gen) -> Any:
    return g.b.sub(read_clock(g, ClockKind.BOOT), g.symbol(session(SessionFact.START_TIME)))


def _check_time(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if args:
        c.literal_str(node, args[0], "time")
    return Void()


def _emit_time(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    fmt = args[0].value if args and isinstance(args[0], tree.StringLiteral) else DEFAULT_TIME
    g.send(Action(ActionKind.TIME, node.span, fmt=fmt), [])
    return Nothing()


def _check_strftime(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    c.literal_str(node, args[0], "strftime")
    found = c.arg(args[1])
    if not (found.is_integer or isinstance(found, Unknown)):
        return c.error(node, f"strftime() only supports int arguments ({type_word(found)} provided)")
    if isinstance(args[1], tree.Call) and _clock_of(args[1]) is ClockKind.MONOTONIC:
        return c.error(node, "strftime() can not take a monotonic timestamp")
    if isinstance(args[1], tree.Unary) and args[1].op == "-" and isinstance(args[1].expr, tree.IntLiteral):
        return c.error(node, "strftime() does not accept negative timestamps")
    return TIMESTAMP


def _emit_strftime(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    fmt, when = args
    assert isinstance(fmt, tree.StringLiteral) and isinstance(when, tree.Expr)
    nanoseconds = g.scalar(when)
    place: Memory = g.temp(TIMESTAMP)
    g.b.store(nanoseconds, place.ptr)
    g.b.store(ir.Constant(I32, int(_clock_of(when))), g.offset(place.ptr, 8), align=4)
    g.b.store(ir.Constant(I32, g.mod.text(fmt.value)), g.offset(place.ptr, 12), align=4)
    return place


ENTRIES = (
    Entry("nsecs", (0, 1), _check_nsecs, _emit_nsecs),
    value_entry("elapsed", UINT64, _elapsed),
    value_entry(
        "jiffies", UINT64, lambda g: g.choose(g.has(Feature.JIFFIES64), lambda: g.helper("jiffies64"), lambda: const(0))
    ),
    Entry("time", (0, 1), _check_time, _emit_time),
    Entry("strftime", (2, 2), _check_strftime, _emit_strftime),
)
