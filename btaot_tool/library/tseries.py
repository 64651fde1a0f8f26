"""tseries: a ring of intervals, each with one number.

A value is ``count`` slots of {number, meta, mark}, 8 bytes each; the slot of an epoch (time / interval) is
epoch % count, its mark epoch + 1: 0 is a slot never used.  ``meta`` is the time of the assignment (no aggregation)
or how many numbers there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I64, const
from ..codegen.values import Nothing, Value
from ..diagnostics import Stage
from ..payload.layout import ClockKind, SessionFact, TypeKind
from ..sema.types import Agg, Type, Unknown
from ..symbols import session
from ..syntax import tree
from .aggregations import number_sign
from .base import Arg, Entry, expression
from .time import read_clock

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

SLOT = 24
MAX_INTERVALS = 1_000_000
LAST, AVG, MAX, MIN, SUM = range(5)  # as the runtime's tseries.h
AGGREGATIONS = {"avg": AVG, "max": MAX, "min": MIN, "sum": SUM}


def _literal(c: Checker, node: tree.Expr, arg: Arg, what: str) -> int | None:
    message = f"tseries: invalid {what} value (must be non-negative literal)"
    value = c.literal_int(node, arg, "tseries", message)
    if value is not None and value < 0:
        c.error(node, message, stage=Stage.SHAPE)
        return None
    return value


def _check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    signed = number_sign(c, "tseries", node, args)
    interval = _literal(c, node, args[1], "interval_ns")
    count = _literal(c, node, args[2], "num_intervals")
    aggregation = LAST
    if len(args) == 4:
        word = c.literal_str(node, args[3], "tseries")
        if word is not None and word not in AGGREGATIONS:
            known = ", ".join(AGGREGATIONS)
            return c.error(node, f"tseries() expects one of the following aggregation functions: {known}"
                           f" (\"{word}\" provided)", stage=Stage.SHAPE)  # fmt: skip
        aggregation = AGGREGATIONS.get(word or "", LAST)
    if signed is None or interval is None or count is None:
        return Unknown()
    if interval <= 0:
        return c.error(node, f"tseries() interval_ns must be >= 1 ({interval} provided)", stage=Stage.SHAPE)
    if not 1 <= count <= MAX_INTERVALS:
        word = f"must be >= 1 ({count} provided)" if count < 1 else f"must be < {MAX_INTERVALS} ({count} provided)"
        return c.error(node, f"tseries() num_intervals {word}", stage=Stage.SHAPE)
    return Agg(TypeKind.TSERIES, signed, (interval, count, aggregation), SLOT * count)


def _emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    assert isinstance(typ, Agg)
    number = g.scalar(expression(args[0]))
    now = _now(g)
    g.aggregate(g.aggregate_target, lambda p, atomic: _change(g, typ, p, number, now))
    return Nothing()


def _now(g: Gen) -> Any:
    """Return the time; a test may put it into a map."""
    name = g.checked.config.dummy_ts_map
    if not name or name not in g.checked.maps:
        return read_clock(g, ClockKind.SW_TAI)
    info = g.checked.maps[name]
    return g.as_scalar(g.element_value(info, None, g.direct(info)))


def _change(g: Gen, typ: Agg, value: Any, number: Any, now: Any) -> None:
    interval, count, aggregation = typ.params
    epoch = g.b.udiv(now, const(interval))
    # The verifier does not follow a remainder, and LLVM drops a bound that it knows to hold: hide the divisor.
    never = g.b.icmp_unsigned("==", g.symbol(session(SessionFact.CPU_COUNT)), const(0))
    divisor = g.b.add(const(count), g.b.zext(never, I64))
    index = g.clamp(g.b.urem(epoch, divisor), count - 1)
    slot = g.offset(value, g.b.mul(index, const(SLOT)))
    meta, mark = g.offset(slot, 8), g.offset(slot, 16)

    new = g.b.add(epoch, const(1))

    def renew() -> None:
        g.b.store(const(0), slot)
        g.b.store(const(0), meta)
        g.b.store(new, mark)

    g.when(g.b.icmp_unsigned("!=", g.b.load(mark, typ=I64), new), renew)
    old, seen = g.b.load(slot, typ=I64), g.b.load(meta, typ=I64)
    g.b.store(_combine(g, typ.signed, aggregation, old, seen, number), slot)
    g.b.store(now if aggregation == LAST else g.b.add(seen, const(1)), meta)


def _combine(g: Gen, signed: bool, aggregation: int, old: Any, seen: Any, number: Any) -> Any:
    if aggregation == LAST:
        return number
    if aggregation in (AVG, SUM):
        return g.b.add(old, number)
    compare = g.b.icmp_signed if signed else g.b.icmp_unsigned
    better = compare("<" if aggregation == MIN else ">", number, old)
    return g.b.select(g.b.or_(better, g.b.icmp_unsigned("==", seen, const(0))), number, old)


ENTRIES = (Entry("tseries", (3, 4), _check, _emit, aggregate=True),)
