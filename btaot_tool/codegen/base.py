"""What every instruction is made with: position, control flow, symbols, helper calls, scratch memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..diagnostics import Span
from ..payload.layout import Feature, MapRole
from ..sema.result import Template
from ..sema.types import Bool, Int, Type
from ..sema.widening import integer_sign
from ..symbols import Symbol, feature, map_fd, map_value
from ..syntax import tree
from .debug import DebugInfo
from .helpers import HELPERS
from .llvm import I8, I16, I32, I64, PTR, const, ir, volatile_load
from .module import ModuleGen, program_name, template_section
from .values import Memory

INT_TYPES = {1: I8, 2: I16, 4: I32, 8: I64}
ZERO = 32  # offset of a word of the globals map that is always 0
STACK_BUDGET = 320  # bytes of temporaries; LLVM needs the rest of the 512 for spilled registers
STACK_OBJECT = 64
#: What a part of a block returns (``parts.py``): go on, no more rows, no more parts.
GO_ON, STOP, LEFT = range(3)


class FunctionBase:
    """Instructions and memory of one template's function."""

    def __init__(self, mod: ModuleGen, template: Template, debug: DebugInfo) -> None:
        self.mod = mod
        self.template = template
        self.checked = mod.checked
        self._debug = debug
        self._span = template.node.span
        self.place = self._span  # of the expression that is generated, for messages
        self.uses_scratch = False
        self._scratch_top = 0
        self._stack_used = 0
        self.stack_budget = STACK_BUDGET
        self.discarded: set[tree.Node] = set()  # expressions whose value nobody uses
        self.result: Any = None  #: cell of what the program returns, where that matters
        self._session: Any = None  #: what runs instead if this is the return of a session
        self._open(program_name(template), [PTR])
        self.ctx = self.function.args[0]
        if template.probe.returns:
            self.result = self._alloca(I64)
            self._entry.store(const(0), self.result)
        if template.part:
            self.result = self._alloca(I64)
            self._entry.store(const(LEFT), self.result)

    def _open(self, name: str, params: list[Any]) -> None:
        """Begin a function: the template's own, or a callback of it."""
        self.function = ir.Function(self.mod.module, ir.FunctionType(I64, params), name)
        self.function.section = template_section(self.template)
        self.function.attributes.add("nounwind")
        self._scope = self._debug.subprogram(name, self._span)
        self.function.set_metadata("dbg", self._scope)
        self._entry = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._entry.debug_metadata = self._debug.location(self._span, self._scope)
        self.b = ir.IRBuilder(self.function.append_basic_block("body"))
        self._body = self.b.block
        self.b.debug_metadata = self._entry.debug_metadata
        self.done = self.function.append_basic_block("done")
        self.leaves = False
        self._scratch_var = self._alloca(PTR)
        self._through: Any = None  #: the slot of ``opaque``
        self.result = None
        self._pools: dict[int, list[Any]] = {}
        self._borrowed: list[list[tuple[int, Any]]] = [[]]

    # ---- position ------------------------------------------------------------------------------

    def at(self, span: Span) -> None:
        """Attribute the instructions that follow to a place of the script."""
        self._span = self.place = span
        self.b.debug_metadata = self._debug.location(span.outermost, self._scope)

    @property
    def span(self) -> Span:
        """The place that instructions are attributed to."""
        return self._span

    def block(self, name: str) -> Any:
        """Return a new basic block."""
        return self.function.append_basic_block(name)

    def goto(self, block: Any) -> None:
        """Branch to a block unless the current one has ended, and go on there."""
        if not self.b.block.is_terminated:
            self.b.branch(block)
        self.b.position_at_end(block)

    def ended(self) -> bool:
        """Whether the current block already has its terminator."""
        return bool(self.b.block.is_terminated)

    def leave(self) -> None:
        """End the program's run here; code that follows is unreachable and goes to a block of its own."""
        self.leaves = True
        self.b.branch(self.done)
        self.b.position_at_end(self.block("after"))

    def when(self, condition: Any, then: Callable[[], None], otherwise: Callable[[], None] | None = None) -> None:
        """Generate an if."""
        yes, end = self.block("then"), self.block("end")
        no = self.block("else") if otherwise else end
        self.b.cbranch(condition, yes, no)
        self.b.position_at_end(yes)
        then()
        self._close(end)
        if otherwise:
            self.b.position_at_end(no)
            otherwise()
            self._close(end)
        self.b.position_at_end(end)

    def _close(self, end: Any) -> None:
        if not self.b.block.is_terminated:
            self.b.branch(end)

    def choose(self, condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        """Generate an if whose branches each give a 64-bit value, and return it."""
        cell = self.cell()
        self.when(condition, lambda: self._store_cell(then(), cell), lambda: self._store_cell(otherwise(), cell))
        return self.b.load(cell, typ=I64)

    def _store_cell(self, value: Any, cell: Any) -> None:
        self.b.store(value, cell)

    def cell(self, typ: Any = I64) -> Any:
        """Return a register-like variable (LLVM promotes it)."""
        return self._alloca(typ)

    def _alloca(self, typ: Any) -> Any:
        """Return stack memory; its IR pointer is untyped, like all others."""
        memory = self._entry.alloca(typ)
        memory.type = PTR
        return memory

    # ---- symbols and helpers -------------------------------------------------------------------

    def symbol(self, symbol: Symbol, node: tree.Node | None = None) -> Any:
        """Return the value of a load-time constant, i64; ``node`` is what messages point at if not the statement."""
        return self.b.ptrtoint(self.mod.symbol_global(symbol, node.span if node else self._span), I64)

    def symbol_ptr(self, symbol: Symbol) -> Any:
        """Return a load-time address as a pointer."""
        return self.mod.symbol_global(symbol, self._span)

    def context_load(self, symbol: Symbol) -> Any:
        """Return what the host's context load gives, zero-extended."""
        return self.b.call(self.mod.symbol_global(symbol, self._span), [self.ctx])

    def has(self, which: Feature) -> Any:
        """Return the flag of a kernel feature, i1."""
        return self.b.icmp_unsigned("!=", self.symbol(feature(which)), const(0))

    def require(self, which: Feature, what: str) -> None:
        """Make the binary refuse to start where a feature is missing: ``what`` of the script needs it.

        The test is dead code wherever the binary runs at all; it keeps the symbol in the program.
        """
        go, missing = self.block("has"), self.block("lacks")
        self.b.cbranch(self.b.icmp_unsigned("!=", self.symbol(feature(which, what)), const(0)), go, missing)
        self.b.position_at_end(missing)
        self.b.branch(self.done)
        self.b.position_at_end(go)

    def helper(self, name: str, *args: Any) -> Any:
        """Call a BPF helper; integers become 64-bit constants."""
        values = [const(a) if isinstance(a, int) else a for a in args]
        signature = ir.FunctionType(I64, [v.type for v in values])
        callee = ir.Constant(I64, HELPERS[name]).inttoptr(PTR)
        callee.function_type = signature
        result = self.b.call(callee, values)
        if name == "ringbuf_reserve":
            # LLVM must not part it from its null test, as by rotating a loop: before 6.12 the verifier does not see
            # that a record once found to be there is still there at a second test, and finds it unreleased.
            result.attributes.add("convergent")
        return result

    def check_helper(self, name: str, result: Any, failed: Any, span: Span | None = None) -> None:
        """Report a helper that failed, if the run wants that (``events.Events``)."""
        raise NotImplementedError

    def warn_when(self, failed: Any, message: str) -> None:
        """Print a warning with the script's place at run time (``events.Events``)."""
        raise NotImplementedError

    def internal_map(self, role: MapRole) -> Any:
        """Return the descriptor of an internal map as a pointer."""
        return self.symbol_ptr(map_fd(self.mod.internal_map(role)))

    def global_word(self, offset: int) -> Any:
        """Return a pointer into the globals map."""
        return self.symbol_ptr(map_value(self.mod.internal_map(MapRole.GLOBALS), offset))

    def unknown_zero(self) -> Any:
        """Return 0 in a way that neither LLVM nor the verifier knows: from a word of the globals map."""
        return self.b.load(self.global_word(ZERO), typ=I64, align=8)

    def opaque(self, value: Any) -> Any:
        """Return a 64-bit value that LLVM knows nothing of; the verifier follows it through its stack slot."""
        if self._through is None:  # one for all: it takes stack
            self._through = self.cell()
        self.b.store(value, self._through)
        return volatile_load(self.b, self._through)

    def count_loss(self, offset: int, amount: Any = None) -> None:
        """Add one, or another amount, to a counter of the globals map."""
        self.atomic_add(self.global_word(offset), const(1) if amount is None else amount)

    def atomic_add(self, ptr: Any, value: Any) -> None:
        """Add without fetching: ``lock +=``, which every kernel has."""
        self.b.atomic_rmw("add", ptr, value, "monotonic")

    # ---- integers ------------------------------------------------------------------------------

    def load(self, ptr: Any, typ: Type, align: int = 0) -> Any:
        """Load a scalar of a type from directly readable memory, extended to 64 bits."""
        size = typ.size
        raw = self.b.load(ptr, align=min(align or size, size), typ=INT_TYPES[size])
        if size == 8:
            return raw
        return self.b.sext(raw, I64) if integer_sign(typ) else self.b.zext(raw, I64)

    def store(self, value: Any, ptr: Any, size: int, align: int = 0) -> None:
        """Store the low ``size`` bytes of a 64-bit value."""
        raw = value if size == 8 else self.b.trunc(value, INT_TYPES[size])
        self.b.store(raw, ptr, align=min(align or size, size))

    def fit(self, value: Any, typ: Type) -> Any:
        """Wrap a 64-bit value to the width of an integer type and extend it again."""
        if isinstance(typ, Bool):
            return self.b.zext(self.b.icmp_unsigned("!=", value, const(0)), I64)
        if typ.size in (0, 8) or typ.size not in INT_TYPES:
            return value
        raw = self.b.trunc(value, INT_TYPES[typ.size])
        return self.b.sext(raw, I64) if integer_sign(typ) else self.b.zext(raw, I64)

    def clamp(self, value: Any, high: int) -> Any:
        """Return a signed value forced into 0..high, in a form that the verifier follows."""
        value = self.b.select(self.b.icmp_signed(">", value, const(0)), value, const(0))
        return self.b.select(self.b.icmp_unsigned("<", value, const(high)), value, const(high))

    def offset(self, ptr: Any, offset: int | Any) -> Any:
        """Return a pointer moved by bytes."""
        if isinstance(offset, int):
            if offset == 0:
                return ptr
            offset = const(offset)
        return self.b.gep(ptr, [offset], source_etype=I8)

    def small_offset(self, offset: Any, limit: int) -> Any:
        """Return an offset below ``limit`` as LLVM must not see it: it would "or" a number below 8 to an aligned
        address, which the verifier refuses.
        """
        return self.opaque(offset) if limit <= 8 else offset

    # ---- memory --------------------------------------------------------------------------------

    def temp(self, typ: Type, size: int | None = None) -> Memory:
        """Return memory for a value of a type until the end of the statement (or scope, see ``lifetime``)."""
        size = max(8, ((typ.size if size is None else size) + 7) // 8 * 8)
        return Memory(typ, self._borrow(size))

    def bytes(self, size: int) -> Any:
        """Return a pointer to temporary memory, 8-aligned."""
        return self.temp(Int(8, False), size).ptr

    def _borrow(self, size: int) -> Any:
        pool = self._pools.setdefault(size, [])
        if pool:
            slot = pool.pop()
        elif size <= STACK_OBJECT and self._stack_used + size <= self.stack_budget:
            self._stack_used += size
            slot = self._alloca(ir.ArrayType(I64, size // 8))
        else:
            self.uses_scratch = True
            slot = self._scratch_top
            self._scratch_top += size
            self.mod.scratch_slot = max(self.mod.scratch_slot, self._scratch_top)
        self._borrowed[-1].append((size, slot))
        return self._slot_ptr(slot)

    def scratch_word(self) -> int:
        """Return the offset of 8 bytes of scratch memory that stay reserved."""
        self.uses_scratch = True
        offset = self._scratch_top
        self._scratch_top += 8
        self.mod.scratch_slot = max(self.mod.scratch_slot, self._scratch_top)
        return offset

    def slot(self, offset: int) -> Any:
        """Return a pointer to scratch memory."""
        return self._slot_ptr(offset)

    def launder(self, value: Any) -> Any:
        """Return a value that the verifier knows nothing of.

        Where it followed a loop to many ends, it would else look at the code that follows once for each result.
        The helper call keeps LLVM from taking the value without the way through memory.
        """
        slot = self._slot_ptr(self.scratch_word())
        self.b.store(value, slot)
        self.helper("get_smp_processor_id")
        return self.b.load(slot, typ=I64)

    def _slot_ptr(self, slot: Any) -> Any:
        if not isinstance(slot, int):
            return slot
        return self.offset(self.b.load(self._scratch_var, typ=PTR), slot)

    @contextmanager
    def lifetime(self) -> Iterator[None]:
        """Temporary memory taken inside is free again after it."""
        self._borrowed.append([])
        yield
        for size, slot in self._borrowed.pop():
            self._pools[size].append(slot)

    def zero(self, ptr: Any, size: int, align: int = 8) -> None:
        """Zero memory; big areas through a read of address 0, which fails and zeroes (58 instructions less)."""
        if size > 16 * align:
            self.helper("probe_read_kernel", ptr, size, 0)
            return
        for at, width in _chunks(size, align):
            self.b.store(ir.Constant(INT_TYPES[width], 0), self.offset(ptr, at), align=width)

    def copy(self, dst: Any, src: Any, size: int, src_align: int = 8, dst_align: int = 8) -> None:
        """Copy memory that both sides may access directly."""
        if size > 128:
            self.helper("probe_read_kernel", dst, size, src)
            return
        limit = min(src_align, dst_align)
        for at, width in _chunks(size, limit):
            typ = INT_TYPES[width]
            self.b.store(self.b.load(self.offset(src, at), align=width, typ=typ), self.offset(dst, at), align=width)

    def helper_ptr(self, name: str, *args: Any) -> Any:
        """Call a helper that returns a pointer."""
        return self.b.inttoptr(self.helper(name, *args), PTR)

    def is_null(self, ptr: Any) -> Any:
        """Test a pointer, i1."""
        return self.b.icmp_unsigned("==", ptr, ir.Constant(PTR, None))


def _chunks(size: int, limit: int = 8) -> Iterator[tuple[int, int]]:
    """Split a size into (offset, width) pairs of at most ``limit`` bytes, widest first."""
    at = 0
    while at < size:
        width = next(w for w in (8, 4, 2, 1) if w <= limit and at + w <= size and at % w == 0)
        yield at, width
        at += width
