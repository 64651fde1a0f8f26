"""The frame of a function: the guard on the way in, the scratch slot it claims, the way out."""

from __future__ import annotations

from typing import Any

from ..payload.layout import Feature, MapRole, SymbolKind
from ..symbols import Symbol
from .base import STACK_BUDGET, FunctionBase
from .llvm import I8, I32, I64, PTR, const, ir
from .module import template_section
from .sessions import IS_RETURN

SCRATCH_SLOTS = 4  # per CPU


class Frame(FunctionBase):
    """Closes a function: what runs before its body and after it."""

    def finish(self) -> str:
        """Close the function: guard, scratch, result.  Returns the section's name."""
        if not self.b.block.is_terminated:
            self.b.branch(self.done)
        leave, prologue = self.block("leave"), self.block("prologue")
        self.b.position_at_end(prologue)
        if self._session is not None:
            self._divide_session(leave)
        if self.template.probe.guarded:
            self._guard(leave)
        if self.uses_scratch:
            self._claim(leave)
        self.b.branch(self._body)
        self._entry.branch(prologue)  # last: the entry block holds every stack slot
        self.b.position_at_end(self.done)
        if self.uses_scratch:
            busy = self.offset(self.b.load(self._scratch_var, typ=PTR), -8)
            self.b.store(const(0), busy)
        self.b.branch(leave)
        self.b.position_at_end(leave)
        self.b.ret(const(0) if self.result is None else self.b.load(self.result, typ=I64))
        return template_section(self.template)

    def open_session(self, returns: Any) -> None:
        """Let a function run instead of this one for the return of a session; both share the stack."""
        returns.linkage = "internal"
        returns.attributes.add("noinline")
        self._session = returns
        self.stack_budget = STACK_BUDGET // 3

    def _divide_session(self, leave: Any) -> None:
        """Ask for what the program was run, where it is run for both (``sessions.py``)."""
        ask, back, go = (self.block(name) for name in ("session", "return", "entry"))
        allowed = self.symbol(Symbol(SymbolKind.KFUNC_ALLOWED, IS_RETURN))
        self.b.cbranch(self.b.icmp_unsigned("!=", allowed, const(0)), ask, go)
        self.b.position_at_end(ask)
        name = f"s{self.mod.symbols.number(Symbol(SymbolKind.KFUNC, IS_RETURN), self.span)}"
        known = self.mod.module.globals.get(name) or ir.Function(self.mod.module, ir.FunctionType(I64, [PTR]), name)
        returning = self.b.trunc(self.b.call(known, [self.ctx]), I8)  # a bool
        self.b.cbranch(self.b.icmp_unsigned("!=", returning, ir.Constant(I8, 0)), back, go)
        self.b.position_at_end(back)
        self.b.call(self._session, [self.ctx])
        self.b.branch(leave)
        self.b.position_at_end(go)

    def _guard(self, leave: Any) -> None:
        """Leave at once unless the run is on (``docs/architecture.md``, globals)."""
        word = self.global_word(0)
        running = self.b.load(word, align=4, typ=I32)
        go = self.block("go")
        self.b.cbranch(self.b.icmp_unsigned("!=", running, ir.Constant(I32, 0)), go, leave)
        self.b.position_at_end(go)
        if self.template.probe.pid_filter:
            self._filter(word, leave)

    def _filter(self, running: Any, leave: Any) -> None:
        """Leave if a process was chosen with -p and this is another: such probes fire for all."""
        check, go = self.block("check"), self.block("go")
        chosen = self.b.load(self.offset(running, 4), align=4, typ=I32)
        self.b.cbranch(self.b.icmp_unsigned("!=", chosen, ir.Constant(I32, 0)), check, go)
        self.b.position_at_end(check)
        pid = self.b.lshr(self.helper("get_current_pid_tgid"), const(32))
        self.b.cbranch(self.b.icmp_unsigned("==", pid, self.b.zext(chosen, I64)), go, leave)
        self.b.position_at_end(go)

    def _claim(self, leave: Any) -> None:
        """Claim a scratch slot: a program can interrupt another, even itself, on its CPU.

        A loop and not copies of it: most runs get the first slot.
        """
        key, tried = self._alloca(I32), self.cell()
        first = self.b.mul(self.helper("get_smp_processor_id"), const(SCRATCH_SLOTS))
        names = ("slot", "fetching", "busy", "none", "claimed")
        head, fetching, busy, none, claimed = (self.block(n) for n in names)
        self.b.store(const(0), tried)
        self.goto(head)
        slot = self.b.load(tried, typ=I64)
        base = self._slot(key, self.b.add(first, slot), leave)
        self.b.store(self.offset(base, 8), self._scratch_var)
        self.b.cbranch(self.has(Feature.FETCHING_ATOMICS), fetching, claimed)
        self.b.position_at_end(fetching)
        result = self.b.cmpxchg(base, const(0), const(1), "seq_cst", "seq_cst")
        self.b.cbranch(self.b.icmp_unsigned("==", self.b.extract_value(result, 0), const(0)), claimed, busy)
        self.b.position_at_end(busy)
        following = self.b.add(slot, const(1))
        self.b.store(following, tried)
        self.b.cbranch(self.b.icmp_unsigned("<", following, const(SCRATCH_SLOTS)), head, none)
        self.b.position_at_end(none)
        self.count_loss(16)
        self.b.branch(leave)
        self.b.position_at_end(claimed)

    def _slot(self, key: Any, index: Any, leave: Any) -> Any:
        self.b.store(self.b.trunc(index, I32), key)
        base = self.helper_ptr("map_lookup_elem", self.internal_map(MapRole.SCRATCH), key)
        found = self.block("slot")
        self.b.cbranch(self.is_null(base), leave, found)
        self.b.position_at_end(found)
        return base
