"""Ring buffer records: asynchronous actions with their arguments (``docs/architecture.md``).

A record of fixed size is written straight into the ring buffer.  One with long strings is put together in
scratch memory and copied with its real length, so that short strings make short records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..diagnostics import Span
from ..payload.layout import ActionKind, MapRole, ProbeKind, SessionFact
from ..sema.types import INT32, Int, Str, Type
from ..symbols import session
from ..syntax import tree
from ..syntax.walk import walk
from .actions import Action, EventField
from .llvm import I16, I32, I64, const, ir, volatile_load
from .maps import Maps
from .values import Memory, Scalar, Value

HEADER = 8
TIMERS = (ProbeKind.INTERVAL, ProbeKind.PROFILE)
RUNNING = 0  # offset of the word that lets programs run, in the globals map
LOST = 8  # offset of the counter in the globals map
EXIT = 40  # offset of the word for an exit() whose event is lost
DYNAMIC_MIN = 64  # strings that can be longer than this are sent with their real length
EVENTFUL = frozenset({"exit", "ctx", "kstack", "ustack", "dw_ustack", "usym"})
MARK = 0x8000  # in a length: the string was cut


@dataclass(slots=True)
class Item:
    """An argument of an event: an expression, a value, or a number that is known."""

    type: Type
    node: tree.Expr | None = None
    number: int = 0
    value: Value | None = None

    @property
    def dynamic(self) -> bool:
        """Whether it is sent with its real length."""
        return isinstance(self.type, Str) and self.type.capacity > DYNAMIC_MIN


class Events(Maps):
    """Adds sending of events to a function."""

    def send(self, action: Action, items: list[Item]) -> None:
        """Send an event; one that finds no room is counted as lost."""
        end = HEADER
        for item in items:
            size, align = (4, 4) if item.dynamic else (item.type.size, item.type.align)
            end = (end + align - 1) // align * align
            action.fields.append(EventField(item.type, end, item.dynamic))
            end += size
        number = self.mod.action(action)
        end = (end + 7) // 8 * 8
        if any(item.dynamic for item in items):
            self._send_dynamic(number, action, items, end)
        else:
            self._send_fixed(number, action, items, end)

    def send_nodes(self, action: Action, nodes: list[tree.Expr]) -> None:
        """Send an event with the values of expressions."""
        self.send(action, [Item(self.sent_type(n), n) for n in nodes])

    def sent_type(self, node: tree.Expr) -> Type:
        """Return the type that an expression has in an event."""
        typ = self.template.types[node]
        return Int(8, typ.signed) if typ.__class__.__name__ == "Agg" else typ  # type: ignore[attr-defined]

    def check_helper(self, name: str, result: Any, failed: Any, span: Span | None = None) -> None:
        """Report a helper that failed, if the run wants that: dead code otherwise, which the verifier drops."""
        wanted = self.truth(self.symbol(session(SessionFact.HELPER_ERRORS)))
        self.when(wanted, lambda: self.when(failed, lambda: self.report_helper(name, result, span)))

    def report_helper(self, name: str, result: Any, span: Span | None = None) -> None:
        """Send the error of a helper with the script's place."""
        action = Action(ActionKind.HELPER_ERROR, span or self.place, fmt=name)
        self.send(action, [Item(INT32, value=Scalar(INT32, result))])

    def warn_when(self, failed: Any, message: str) -> None:
        """Print a warning with the script's place at run time."""
        self.when(failed, lambda: self.send(Action(ActionKind.HELPER_ERROR, self.place, fmt=message), []))

    # ---- fixed size ----------------------------------------------------------------------------

    def _send_fixed(self, number: int, action: Action, items: list[Item], size: int) -> None:
        early = {i: item.value or self._evaluate(item) for i, item in enumerate(items) if self._needs_early(item)}
        record = self.helper_ptr("ringbuf_reserve", self.internal_map(MapRole.RINGBUF), size, 0)
        self.when(
            self.is_null(record),
            lambda: self._lost(action, items),
            lambda: self._fill(record, number, size, action, items, early),
        )

    def _lost(self, action: Action, items: list[Item]) -> None:
        self.count_loss(LOST)
        if action.kind is ActionKind.EXIT:  # the run must end all the same
            item = items[0]
            code = const(item.number) if item.node is None else self.scalar(item.node)
            code = self.b.or_(self.b.and_(code, const(0xFF)), const(0x100))
            self.b.store(code, self.global_word(EXIT), align=8)

    def _fill(
        self, record: Any, number: int, size: int, action: Action, items: list[Item], early: dict[int, Any]
    ) -> None:
        self._head(record, number, const(size))
        self._padding(record, action, items, size)
        for i, (item, field) in enumerate(zip(items, action.fields, strict=True)):
            place = Memory(item.type, self.offset(record, field.offset), 8 if field.offset % 8 == 0 else 4)
            self._write(item, place, early.get(i))
        self.helper("ringbuf_submit", record, 0)
        if action.kind is ActionKind.EXIT and self.template.probe.kind in TIMERS:
            # At once, or the timer may come again before the event is read.
            self.b.store(ir.Constant(I32, 0), self.global_word(RUNNING), align=4)

    def _write(self, item: Item, place: Memory, early: Any | None) -> None:
        if early is not None:
            self.put(early, place, fresh=True)
        elif item.node is None:
            self.store(const(item.number), place.ptr, item.type.size, place.align)
        else:
            self.emit_to(item.node, place, fresh=True)

    def _padding(self, record: Any, action: Action, items: list[Item], size: int) -> None:
        """Zero the gaps between arguments: the kernel does not clear the ring buffer."""
        at = HEADER
        for item, field in zip(items, action.fields, strict=True):
            self._zero_gap(record, at, field.offset)
            at = field.offset + (4 if item.dynamic else item.type.size)
        self._zero_gap(record, at, size)

    def _zero_gap(self, record: Any, start: int, end: int) -> None:
        while start < end:
            width = next(w for w in (8, 4, 2, 1) if start % w == 0 and start + w <= end)
            self.b.store(ir.Constant(ir.IntType(8 * width), 0), self.offset(record, start), align=width)
            start += width

    def _head(self, record: Any, number: int, size: Any) -> None:
        self.b.store(ir.Constant(I32, number), record, align=4)
        self.b.store(self.b.trunc(size, I32), self.offset(record, 4), align=4)

    def _needs_early(self, item: Item) -> bool:
        """Whether an argument must be evaluated before the record is reserved: all that may leave the program,
        and scalars, whose registers cost nothing."""
        if item.value is not None:
            return True
        return item.node is not None and (item.type.is_scalar or may_leave(item.node))

    def _evaluate(self, item: Item) -> Any:
        assert item.node is not None
        if item.type.is_scalar:
            return Scalar(item.type, self.scalar(item.node))
        return self.as_memory(self.expr(item.node))

    # ---- real length ---------------------------------------------------------------------------

    def _send_dynamic(self, number: int, action: Action, items: list[Item], fixed: int) -> None:
        limit = fixed + sum(item.type.size for item in items if item.dynamic)
        if limit >= MARK:
            self.mod.diags.error(
                action.span,
                f"the arguments of this call can take {limit} bytes, more than an event holds ({MARK - 1})",
                "lower max_strlen, or the length given to str()",
            )
            return
        record = self.bytes(limit)
        cursor: Any = const(fixed)
        self._padding(record, action, items, fixed)
        for item, field in zip(items, action.fields, strict=True):
            at = self.offset(record, field.offset)
            if item.dynamic:
                cursor = self._append(item, record, at, self._unfollowed(cursor, record), limit - item.type.size)
            else:
                self._write(item, Memory(item.type, at, 8 if field.offset % 8 == 0 else 4), item.value)
        self._output(record, number, self.clamp(cursor, limit))

    def _unfollowed(self, cursor: Any, record: Any) -> Any:
        """Take a cursor through the record's head, still empty: the verifier does not follow values in maps.

        It would look at what comes after a string once for each way through what reads it.
        """
        if isinstance(cursor, ir.Constant):
            return cursor
        self.b.store(cursor, record, align=8)
        return volatile_load(self.b, record)

    def _append(self, item: Item, record: Any, at: Any, cursor: Any, limit: int) -> Any:
        """Append a string's bytes at the cursor and note (offset, length); returns the new cursor."""
        assert isinstance(item.type, Str)
        capacity = item.type.capacity
        cursor = self.clamp(cursor, limit)
        dst = self.offset(record, cursor)
        assert item.node is not None
        length = self.small_offset(self.clamp(self.string_to(item.node, dst, capacity), capacity - 1), capacity)
        mark = const(0)
        if capacity > self.checked.config.max_strlen:
            mark = self.b.select(self.b.icmp_unsigned("==", length, const(capacity - 1)), const(MARK), const(0))
        self.b.store(self.b.trunc(cursor, I16), at, align=2)
        self.b.store(self.b.trunc(self.b.or_(length, mark), I16), self.offset(at, 2), align=2)
        return self.b.add(cursor, length)

    def send_strings(self, action: Action, count: int, capacity: int, read: Callable[[Any, Any], Any]) -> None:
        """Send up to ``count`` strings, read one after the other by a loop; the first empty one ends them.

        ``read(memory, index)`` gives the length with NUL, or a number below 0.
        """
        fixed = (HEADER + 4 * count + 7) // 8 * 8
        action.fields += [EventField(Str(capacity), HEADER + 4 * i, True) for i in range(count)]
        number = self.mod.action(action)
        limit = fixed + count * capacity
        record, index = self.bytes(limit), self.cell()
        head, following, done = (self.block(n) for n in ("string", "next", "sent"))
        self.zero(record, fixed)
        self.b.store(const(fixed), record, align=8)
        self.b.store(const(0), index)
        self.goto(head)
        i = self.b.load(index, typ=I64)
        cursor = self.clamp(volatile_load(self.b, record), limit - capacity)
        length = self.clamp(self.b.sub(read(self.offset(record, cursor), i), const(1)), capacity - 1)
        at = self.offset(record, self.b.add(self.b.mul(i, const(4)), const(HEADER)))
        self.b.store(self.b.trunc(cursor, I16), at, align=4)
        self.b.store(self.b.trunc(length, I16), self.offset(at, 2), align=2)
        self.b.store(self.b.add(cursor, length), record, align=8)
        self.b.cbranch(self.truth(length), following, done)
        self.b.position_at_end(following)
        after = self.b.add(i, const(1))
        self.b.store(after, index)
        self.b.cbranch(self.b.icmp_unsigned("<", after, const(count)), head, done)
        self.b.position_at_end(done)
        self._output(record, number, self.clamp(volatile_load(self.b, record), limit))

    def _output(self, record: Any, number: int, size: Any) -> None:
        self._head(record, number, size)
        result = self.helper("ringbuf_output", self.internal_map(MapRole.RINGBUF), record, size, 0)
        self.when(self.b.icmp_signed("!=", result, const(0)), lambda: self.count_loss(LOST))

    def string_to(self, node: tree.Expr, dst: Any, capacity: int) -> Any:
        """Write the bytes of a string expression to memory that need not be cleared; returns the length without NUL."""
        reader = self.string_source(node)
        if reader is not None:
            result = reader(dst, capacity)
        else:
            memory = self.as_memory(self.expr(node))
            result = self.helper("probe_read_kernel_str", dst, min(capacity, memory.type.size), memory.ptr)
        return self.b.sub(result, const(1))

    def string_source(self, node: tree.Expr) -> Callable[[Any, int], Any] | None:
        """Return a function that reads a ``str()`` call straight into memory; None for other expressions."""
        node = self.template.lowered.get(node, node)
        if not isinstance(node, tree.Call) or node.name != "str":
            return None
        from ..library.strings import read_str

        return lambda dst, capacity: read_str(self, node.args, dst, capacity)  # type: ignore[arg-type]


def may_leave(node: tree.Node) -> bool:
    """Whether evaluating an expression can end the run (return, exit) or sends an event, which must come first."""
    return any(
        isinstance(n, (tree.Jump, tree.Block))
        or (isinstance(n, (tree.Call, tree.Name)) and n.name.removeprefix("__builtin_") in EVENTFUL)
        for n in walk(node)
    )
