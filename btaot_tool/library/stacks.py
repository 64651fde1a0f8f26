"""kstack and ustack: the frames go into a map by their hash, the value is the hash.

The kernel's own stack map drops a stack whose hash meets another's; a hash map keyed by 64 bits and the number
of frames does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I32, I64, const, ir
from ..codegen.values import Value
from ..payload.layout import MapRole, StackMode
from ..sema.types import Stack, Type
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

DEFAULT_DEPTH = 127
MAX_DEPTH = 1024
USER_STACK = 1 << 8  # BPF_F_USER_STACK
STACK_LOST = 24  # offset of the counter in the globals map
BLOCK = 16  # frames that are hashed between two looks at the count
PRIME = 0x9E3779B97F4A7C15
MODES = {m.name.lower(): m for m in StackMode}


def _stack(name: str, user: bool) -> Entry:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        mode = MODES[str(c.stack_mode)]
        depth = DEFAULT_DEPTH
        for arg in args:
            if isinstance(arg, tree.Name) and arg.name in MODES:
                mode = MODES[arg.name]
            elif isinstance(arg, tree.Name):
                return c.error(arg, f"Invalid stack mode: '{arg.name}'. Valid modes are: {', '.join(MODES)}")
            elif isinstance(arg, tree.Positional):
                c.expr(arg)  # known when the binary runs; the default is the most that it can be
            else:
                value = c.literal_int(arg, f"{name}() depth")
                if value is None:
                    return Stack(user, mode, depth)
                if not 0 <= value <= MAX_DEPTH:
                    return c.error(node, f"{name}([int limit]): limit shouldn't exceed {MAX_DEPTH}, {value} given")
                depth = value
        if mode is StackMode.BUILD_ID and not user:
            c.warning(node, "'build_id' stack mode can only be used for ustack. Falling back to 'raw' mode.")
            mode = StackMode.RAW
        return Stack(user, mode, depth)

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        typ = g.template.types[node]
        assert isinstance(typ, Stack)
        place = g.destination(node, typ)
        with g.lifetime():
            given = next((a for a in args if isinstance(a, tree.Positional)), None)
            depth = const(typ.limit) if given is None else g.clamp(g.scalar(given), typ.limit)
            _collect(g, typ, place.ptr, depth)
        return place

    return Entry(name, (0, 2), check, emit)


def _collect(g: Gen, typ: Stack, value: Any, depth: Any) -> None:
    """Read the stack, note its frames under their hash, and write {id, frames, pid} to ``value``."""
    if typ.limit == 0:
        g.zero(value, 16)
        return
    area = -(-g.mod.stack_area() // BLOCK) * BLOCK
    frames = g.bytes(8 * area)
    g.zero(frames, 8 * area)
    flags = USER_STACK if typ.user else 0
    size = g.helper("get_stack", g.ctx, frames, g.b.shl(depth, const(3)), flags)
    size = g.clamp(size, 8 * typ.limit)
    count = g.b.lshr(size, const(3))
    key = g.bytes(16)
    g.b.store(_hash(g, frames, count, typ.limit), key)
    g.b.store(g.b.trunc(count, I32), g.offset(key, 8), align=4)
    g.b.store(ir.Constant(I32, int(typ.user)), g.offset(key, 12), align=4)
    stacks = g.internal_map(MapRole.STACKS)
    known = g.helper_ptr("map_lookup_elem", stacks, key)

    def add() -> None:
        result = g.helper("map_update_elem", stacks, key, frames, 0)
        g.when(g.b.icmp_signed("!=", result, const(0)), lambda: g.count_loss(STACK_LOST))

    g.when(g.is_null(known), add)
    g.b.store(g.b.load(key, typ=I64), value)
    g.b.store(g.b.load(g.offset(key, 8), align=4, typ=I32), g.offset(value, 8), align=4)
    pid = g.b.lshr(g.helper("get_current_pid_tgid"), const(32)) if typ.user else const(0)
    g.b.store(g.b.trunc(pid, I32), g.offset(value, 12), align=4)


def _hash(g: Gen, frames: Any, count: Any, limit: int) -> Any:
    """Mix the frames one after the other (multiply and rotate); a bounded loop (5.3).

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
    mixed = g.b.mul(g.b.xor(g.b.load(cell, typ=I64), frame), const(PRIME))
    g.b.store(g.b.or_(g.b.shl(mixed, const(29)), g.b.lshr(mixed, const(35))), cell)


ENTRIES = (_stack("kstack", False), _stack("ustack", True))
