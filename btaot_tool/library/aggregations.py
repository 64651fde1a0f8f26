"""Map value functions: count, sum, min, max, avg, stats, hist, lhist.

Each keeps one value per CPU; the runtime adds them up when it prints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I64, const
from ..codegen.values import Nothing, Value
from ..diagnostics import Stage
from ..payload.layout import SymbolKind, TypeKind
from ..sema.types import Agg, Type, Unknown, type_word
from ..sema.widening import integer_sign
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

MAX_LHIST = 1000
MAX_BITS = 5
_LHIST = ("min value (must be non-negative literal)", "max value (must be non-negative literal)", "step value")


def number_sign(c: Checker, name: str, node: tree.Expr, args: list[Arg]) -> bool | None:
    """Check the number that is aggregated; returns its signedness, None if it is not known."""
    found = c.arg(args[0])
    if isinstance(found, Unknown):
        return None
    if not (found.is_integer or (isinstance(found, Agg) and found.castable)):
        plain = name in ("sum", "min", "max", "avg", "stats")
        what = f"integer arguments ({found} provided)" if plain else f"int arguments ({type_word(found)} provided)"
        c.error(node, f"{name}() only supports {what}", stage=Stage.TYPES)
        return None
    return integer_sign(found)


def _simple(name: str, kind: TypeKind, size: int, change: Callable[[Gen, Any, Any, bool, bool], None]) -> Entry:
    """Return an entry for an aggregation of one number without parameters."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        signed = number_sign(c, name, node, args)
        return Unknown() if signed is None else Agg(kind, signed, bytes=size)

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        assert isinstance(args[0], tree.Expr)
        number = g.scalar(args[0])
        signed = integer_sign(g.template.types[args[0]])
        g.aggregate(g.aggregate_target, lambda p, atomic: change(g, p, number, signed, atomic))
        return Nothing()

    return Entry(name, (1, 1), check, emit, aggregate=True)


def _add(g: Gen, ptr: Any, number: Any, atomic: bool) -> None:
    if atomic:
        g.atomic_add(ptr, number)
    else:
        g.b.store(g.b.add(g.b.load(ptr, typ=I64), number), ptr)


def _change_sum(g: Gen, ptr: Any, number: Any, signed: bool, atomic: bool) -> None:
    _add(g, ptr, number, atomic)


def _change_avg(g: Gen, ptr: Any, number: Any, signed: bool, atomic: bool) -> None:
    _add(g, ptr, number, atomic)
    _add(g, g.offset(ptr, 8), const(1), atomic)


def _extreme(op: str) -> Callable[[Gen, Any, Any, bool, bool], None]:
    """Return the change of min ("<") or max (">"): the value, and a word that tells that there is one."""

    def change(g: Gen, ptr: Any, number: Any, signed: bool, atomic: bool) -> None:
        compare = g.b.icmp_signed if signed else g.b.icmp_unsigned
        empty = g.b.icmp_unsigned("==", g.b.load(g.offset(ptr, 8), typ=I64), const(0))
        better = g.b.or_(empty, compare(op, number, g.b.load(ptr, typ=I64)))

        def replace() -> None:
            g.b.store(number, ptr)
            g.b.store(const(1), g.offset(ptr, 8))

        g.when(better, replace)

    return change


