"""dw_ustack: the user stack by tables that the runtime reads from .eh_frame (``runtime-c/src/unwind.c``); x86_64 only.

A round of a loop finds the caller of one frame: it looks for the frame's address among the rows and computes the
caller's registers as the words of that row say.  What rounds hand on lies in scratch memory, where the verifier
follows no values: so all rounds look alike to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I32, I64, const
from ..payload.layout import Feature, MapRole, StubPart, SymbolKind
from ..sema.types import Space, Stack
from ..symbols import Symbol
from ..variants import available
from .identity import namespace_id

if TYPE_CHECKING:
    from ..codegen.gen import Gen

NO_TABLES = "No DWARF unwind data available for this process. Use -p or --dwarf-pid to specify target PIDs."
#: Places of the registers, numbered as in DWARF, in struct pt_regs.
PT_REGS = {
    0: 80, 1: 96, 2: 88, 3: 40, 4: 104, 5: 112, 6: 32, 7: 152,
    8: 72, 9: 64, 10: 56, 11: 48, 12: 24, 13: 16, 14: 8, 15: 0, 16: 128,
}  # fmt: skip
PT_REGS_SIZE = 168
BX, BP, SP, IP, CFA = 3, 6, 7, 16, 17
WORDS = (CFA, IP, BP, BX)  # what the words of a row are about: eh_frame.h
SAME, UNDEFINED, VALUE, MEMORY, PLT = 1, 2, 3, 4, 5  # kinds of words
STEPS = 26  # of the search: log2 of the number of rows that there may be
# Words of the state that rounds share: the registers (32, so that no number leads out), then these.
PID, COUNT, TOP, LOW, HIGH, FAILED, NEW = 32, 33, 34, 35, 36, 37, 38
STATE = 8 * (NEW + len(WORDS))


class Unwinder:
    """Generates the loop for one use of ``dw_ustack``."""

    def __init__(self, g: Gen, typ: Stack) -> None:
        self.g = g
        self.limit = typ.limit
        self.state: Any = None
        self.frames: Any = None

    def collect(self, frames: Any, depth: Any) -> Any:
        """Fill ``frames``, and return their size in bytes."""
        g = self.g
        g.require(Feature.BPF_LOOP, "dw_ustack")
        if StubPart.UNWIND not in available(g.mod.options.target):
            g.internal_map(MapRole.UNWIND)  # no runtime can make it there: the executable refuses to start
            return const(0)
        self.state, self.frames = g.bytes(STATE), frames
        self._begin()
        g.repeat(depth, [self.state, frames], self._called, lambda: None)
        count = g.clamp(self._get(COUNT), self.limit)
        g.warn_when(g.b.icmp_unsigned("==", count, const(0)), NO_TABLES)
        return g.b.shl(count, const(3))

    def _at(self, word: int | Any) -> Any:
        index = const(8 * word) if isinstance(word, int) else self.g.b.shl(word, const(3))
        return self.g.offset(self.state, index)

    def _get(self, word: int | Any) -> Any:
        return self.g.b.load(self._at(word), typ=I64, align=8)

    def _set(self, word: int, value: Any) -> None:
        self.g.b.store(value, self._at(word), align=8)

    def _begin(self) -> None:
        g = self.g
        task = g.helper("get_current_task_btf")
        with g.lifetime():
            saved = g.bytes(PT_REGS_SIZE)
            g.helper("probe_read_kernel", saved, PT_REGS_SIZE, g.helper("task_pt_regs", task))
            for register, place in PT_REGS.items():
                self._set(register, g.b.load(g.offset(saved, place), typ=I64, align=8))
        self._set(PID, namespace_id(g))
        self._set(COUNT, const(0))
        self._read(TOP, Space.KERNEL, g.b.add(task, g.symbol(Symbol(SymbolKind.FIELD_OFFSET, "task_struct", "mm"))))
        place = g.symbol(Symbol(SymbolKind.FIELD_OFFSET, "mm_struct", "start_stack"))
        self._read(TOP, Space.KERNEL, g.b.add(self._get(TOP), place))

    def _read(self, word: int, space: Space, address: Any) -> Any:
        return self.g.helper(f"probe_read_{space.value}", self._at(word), 8, address)

    def _called(self, index: Any, words: list[Any]) -> None:
        outer = self.state, self.frames
        self.state, self.frames = words
        self._round(index)
        self.state, self.frames = outer

    def _round(self, index: Any) -> None:
        """Find the caller of the last frame (round 0: note that itself)."""
        g = self.g
        first = g.b.icmp_unsigned("==", index, const(0))
        fail = g.block("fail")
        row = self._search()
        known = g.b.icmp_unsigned("==", self._row_pid(row), self._get(PID))
        g.when(first, lambda: g.when(known, lambda: self._add(self._get(IP)), self._stop))
        # The caller of the last frame is found in the same round that notes it, one ahead of the loop's count.
        self._apply(self._words(row), fail)
        g.b.branch(self.g._loops[-1][0])
        g.b.position_at_end(fail)
        self._add(const(-1))
        self._stop()

    def _stop(self) -> None:
        self.g.b.branch(self.g.stop_loop)

    def _add(self, address: Any) -> None:
        g = self.g
        count = self._get(COUNT)
        full = g.b.icmp_unsigned(">=", count, const(self.limit))
        g.when(full, self._stop)
        g.b.store(address, g.offset(self.frames, g.b.shl(g.clamp(count, self.limit - 1), const(3))), align=8)
        self._set(COUNT, g.b.add(count, const(1)))

    # ---- tables --------------------------------------------------------------------------------

    def _row(self, index: Any) -> Any:
        g = self.g
        with g.lifetime():
            key = g.bytes(8)
            g.b.store(g.b.trunc(index, I32), key, align=4)
            place = g.helper_ptr("map_lookup_elem", g.internal_map(MapRole.UNWIND), key)
        found = g.block("found")
        g.b.cbranch(g.is_null(place), g.stop_loop, found)
        g.b.position_at_end(found)
        return place

    def _row_pid(self, row: Any) -> Any:
        return self.g.b.zext(self.g.b.load(self.g.offset(row, 8), typ=I32, align=4), I64)

    def _search(self) -> Any:
        """Return the last row that is not behind (process, address)."""
        g = self.g
        self._set(LOW, const(0))
        self._set(HIGH, g.b.load(self._row(const(0)), typ=I64, align=8))
        step = g.cell()
        g.b.store(const(0), step)
        head, body, end = g.block("search"), g.block("step"), g.block("searched")
        g.goto(head)
        low, high = self._get(LOW), self._get(HIGH)
        more = g.b.and_(
            g.b.icmp_unsigned("<", low, high), g.b.icmp_unsigned("<", g.b.load(step, typ=I64), const(STEPS))
        )
        g.b.cbranch(more, body, end)
        g.b.position_at_end(body)
        middle = g.b.lshr(g.b.add(g.b.add(low, high), const(1)), const(1))
        row = self._row(middle)
        pid, wanted = self._row_pid(row), self._get(PID)
        before = g.b.icmp_unsigned("<=", g.b.load(row, typ=I64, align=8), self._get(IP))
        before = g.b.or_(g.b.icmp_unsigned("<", pid, wanted), g.b.and_(g.b.icmp_unsigned("==", pid, wanted), before))
        self._set(LOW, g.b.select(before, middle, low))
        self._set(HIGH, g.b.select(before, high, g.b.sub(middle, const(1))))
        g.b.store(g.b.add(g.b.load(step, typ=I64), const(1)), step)
        g.b.branch(head)
        g.b.position_at_end(end)
        return self._row(self._get(LOW))

    def _words(self, row: Any) -> list[Any]:
        g = self.g
        return [g.b.sext(g.b.load(g.offset(row, 16 + 4 * i), typ=I32, align=4), I64) for i in range(len(WORDS))]

    # ---- registers -----------------------------------------------------------------------------

    def _apply(self, words: list[Any], fail: Any) -> None:
        """Compute the registers of the caller; no caller: the loop ends."""
        g = self.g
        undefined = g.b.icmp_unsigned("==", self._kind(words[1]), const(UNDEFINED))
        for i, (word, register) in enumerate(zip(words, WORDS, strict=True)):
            self._set(NEW + i, self._get(register))
            if register == IP:
                g.when(undefined, self._stop)
            self._evaluate(word, NEW + i, fail)
            if register == CFA:
                self._set(CFA, self._get(NEW))
        for i, register in enumerate(WORDS):
            self._set(register, self._get(NEW + i))
        self._set(SP, self._get(CFA))
        ip = self._get(IP)
        g.when(g.b.icmp_unsigned("==", ip, const(0)), self._stop)
        # A call may be the last thing of its function: the address before is in the same one.
        self._set(IP, g.b.sub(ip, const(1)))
        top = g.b.icmp_unsigned(">=", self._get(SP), g.b.sub(self._get(TOP), const(8)))
        g.when(top, self._stop)
        self._add(self._get(IP))

    def _kind(self, word: Any) -> Any:
        return self.g.b.and_(word, const(7))

    def _evaluate(self, word: Any, into: int, fail: Any) -> None:
        """Set a word of the state to what a word of a row says; kinds that leave a register leave it."""
        g = self.g
        kind = self._kind(word)
        go, computed = g.block("known"), g.block("computed")
        g.b.cbranch(g.b.icmp_unsigned("==", kind, const(0)), fail, go)
        g.b.position_at_end(go)

        def compute() -> None:
            base = self._get(g.b.and_(g.b.lshr(word, const(3)), const(31)))
            address = g.b.add(base, g.b.ashr(word, const(8)))
            second = g.b.icmp_unsigned(">=", g.b.and_(self._get(IP), const(15)), const(11))
            second = g.b.and_(second, g.b.icmp_unsigned("==", kind, const(PLT)))
            address = g.b.add(address, g.b.select(second, const(8), const(0)))
            self._set(into, address)
            g.when(g.b.icmp_unsigned("==", kind, const(MEMORY)), lambda: read(address))

        def read(address: Any) -> None:
            result = self._read(into, Space.USER, address)
            done = g.block("read")
            g.b.cbranch(g.b.icmp_signed("<", result, const(0)), fail, done)
            g.b.position_at_end(done)

        g.when(g.b.icmp_unsigned(">=", kind, const(VALUE)), compute)
        g.goto(computed)
