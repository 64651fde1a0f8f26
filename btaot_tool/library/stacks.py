"""kstack and ustack: the value is a hash of the frames, which are sent to the runtime when they are new.

So there is no limit to the number of stacks, and the runtime looks at a process while it lives.  A small map
remembers what was sent; what it forgets is sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.actions import Action, EventField
from ..codegen.events import HEADER
from ..codegen.llvm import I32, I64, const, ir
from ..codegen.values import Value
from ..diagnostics import Stage
from ..payload.layout import ActionKind, MapRole, StackMode
from ..sema.types import Stack, Type
from ..syntax import tree
from .base import Arg, Entry
from .identity import namespace_id
from .unwind import Unwinder

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

DEFAULT_DEPTH = 127
MAX_DEPTH = 1024
USER_STACK = 1 << 8  # BPF_F_USER_STACK
USER_BUILD_ID = 1 << 11  # BPF_F_USER_BUILD_ID
BUILD_ID_FRAME = 32  # bytes of struct bpf_stack_build_id
KEY = 16  # bytes of a stack's value, the key of the map of stacks that were sent
FRAMES = HEADER + KEY  # offset of the frames in a record
STACK_LOST = 24  # offset of the counter in the globals map
BLOCK = 16  # frames that are hashed between two looks at the count
PRIME = 0x9E3779B97F4A7C15
MODES = {m.name.lower(): m for m in StackMode}


def _stack(name: str, user: bool, tables: bool = False) -> Entry:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        mode = _mode(c, name, node, args)
        limit = args[1 if _names_mode(args) or len(args) == 2 else 0 :]
        depth = _depth(c, name, node, limit[0]) if limit else DEFAULT_DEPTH
        if mode is StackMode.BUILD_ID and tables:
            return c.error(node, "'build_id' stack mode can only be used for ustack", stage=Stage.TYPES)
        if mode is StackMode.BUILD_ID and not user:
            message = "'build_id' stack mode can only be used for ustack"
            if isinstance(node, tree.Call):
                return c.error(node, message, stage=Stage.TYPES)
            c.warning(node, f"{message}. Falling back to 'raw' mode.", stage=Stage.TYPES)
            mode = StackMode.RAW
        return Stack(user, mode, depth)

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        typ = g.template.types[node]
        assert isinstance(typ, Stack)
        place = g.destination(node, typ)
        with g.lifetime():
            given = next((a for a in args if isinstance(a, tree.Positional)), None)
            depth = const(typ.limit) if given is None else g.clamp(g.scalar(given), typ.limit)
            _collect(g, typ, place.ptr, depth, tables)
        return place

    return Entry(name, (0, 2), check, emit)


def _names_mode(args: list[Arg]) -> bool:
    return bool(args) and isinstance(args[0], tree.Name)


def _mode(c: Checker, name: str, node: tree.Expr, args: list[Arg]) -> StackMode:
    default = MODES[str(c.stack_mode)]
    if _names_mode(args):
        word = args[0]
        assert isinstance(word, tree.Name)
        if word.name in MODES:
            return MODES[word.name]
        wrong = f"Error parsing stack mode: {name}: Invalid value for stack_mode"
        c.error(word, f"{wrong}: valid values are bpftrace, raw, perf, and build_id.", stage=Stage.TYPES)
    elif len(args) == 2:
        c.error(node, "Expected stack mode as first argument", stage=Stage.TYPES)
    return default


def _depth(c: Checker, name: str, node: tree.Expr, arg: Arg) -> int:
    if isinstance(arg, tree.Positional):
        c.expr(arg)  # known when the binary runs; the default is the most that it can be
        return DEFAULT_DEPTH
    if not isinstance(arg, tree.IntLiteral):
        c.error(node, f"{name}: invalid limit value", stage=Stage.TYPES)
        return DEFAULT_DEPTH
    c.expr(arg)
    if arg.value > MAX_DEPTH:
        c.error(node, f"{name}([int limit]): limit shouldn't exceed {MAX_DEPTH}, {arg.value} given", stage=Stage.TYPES)
    return min(arg.value, MAX_DEPTH)


def _collect(g: Gen, typ: Stack, value: Any, depth: Any, tables: bool) -> None:
    """Read the stack, send its frames if they are new, and write {id, frames, pid} to ``value``."""
    if typ.limit == 0:
        g.zero(value, KEY)
        return
    area = -(-g.mod.stack_area // BLOCK) * BLOCK
    record = g.bytes(FRAMES + 8 * area)
    key, frames = g.offset(record, HEADER), g.offset(record, FRAMES)
    g.zero(frames, 8 * area)
    build_id = typ.mode is StackMode.BUILD_ID
    width = BUILD_ID_FRAME if build_id else 8
    if tables:
        size = Unwinder(g, typ).collect(frames, depth)
    else:
        flags = USER_STACK * typ.user | USER_BUILD_ID * build_id
        size = g.helper("get_stack", g.ctx, frames, g.b.mul(depth, const(width)), flags)
    size = g.clamp(size, width * typ.limit)
    g.b.store(_hash(g, frames, g.b.lshr(size, const(3)), typ.limit * width // 8), key)
    _set_word(g, key, 8, g.b.lshr(size, const(width.bit_length() - 1)))
    _set_word(g, key, 12, namespace_id(g) if typ.user else const(0))  # the runtime looks in its own /proc
    _send_new(g, record, typ, size)
    for half in (0, 8):
        g.b.store(g.b.load(g.offset(key, half), typ=I64), g.offset(value, half))


def _set_word(g: Gen, place: Any, offset: int, value: Any) -> None:
    g.b.store(g.b.trunc(value, I32), g.offset(place, offset), align=4)


def _send_new(g: Gen, record: Any, typ: Stack, size: Any) -> None:
    """Send {key, frames} to the runtime, unless it knows them.  Noted after that: then every event that names a stack
    comes after its frames."""
    known, key = g.internal_map(MapRole.STACKS), g.offset(record, HEADER)
    number = g.mod.action(Action(ActionKind.STACK, g.place, fields=[EventField(typ, HEADER)]))

    def send() -> None:
        length = g.b.add(size, const(FRAMES))
        g.b.store(ir.Constant(I32, number), record, align=4)
        _set_word(g, record, 4, length)
        result = g.helper("ringbuf_output", g.internal_map(MapRole.RINGBUF), record, length, 0)
        g.when(
            g.b.icmp_signed("==", result, const(0)),
            lambda: g.helper("map_update_elem", known, key, key, 0),
            lambda: g.count_loss(STACK_LOST),
        )

    g.when(g.is_null(g.helper_ptr("map_lookup_elem", known, key)), send)


def note_address(g: Gen, address: Any, pid: Any) -> None:
    """Have the runtime look up the name of a user address, once a process: it is sent as a stack of one frame."""
    with g.lifetime():
        record = g.bytes(FRAMES + 8)
        g.b.store(address, g.offset(record, HEADER))
        _set_word(g, record, HEADER + 8, const(1))
        _set_word(g, record, HEADER + 12, pid)
        g.b.store(address, g.offset(record, FRAMES))
        _send_new(g, record, Stack(True, StackMode.BPFTRACE, 1), const(8))


def _hash(g: Gen, frames: Any, count: Any, limit: int) -> Any:
    """Mix the frames one after the other (multiply and turn round); a bounded loop (5.3).

    The verifier follows every way out of the loop to the end of the program: so it is left only between blocks,
    and the frames behind the last, all zero, are mixed in up to the end of its block.
    """
    cell, index = g.cell(), g.cell()
    g.b.store(const(PRIME), cell)
    g.b.store(const(0), index)
    head, body, end = g.block("hash"), g.block("frames"), g.block("hashed")
    g.b.branch(head)
    g.b.position_at_end(head)
    i = g.b.load(index, typ=I64)
    # "not equal", so that LLVM keeps two comparisons: of their minimum, an old verifier sees no bound.
    bound = const(-(-limit // BLOCK) * BLOCK)
    inside = g.b.and_(g.b.icmp_unsigned("!=", i, bound), g.b.icmp_unsigned("<", i, count))
    g.b.cbranch(inside, body, end)
    g.b.position_at_end(body)
    place = g.offset(frames, g.b.shl(i, const(3)))
    for frame in range(BLOCK):
        _mix(g, cell, g.b.load(g.offset(place, 8 * frame), typ=I64))
    g.b.store(g.b.add(i, const(BLOCK)), index)
    g.b.branch(head)
    g.b.position_at_end(end)
    return g.b.load(cell, typ=I64)


def _mix(g: Gen, cell: Any, frame: Any) -> None:
    """The product's high bits depend on all of the frame; reversing the bytes lets the next product spread them.
    (One instruction, and LLVM is not tempted to follow single bits through the whole chain.)"""
    mixed = g.b.mul(g.b.xor(g.b.load(cell, typ=I64), frame), const(PRIME))
    g.b.store(g.b.bswap(mixed), cell)


ENTRIES = (_stack("kstack", False), _stack("ustack", True), _stack("dw_ustack", True, tables=True))