def _check_count(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return Agg(TypeKind.COUNT, signed=False)


def _emit_count(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    g.aggregate(g.aggregate_target, lambda p, atomic: _add(g, p, const(1), atomic))
    return Nothing()


# ---- histograms -----------------------------------------------------------------------------------


def hist_buckets(bits: int) -> int:
    """Number of buckets of hist(n, bits): negative numbers, zero and small ones, then 2**bits per power of two."""
    return 1 + ((64 - bits + 1) << bits)


def _check_hist(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    signed = number_sign(c, "hist", node, args)
    bits = given = 0
    if len(args) == 2:
        given = _given(c, args[1])
        value = MAX_BITS if given else c.literal_int(node, args[1], "hist")
        if value is None:
            return Unknown()
        if not 0 <= value <= MAX_BITS:
            return c.error(node, f"hist: bits {value} must be 0..{MAX_BITS}", stage=Stage.SHAPE)
        bits = value
    if signed is None:
        return Unknown()
    buckets = hist_buckets(bits)
    return Agg(TypeKind.HIST, signed, (bits, buckets, 0), buckets * 8, (given, 0, 0))


def _given(c: Checker, node: Arg) -> int:
    """Return the positional parameter that an argument is; 0 if it is none."""
    if not isinstance(node, tree.Positional):
        return 0
    c.expr(node)
    return node.index


def _bound(g: Gen, typ: Agg, n: int) -> Any:
    """Return what an aggregation's parameter n is on the host."""
    if typ.given[n]:
        return g.symbol(Symbol(SymbolKind.PARAM_INT, imm=typ.given[n]))
    return const(typ.params[n])


def _log2(g: Gen, value: Any) -> Any:
    """Return floor(log2(value)) of a positive number, by halving the width six times."""
    result: Any = const(0)
    for step in (32, 16, 8, 4, 2, 1):
        big = g.b.icmp_unsigned(">=", value, const(1 << step))
        value = g.b.select(big, g.b.lshr(value, const(step)), value)
        result = g.b.or_(result, g.b.select(big, const(step), const(0)))
    return result


def _hist_index(g: Gen, number: Any, bits: Any) -> Any:
    """Return the bucket of a number (``docs/architecture.md``, histogram buckets)."""
    first = g.b.shl(const(1), bits)

    def large() -> Any:
        exponent = _log2(g, number)
        shift = g.b.sub(exponent, bits)
        group = g.b.shl(g.b.add(shift, const(1)), bits)
        inside = g.b.and_(g.b.lshr(number, shift), g.b.sub(first, const(1)))
        return g.b.add(g.b.add(group, inside), const(1))

    def not_negative() -> Any:
        small = g.b.icmp_unsigned("<", number, first)
        return g.choose(small, lambda: g.b.add(number, const(1)), large)

    return g.choose(g.b.icmp_signed("<", number, const(0)), lambda: const(0), not_negative)


def _bump(g: Gen, ptr: Any, index: Any, buckets: int, atomic: bool) -> None:
    # LLVM may know that the index is small enough and drop the bound, which the verifier of 5.10 needs, or bound the
    # index before it is scaled: so the bytes are bounded, and nothing is known of them.
    offset = g.opaque(g.b.shl(index, const(3)))
    limit = const(8 * (buckets - 1))
    bounded = g.b.select(g.b.icmp_unsigned("<", offset, limit), offset, limit)
    _add(g, g.offset(ptr, bounded), const(1), atomic)


def _emit_hist(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    assert isinstance(typ, Agg) and isinstance(args[0], tree.Expr)
    buckets = typ.params[1]
    index = _hist_index(g, g.scalar(args[0]), _bound(g, typ, 0))
    g.aggregate(g.aggregate_target, lambda p, atomic: _bump(g, p, index, buckets, atomic))
    return Nothing()


def _check_lhist(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    signed = number_sign(c, "lhist", node, args)
    given = (_given(c, args[1]), _given(c, args[2]), _given(c, args[3]))
    low, high, step = (
        0 if position else c.literal_int(node, a, "lhist", f"lhist: invalid {n}")
        for a, n, position in zip(args[1:], _LHIST, given, strict=True)
    )
    if low is None or high is None or step is None or signed is None:
        return Unknown()
    if any(given):  # they are checked where the executable starts, which has room for the most buckets
        return Agg(TypeKind.LHIST, signed, (low, high, step), (MAX_LHIST + 3) * 8, given)
    for value, what in ((low, _LHIST[0]), (high, _LHIST[1])):
        if value < 0:
            return c.error(node, f"lhist: invalid {what}", stage=Stage.SHAPE)
    if step <= 0:
        return c.error(node, f"lhist() step must be >= 1 ({step} provided)", stage=Stage.SHAPE)
    if low > high:
        return c.error(
            node, f"lhist() min must be less than max (provided min {low} and max {high})", stage=Stage.SHAPE
        )
    if high - low < step:
        return c.error(
            node,
            f"lhist() step is too large for the given range (provided step {step} for range {high - low})",
            stage=Stage.SHAPE,
        )
    count = (high - low) // step
    if count > MAX_LHIST:
        return c.error(
            node, f"lhist() too many buckets, must be <= {MAX_LHIST} (would need {count})", stage=Stage.SHAPE
        )
    return Agg(TypeKind.LHIST, signed, (low, high, step), (lhist_steps(low, high, step) + 2) * 8)


def lhist_steps(low: int, high: int, step: int) -> int:
    """Number of buckets between min and max; the last may be shorter than a step."""
    return -(-(high - low) // step)


def _emit_lhist(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    assert isinstance(typ, Agg) and isinstance(args[0], tree.Expr)
    low, high, step = (_bound(g, typ, n) for n in range(3))
    number = g.scalar(args[0])

    def steps() -> Any:
        if not any(typ.given):
            return const(lhist_steps(*typ.params))
        return g.b.add(g.b.udiv(g.b.sub(g.b.sub(high, low), const(1)), step), const(1))

    def inside() -> Any:
        below_max = g.b.icmp_signed("<", number, high)
        bucket = g.b.add(g.b.udiv(g.b.sub(number, low), step), const(1))
        return g.b.select(below_max, bucket, g.b.add(steps(), const(1)))

    index = g.choose(g.b.icmp_signed("<", number, low), lambda: const(0), inside)
    g.aggregate(g.aggregate_target, lambda p, atomic: _bump(g, p, index, typ.size // 8, atomic))
    return Nothing()


ENTRIES = (
    Entry("count", (0, 0), _check_count, _emit_count, aggregate=True),
    _simple("sum", TypeKind.SUM, 8, _change_sum),
    _simple("min", TypeKind.MIN, 16, _extreme("<")),
    _simple("max", TypeKind.MAX, 16, _extreme(">")),
    _simple("avg", TypeKind.AVG, 16, _change_avg),
    _simple("stats", TypeKind.STATS, 16, _change_avg),
    Entry("hist", (1, 2), _check_hist, _emit_hist, aggregate=True),
    Entry("lhist", (4, 4), _check_lhist, _emit_lhist, aggregate=True),
)
