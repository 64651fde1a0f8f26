"""Processes: signals, the mode that was interrupted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..codegen.actions import Action
from ..codegen.events import Item
from ..codegen.llvm import I64, const
from ..codegen.values import Nothing, Scalar, Value
from ..payload.layout import ActionKind, ProbeKind, SymbolKind
from ..sema.types import INT32, UINT8, Type, Unknown, Void
from ..symbols import Symbol
from ..syntax import tree
from . import formats
from .base import Arg, Entry, expression

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

#: Names of signals with the numbers of every architecture but mips; asm-generic/signal.h.
SIGNALS = {
    name: number
    for number, name in enumerate(
        [
            "HUP",
            "INT",
            "QUIT",
            "ILL",
            "TRAP",
            "ABRT",
            "BUS",
            "FPE",
            "KILL",
            "USR1",
            "SEGV",
            "USR2",
            "PIPE",
            "ALRM",
            "TERM",
            "STKFLT",
            "CHLD",
            "CONT",
            "STOP",
            "TSTP",
            "TTIN",
            "TTOU",
            "URG",
            "XCPU",
            "XFSZ",
            "VTALRM",
            "PROF",
            "WINCH",
            "IO",
            "PWR",
            "SYS",
        ],
        1,
    )
} | {"IOT": 6, "POLL": 29, "UNUSED": 31}
MAX_SIGNAL = 64
_NO_SIGNALS = frozenset({ProbeKind.BEGIN, ProbeKind.END, ProbeKind.INTERVAL, ProbeKind.SELF_SIGNAL, ProbeKind.ITER})


# ---- signals --------------------------------------------------------------------------------------


def signal_number(text: str) -> int | None:
    """Return the number of a signal: "SIGKILL", "kill"."""
    return SIGNALS.get(re.sub("^SIG", "", text.upper()))


def _check_signal_value(c: Checker, node: tree.Expr, name: str, arg: Arg) -> None:
    if isinstance(arg, tree.StringLiteral):
        c.expr(arg)
        if signal_number(arg.value) is None:
            c.error(node, f"Invalid string for signal: {arg.value}")
        return
    found = c.arg(arg)
    if isinstance(arg, tree.IntLiteral) and not 1 <= arg.value <= MAX_SIGNAL:
        c.error(node, f"{name}() accepts a string literal or an integer between 1 and {MAX_SIGNAL} (inclusive)")
    elif not (found.is_integer or isinstance(found, Unknown)):
        c.error(node, f"{name}() accepts a string literal or an integer")


def _signal(name: str, helper: str) -> Entry:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        if c.template.probe.kind in _NO_SIGNALS:
            probe = c.template.probe.type_name or c.template.probe.name
            return c.error(node, f"{name}() can not be used for this probetype {probe}")
        _check_signal_value(c, node, name, args[0])
        return Void()

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        arg = expression(args[0])
        literal = isinstance(arg, (tree.StringLiteral, tree.IntLiteral))
        number = const(signal_number(arg.value) or 0) if isinstance(arg, tree.StringLiteral) else g.scalar(arg)
        if literal:
            _send(g, node, helper, number)
            return Nothing()
        valid = g.b.icmp_unsigned("<", g.b.sub(number, const(1)), const(MAX_SIGNAL))
        text = f"{name}() expects an integer between 1 and {MAX_SIGNAL} (inclusive). Got %d"
        g.when(valid, lambda: _send(g, node, helper, number), lambda: _report(g, node, ActionKind.ERRORF, text, number))
        return Nothing()

    return Entry(name, (1, 1), check, emit, unsafe=True)


def _send(g: Gen, node: tree.Expr, helper: str, number: object) -> None:
    result = g.helper(helper, number)
    text = "signal call failed with error %d"
    g.when(g.truth(result), lambda: _report(g, node, ActionKind.WARNF, text, result))


def _report(g: Gen, node: tree.Expr, kind: ActionKind, text: str, number: object) -> None:
    action = Action(kind, node.span, pieces=formats.pieces(text))
    g.send(action, [Item(INT32, value=Scalar(INT32, number))])


# ---- the interrupted mode -------------------------------------------------------------------------

# They stand for the tracer itself; below: those whose context holds registers, besides those with reg_args.
_NO_MODE = frozenset({ProbeKind.BEGIN, ProbeKind.END, ProbeKind.SELF_SIGNAL})
_COUNTERS = (ProbeKind.SOFTWARE, ProbeKind.HARDWARE, ProbeKind.WATCHPOINT)
_REGISTERS = frozenset({ProbeKind.PROFILE, ProbeKind.INTERVAL, *_COUNTERS, ProbeKind.USDT})


def _check_usermode(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return UINT8


def _emit_usermode(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """Return 1 if the registers are those of a program.  Where no registers are at hand, the kernel runs."""
    probe = g.template.probe
    if not (probe.kind in _REGISTERS or probe.reg_args):
        return Scalar(UINT8, const(int(probe.kind in _NO_MODE)))
    register, bits, value = g.mod.options.target.user_mode
    mode = g.context_load(Symbol(SymbolKind.REG, register))
    user = g.b.icmp_unsigned("==", g.b.and_(mode, const(bits)), const(value))
    return Scalar(UINT8, g.b.zext(user, I64))


ENTRIES = (
    _signal("signal", "send_signal"),
    _signal("signal_thread", "send_signal_thread"),
    Entry("usermode", (0, 0), _check_usermode, _emit_usermode),
)
