"""Loops: bounded ones inline, the others as callbacks of bpf_loop and bpf_for_each_map_elem.

A callback is a function of its own in the program's section.  What it shares with the function around it goes
through an array on the stack, the *bridge*: context, scratch slot, a word that says that the run has ended
inside the loop, then the loop's own words, then the addresses of the scratch variables that the body uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..payload.layout import Feature
from ..sema.env import MapInfo, Variable
from ..sema.types import Agg, Int, Ptr, Struct, Tuple, Type
from ..symbols import feature
from ..syntax import tree
from ..syntax.walk import walk
from .events import Events
from .llvm import I64, PTR, const, ir, volatile_load
from .module import NAME_LIMIT, program_name
from .parts import emit_row, shared_cell
from .values import Memory, Value

CONTEXT, SCRATCH, GONE, WORDS = 0, 1, 2, 3  # words of the bridge
MAX_UNROLL = 100
MAX_NESTED = 6  # callbacks: the kernel allows 8 frames, and one may be imported C
MAX_LOOPS = 1 << 23  # BPF_MAX_LOOPS: what bpf_loop accepts
MAX_REGISTERS = 16  # integer variables that LLVM keeps: in registers, and where these are taken on the stack
LOOP_STACK_BUDGET = 192  # of programs with callbacks: all frames share 512 bytes
_FRAME = ("function", "result", "ctx", "done", "leaves", "b", "_scope", "_entry", "_body", "_scratch_var", "_through",
          "_pools", "_borrowed", "_loops", "_variables", "_free_bridges", "_depth")  # fmt: skip


@dataclass(slots=True)
class Bridge:
    """The array that a callback shares with its caller, and the variables in it."""

    memory: Any
    words: list[Any]  # their types
    captured: list[Variable]
    copied: dict[Variable, int]  # scalars, and where they are in scratch memory
    left: bool = False  # the body can end the run


class Loops(Events):
    """Adds loops, and the scratch variables that they share, to a function."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._variables: dict[int, Any] = {}
        self._loops: list[tuple[Any, Any]] = []
        self._depth = 0  # of callbacks
        self._free_bridges: dict[int, list[Any]] = {}
        self._callbacks = 0
        self._integers: list[int] = []  # variables of the program so far
        if any(self._has_frame(node) for node in walk(self.template.node.body)):
            self.stack_budget = LOOP_STACK_BUDGET

    def _has_frame(self, node: tree.Node) -> bool:
        """Whether code becomes a function of its own: a callback, or imported C."""
        if isinstance(node, tree.Call):
            return node.name in self.checked.native.functions
        return isinstance(node, (tree.While, tree.ForRange, tree.ForMap))

    # ---- scratch variables ---------------------------------------------------------------------

    def variable(self, variable: Variable) -> Any:
        """Return the cell of a scratch variable: a register, or memory that lives as long as the function."""
        key = id(variable.decl)
        if key not in self._variables and self.template.part:
            self._variables[key] = shared_cell(self, variable)
        elif key not in self._variables:
            typ = self.checked.variable_type(self.template, variable)
            if isinstance(typ, Int):
                self._integers.append(key)
            if isinstance(typ, Int) and len(self._integers) > MAX_REGISTERS:
                self._variables[key] = self.scratch_word()
            elif typ.is_scalar or is_lazy(typ):
                cell = self.cell()
                self._entry.store(const(0), cell)
                self._variables[key] = cell
            else:
                self.temp(typ)
                self._variables[key] = self._borrowed[-1].pop()[1]  # never free again
        cell = self._variables[key]
        return self._slot_ptr(cell) if isinstance(cell, int) else cell

    def load_variable(self, variable: Variable) -> Any:
        """Return the value of a scalar.  LLVM may not keep those that do not fit into registers: that takes stack."""
        cell = self.variable(variable)
        crowded = id(variable.decl) in self._integers[MAX_REGISTERS:]
        return volatile_load(self.b, cell) if crowded else self.b.load(cell, typ=I64)

    # ---- jumps and plain loops -----------------------------------------------------------------

    def loop_body(self, body: tree.Block, following: Any, end: Any) -> None:
        """Generate the body of a loop, whose jumps go to these blocks."""
        self._loops.append((following, end))
        self.expr(body)
        self._loops.pop()

    def _Unroll(self, node: tree.Unroll) -> None:
        """A bounded loop (5.3): the same result as copies of the body, in less code."""
        known = self.template.constants.get(node)
        count = const(int(known)) if known is not None else self.clamp(self.scalar(node.count), MAX_UNROLL)
        counter = self.cell()
        self.b.store(const(0), counter)
        head, body, step, end = (self.block(n) for n in ("unroll", "body", "step", "unrolled"))
        self.goto(head)
        self.b.cbranch(self.b.icmp_unsigned("<", self.b.load(counter, typ=I64), count), body, end)
        self.b.position_at_end(body)
        self.loop_body(node.body, step, end)
        self.goto(step)
        self.b.store(self.b.add(self.b.load(counter, typ=I64), const(1)), counter)
        self.b.branch(head)
        self.b.position_at_end(end)

    def _Jump(self, node: tree.Jump) -> None:
        if node.kind == "return":
            if node.value is not None and self.result is not None and not self.template.part:
                self.b.store(self.scalar(node.value), self.result)
            self.leave()
            return
        following, end = self._loops[-1]
        self.b.branch(end if node.kind == "break" else following)
        self.b.position_at_end(self.block("after"))

    def _While(self, node: tree.While) -> None:
        def called(index: Any, words: list[Any]) -> None:
            body = self.block("body")
            with self.lifetime():
                self.b.cbranch(self.condition(node.cond), body, self._loops[-1][1])
            self.b.position_at_end(body)
            self.expr(node.body)

        def inline() -> None:
            head, body, end = self.block("while"), self.block("body"), self.block("endwhile")
            self.goto(head)
            self.b.cbranch(self.condition(node.cond), body, end)
            self.b.position_at_end(body)
            self.loop_body(node.body, head, end)
            self.goto(head)
            self.b.position_at_end(end)

        def check(rounds: Any) -> None:
            cut = f"the kernel ends a while loop after {MAX_LOOPS} rounds"
            self.warn_when(self.b.icmp_unsigned("==", rounds, const(MAX_LOOPS)), cut)

        self.repeat(const(MAX_LOOPS), [], called, inline, [node.cond, node.body], check)

    def _ForRange(self, node: tree.ForRange) -> None:
        variable = self.template.variables[node]
        start, limit = self.scalar(node.start), self.scalar(node.end)

        def called(index: Any, words: list[Any]) -> None:
            self.b.store(self.b.add(words[0], index), self.variable(variable))
            self.expr(node.body)

        def inline() -> None:
            self._range_inline(node, start, limit)

        count = self.b.select(self.b.icmp_signed("<", start, limit), self.b.sub(limit, start), const(0))

        def check(result: Any) -> None:
            self.when(self.b.icmp_unsigned(">", count, const(MAX_LOOPS)), lambda: self.report_helper("loop", result))

        self.repeat(count, [start], called, inline, [node.body], check)

    def _range_inline(self, node: tree.ForRange, start: Any, limit: Any) -> None:
        counter = self.cell()
        self.b.store(start, counter)
        head, body, step, end = (self.block(n) for n in ("for", "body", "step", "endfor"))
        self.goto(head)
        i = self.b.load(counter, typ=I64)
        self.b.cbranch(self.b.icmp_signed("<", i, limit), body, end)
        self.b.position_at_end(body)
        self.b.store(i, self.variable(self.template.variables[node]))
        self.loop_body(node.body, step, end)
        self.goto(step)
        self.b.store(self.b.add(self.b.load(counter, typ=I64), const(1)), counter)
        self.b.branch(head)
        self.b.position_at_end(end)

    # ---- loops with bpf_loop -------------------------------------------------------------------

    def repeat(
        self,
        count: Any,
        words: list[Any],
        called: Callable[[Any, list[Any]], None],
        inline: Callable[[], None],
        shared: Sequence[tree.Expr] = (),
        check: Callable[[Any], None] | None = None,
    ) -> None:
        """Generate a loop of at most ``count`` rounds: with bpf_loop, or inline where the host accepts no callback.

        ``called(index, words)`` generates a round inside the callback, which ends the loop by a branch to
        ``stop_loop``; ``inline`` generates the whole loop.  ``words`` are values (i64 or pointers) that the rounds
        need, ``shared`` the script's code in them.  ``check`` gets what bpf_loop returns: rounds, or an error.
        """

        def with_callback() -> None:
            # A loop that the verifier knows to have no round leaves its callback unseen, which kernels take badly.
            self.when(self.truth(count), run)

        def run() -> None:
            bridge = self._bridge(shared, words)
            callback = self._callback(bridge, [I64, PTR], lambda args, w: called(args[0], w))
            self._keep_reachable(callback, [const(0), bridge.memory])
            result = self.helper("loop", count, callback, bridge.memory, 0)
            self._after(bridge)
            if check is not None:
                check(result)

        if self._depth == MAX_NESTED:
            inline()
            return
        if self._depth:  # a host that accepted the outer callback accepts this one
            with_callback()
            return
        self.when(self.has(Feature.BPF_LOOP), with_callback, inline)

    @property
    def stop_loop(self) -> Any:
        """The block that ends the innermost loop."""
        return self._loops[-1][1]

    def _keep_reachable(self, callback: Any, args: list[Any]) -> None:
        """Call the callback where it is never reached: a function that nothing refers to is refused by the verifier,
        and a host without bpf_loop gets no reference to it."""
        never = self.b.icmp_unsigned("==", self.symbol(feature(Feature.BPF_LOOP)), const(2))
        self.when(never, lambda: self._call(callback, args))

    def _call(self, callback: Any, args: list[Any]) -> None:
        self.b.call(callback, args)

    # ---- loops over maps -----------------------------------------------------------------------

    def _ForMap(self, node: tree.ForMap) -> None:
        if self.template.part:
            emit_row(self, node)
            return
        if self._depth > MAX_NESTED:
            self.mod.diags.error(node.span, f"loops over maps can be nested {MAX_NESTED + 1} deep", code="limit")
        info = self.map_info(node.map)
        # A block with parts is not refused: its need is a symbol of its own, apart from that of other blocks.
        driven = self.template.index in self.mod.driven
        self.require(
            Feature.FOR_EACH_MAP_ELEM, f"for over {info.name}" + (f" in {self.template.probe.name}" if driven else "")
        )
        bridge = self._bridge([node.body], [])

        def round_(args: list[Any], words: list[Any]) -> None:
            self.set_pair(info, self.template.variables[node], args[1], args[2])
            self.expr(node.body)

        callback = self._callback(bridge, [PTR, PTR, PTR, PTR], round_)
        self.helper("for_each_map_elem", self.map_ptr(info), callback, bridge.memory, 0)
        self._after(bridge)

    def set_pair(self, info: MapInfo, variable: Variable, key: Any, value: Any, total: Value | None = None) -> None:
        """Copy an element into the loop's variable, the tuple (key, value); ``total`` is that of an aggregation."""
        typ = self.checked.variable_type(self.template, variable)
        assert isinstance(typ, Tuple)
        pair, at = self.variable(variable), typ.offsets[1]
        self.zero(pair, (typ.size + 7) // 8 * 8)
        self.copy(pair, key, info.key.size, min(8, info.key.align), 8)
        place = Memory(typ.items[1], self.offset(pair, at), typ.items[1].align)
        if isinstance(info.value, Agg):
            with self.lifetime():
                self.put(total or self.sum_cpus(info, pair), place)
        else:
            self.copy(place.ptr, value, info.value.size, min(8, info.value.align), place.align)

    def count_elements(self, info: MapInfo) -> Any:
        """Return the number of elements of a map: what bpf_for_each_map_elem has called."""
        self.require(Feature.FOR_EACH_MAP_ELEM, f"len({info.name})")
        bridge = Bridge(self.bytes(8 * WORDS), [], [], {})
        callback = self._callback(bridge, [PTR, PTR, PTR, PTR], lambda args, words: None)
        return self.helper("for_each_map_elem", self.map_ptr(info), callback, bridge.memory, 0)

    # ---- callbacks -----------------------------------------------------------------------------

    def _bridge(self, bodies: Sequence[tree.Expr], words: list[Any]) -> Bridge:
        """Fill the array for a callback."""
        captured = self._captured(bodies)
        copied = self._copy_in(captured)
        captured = [v for v in captured if v not in copied]
        self._forget(captured)
        slots = [self.ctx, self.b.load(self._scratch_var, typ=PTR), const(0), *words]
        cells = [self.variable(v) for v in captured]
        memory = self._bridge_memory(len(slots) + len(cells))
        for i, value in enumerate(slots):
            self.b.store(value, self.offset(memory, 8 * i))
        for i, cell in enumerate(cells, len(slots)):
            self.b.store(cell, self.offset(memory, 8 * i))
        return Bridge(memory, [w.type for w in words], captured, copied)

    def _bridge_memory(self, size: int) -> Any:
        """Return stack memory of that many words: that of a loop that is over, if it has the size."""
        free = self._free_bridges.setdefault(size, [])
        if free:
            return free.pop()
        self._stack_used += 8 * size
        return self._alloca(ir.ArrayType(I64, size))

    def _copy_in(self, captured: list[Variable]) -> dict[Variable, int]:
        """Copy the captured scalars to scratch memory, where a callback works on them; returns their offsets.

        On the stack the verifier would follow their values from round to round, and never come to an end.
        """
        offsets = {}
        for variable in captured:
            if self.checked.variable_type(self.template, variable).is_scalar:
                offsets[variable] = self.scratch_word()
                self.b.store(self.b.load(self.variable(variable), typ=I64), self._slot_ptr(offsets[variable]))
        return offsets

    def _copy_out(self, bridge: Bridge) -> None:
        for variable, offset in bridge.copied.items():
            self.b.store(self.b.load(self._slot_ptr(offset), typ=I64), self.variable(variable))

    def _forget(self, variables: list[Variable]) -> None:
        """Make the verifier forget the values of variables: before 6.7 it looks at one round only, the first one.

        What it knows there about a variable that rounds change, it would take for true in all of them, and remove
        branches.  Pointers may be of kinds that bear no arithmetic; they are rarely constants.
        """
        for variable in variables:
            typ = self.checked.variable_type(self.template, variable)
            if isinstance(typ, Ptr) or is_lazy(typ):
                continue
            cell, at = self.variable(variable), 0
            size = 8 if typ.is_scalar else typ.size
            while at < size:
                width = next(w for w in (8, 4, 2, 1) if at + w <= size)
                self._forget_word(self.offset(cell, at), width)
                at += width

    def _forget_word(self, ptr: Any, width: int) -> None:
        word = ir.IntType(8 * width)
        zero = self.unknown_zero()
        known = self.b.load(ptr, typ=word, align=width)
        self.b.store(self.b.or_(known, self.b.trunc(zero, word) if width < 8 else zero), ptr, align=width)

    def _captured(self, bodies: Sequence[tree.Expr]) -> list[Variable]:
        """Return the variables that code uses and that lie in this function's frame."""
        nodes = [n for body in bodies for n in walk(body)]
        inside = {id(n) for n in nodes}
        found: dict[int, Variable] = {}
        for node in nodes:
            variable = self.template.variables.get(node)
            if variable is None or id(variable.decl) in inside or not self._has_type(variable):
                continue
            self.variable(variable)
            if not isinstance(self._variables[id(variable.decl)], int):
                found[id(variable.decl)] = variable
        return list(found.values())

    def _has_type(self, variable: Variable) -> bool:
        return (self.template.index, id(variable.decl)) in self.checked.variables

    def _callback(self, bridge: Bridge, params: list[Any], body: Callable[[list[Any], list[Any]], None]) -> Any:
        """Generate a callback whose bridge is its last parameter (of two) or its fourth; returns the function."""
        with self._nested(params):
            args = list(self.function.args)
            memory = args[-1]
            words = [self._entry.load(self._at_entry(memory, WORDS + i), typ=t) for i, t in enumerate(bridge.words)]
            self.ctx = self._entry.load(self._at_entry(memory, CONTEXT), typ=PTR)
            self._entry.store(self._entry.load(self._at_entry(memory, SCRATCH), typ=PTR), self._scratch_var)
            for i, variable in enumerate(bridge.captured, WORDS + len(bridge.words)):
                self._variables[id(variable.decl)] = self._entry.load(self._at_entry(memory, i), typ=PTR)
            self._variables.update({id(v.decl): offset for v, offset in bridge.copied.items()})
            again, stop = self.block("again"), self.block("stop")
            self._loops.append((again, stop))
            body(args, words)
            bridge.left = self.leaves
            self._finish_callback(memory, again, stop)
            return self.function

    def _at_entry(self, memory: Any, word: int) -> Any:
        return self._entry.gep(memory, [const(8 * word)], source_etype=ir.IntType(8))

    def _finish_callback(self, memory: Any, again: Any, stop: Any) -> None:
        if not self.ended():
            self.b.branch(again)
        self._entry.branch(self._body)
        self.b.position_at_end(again)
        self.b.ret(const(0))
        self.b.position_at_end(stop)
        self.b.ret(const(1))
        self.b.position_at_end(self.done)
        self.b.store(const(1), self.offset(memory, 8 * GONE))
        self.b.ret(const(1))

    @contextmanager
    def _nested(self, params: list[Any]) -> Iterator[None]:
        """Generate into a new function; the stack that it takes counts for the whole program."""
        saved = {name: getattr(self, name) for name in _FRAME}
        scratch = {key: cell for key, cell in self._variables.items() if isinstance(cell, int)}
        self._callbacks += 1
        self._open(f"callback_{self._callbacks}_of_{program_name(self.template)}"[:NAME_LIMIT], params)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self._variables, self._loops, self._depth = scratch, [], self._depth + 1
        self._free_bridges = {}
        yield
        for name, value in saved.items():
            setattr(self, name, value)

    def _after(self, bridge: Bridge) -> None:
        """Take back what the callback changed; leave the program if the loop's body did."""
        self._copy_out(bridge)
        size = WORDS + len(bridge.words) + len(bridge.captured)
        self._free_bridges.setdefault(size, []).append(bridge.memory)
        if not bridge.left:
            return
        left = self.b.load(self.offset(bridge.memory, 8 * GONE), typ=I64)
        self.when(self.truth(left), self.leave)

    def condition(self, node: tree.Expr) -> Any:
        """Return the truth of an expression, i1 (``gen.Gen``)."""
        raise NotImplementedError


def is_lazy(typ: Type) -> bool:
    """Whether a value of a type is held as an address and read member by member."""
    return isinstance(typ, Struct) and typ.kernel
