"""``func``: the function that a probe is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I32, const
from ..codegen.values import Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import Feature, ProbeKind, SymbolKind
from ..probes.base import has_wildcard
from ..sema.types import KSYM, USYM, Type
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry
from .context import instance
from .symbols import program_counter, store_user_symbol, user_function

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

USER = frozenset({ProbeKind.UPROBE, ProbeKind.URETPROBE})
KERNEL = frozenset({ProbeKind.KPROBE, ProbeKind.KRETPROBE, ProbeKind.FENTRY, ProbeKind.FEXIT})
INSTANCE_FUNCTION = 0x80000000  # in a USYM's instance: the function of the instance, whatever the address


def _check_func(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    kind = c.template.probe.kind
    if kind in USER:
        return USYM
    if kind in KERNEL:
        return KSYM
    return c.error(node, f"The func builtin can not be used with '{c.template.probe.name}' probes", stage=Stage.PROBES)


def _emit_func(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    if g.template.probe.kind in KERNEL:
        return Scalar(KSYM, _kernel_function(g))
    place = g.destination(node, USYM)
    store_user_symbol(g, place, user_function(g))
    known = g.b.or_(instance(g), const(INSTANCE_FUNCTION))
    g.b.store(g.b.trunc(known, I32), g.offset(place.ptr, 12), align=4)
    return place


def _kernel_function(g: Gen) -> Any:
    """Return the function's address: from the helper (5.15), else the best that the probe type offers."""
    points = g.template.attaches
    if g.template.probe.kind == ProbeKind.KPROBE:
        if any(p.value or not p.name for p in points):
            return program_counter(g)  # the helper knows entries only
        return g.choose(g.has(Feature.GET_FUNC_IP), lambda: g.helper("get_func_ip", g.ctx), lambda: program_counter(g))
    names = {p.name for p in points}
    if len(names) > 1 or has_wildcard(points[0].name) or points[0].target == "bpf":
        g.require(Feature.GET_FUNC_IP, "func here")
        return g.helper("get_func_ip", g.ctx)
    own = Symbol(SymbolKind.KADDR, points[0].name)
    return g.choose(g.has(Feature.GET_FUNC_IP), lambda: g.helper("get_func_ip", g.ctx), lambda: g.symbol(own))


ENTRIES = (Entry("func", (0, 0), _check_func, _emit_func),)
