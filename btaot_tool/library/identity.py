"""Who runs: pid, tid, uid, gid, username, comm, cgroup, cpu, numaid, curtask, rand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I32, I64, const, ir
from ..codegen.values import Scalar, Value
from ..diagnostics import Stage
from ..payload.layout import Feature, SessionFact
from ..sema.ctypes import struct_type
from ..sema.types import UINT32, UINT64, USERNAME, Ptr, Space, Str, Struct, Type
from ..symbols import session
from ..syntax import tree
from .base import Arg, Entry
from .simple import helper_entry, value_entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

COMM = Str(16)
_MODES = ("curr_ns", "init")


def namespace_id(g: Gen, shift: int = 32) -> Any:
    """Return pid (shift 32) or tid (shift 0) as the tracer's pid namespace sees it.

    bpf_get_ns_current_pid_tgid fills struct bpf_pidns_info { u32 pid, tgid }; in the initial namespace the
    session's inode is 0 and the plain helper is right.
    """
    plain = g.helper("get_current_pid_tgid")
    device, inode = g.symbol(session(SessionFact.PIDNS_DEV)), g.symbol(session(SessionFact.PIDNS_INO))

    def inside() -> Any:
        info = g.bytes(8)
        g.b.store(const(0), info)
        g.helper("get_ns_current_pid_tgid", device, inode, info, 8)
        return g.b.zext(g.b.load(g.offset(info, 4 if shift else 0), align=4, typ=I32), I64)

    def outside() -> Any:
        return g.b.lshr(plain, const(32)) if shift else g.b.and_(plain, const(0xFFFFFFFF))

    ours = g.b.and_(g.b.icmp_unsigned("!=", inode, const(0)), g.has(Feature.GET_NS_CURRENT_PID_TGID))
    return g.choose(ours, inside, outside)


def _process(name: str, shift: int) -> Entry:
    """Return pid or tid: in the tracer's pid namespace, or with ``init`` in the initial one."""

    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        if args and not isinstance(args[0], tree.Name):
            return c.error(node, f"{name}() only supports curr_ns and init as the argument", stage=Stage.SHAPE)
        if args and isinstance(args[0], tree.Name) and args[0].name not in _MODES:
            expects = f"(expects: {' or '.join(_MODES)})"
            return c.error(args[0], f"Invalid PID namespace mode: {args[0].name} {expects}", stage=Stage.SHAPE)
        return UINT32

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        if args and isinstance(args[0], tree.Name) and args[0].name == "init":
            plain = g.helper("get_current_pid_tgid")
            return Scalar(UINT32, g.b.lshr(plain, const(32)) if shift else g.b.and_(plain, const(0xFFFFFFFF)))
        return Scalar(UINT32, namespace_id(g, shift))

    return Entry(name, (0, 1), check, emit)


def _check_comm(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return COMM


def _emit_comm(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    place = g.destination(node, COMM)
    # Kernels before 6.2 leave junk behind the NUL, and a key must not hold any.
    g.zero(place.ptr, 16, place.align)
    g.helper("get_current_comm", place.ptr, 16)
    return place


def _curtask(g: Gen) -> Any:
    return g.helper("get_current_task")


def _check_curtask(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    name = "struct task_struct"
    return Ptr(struct_type(name, c.table, Space.KERNEL) or Struct(name, 0, True, Space.KERNEL), Space.KERNEL)


def _emit_curtask(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return Scalar(g.template.types[node], _curtask(g))


def _rand(g: Gen) -> Any:
    return g.b.and_(g.helper("get_prandom_u32"), ir.Constant(I64, 0xFFFFFFFF))


ENTRIES = (
    _process("pid", 32),
    _process("tid", 0),
    helper_entry("uid", UINT32, "get_current_uid_gid", mask=0xFFFFFFFF),
    helper_entry("gid", UINT32, "get_current_uid_gid", shift=32),
    helper_entry("username", USERNAME, "get_current_uid_gid", mask=0xFFFFFFFF),
    helper_entry("cgroup", UINT64, "get_current_cgroup_id"),
    helper_entry("cpu", UINT32, "get_smp_processor_id"),
    helper_entry("numaid", UINT32, "get_numa_node_id"),
    value_entry("rand", UINT32, _rand),
    Entry("comm", (0, 0), _check_comm, _emit_comm),
    Entry("curtask", (0, 0), _check_curtask, _emit_curtask),
)
