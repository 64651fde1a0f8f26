"""Addresses and names: ksym, usym, kaddr, uaddr, cgroupid."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I32, const
from ..codegen.values import Memory, Scalar, Value
from ..diagnostics import Stage
from ..dwarf.reader import DwarfError
from ..payload.layout import Feature, ProbeKind, SymbolKind
from ..sema.types import KSYM, UINT64, USYM, Int, Ptr, Space, Type, Unknown
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry
from .context import instance
from .identity import namespace_id
from .stacks import note_address

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

_SYMBOL = re.compile(r"[a-zA-Z0-9./_-]+")
USER_PROBES = frozenset({ProbeKind.UPROBE, ProbeKind.URETPROBE, ProbeKind.USDT})


def _address(c: Checker, name: str, node: tree.Expr, args: list[Arg]) -> bool:
    found = c.arg(args[0])
    if found.is_integer or isinstance(found, (Ptr, Unknown)):
        return True
    c.error(node, f"{name}() expects an integer or pointer argument")
    return False


def _check_ksym(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return KSYM if _address(c, "ksym", node, args) else Unknown()


def _emit_ksym(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.Expr)
    return Scalar(KSYM, g.scalar(args[0]))


def _check_usym(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    return USYM if _address(c, "usym", node, args) else Unknown()


def _emit_usym(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    assert isinstance(args[0], tree.Expr)
    address = g.scalar(args[0])
    place = g.destination(node, USYM)
    note_address(g, address, store_user_symbol(g, place, address))
    return place


def store_user_symbol(g: Gen, place: Memory, address: Any) -> Any:
    """Write an address of the current process with what its name needs; returns the process."""
    g.b.store(address, place.ptr)
    pid = namespace_id(g)
    g.b.store(g.b.trunc(pid, I32), g.offset(place.ptr, 8), align=4)
    probe = instance(g) if g.template.probe.kind in USER_PROBES else const(0)
    g.b.store(g.b.trunc(probe, I32), g.offset(place.ptr, 12), align=4)
    return pid


def check_name(c: Checker, node: tree.Expr, arg: Arg, call: str, message: str = "") -> str | None:
    """Return the name that a call is given, a literal or (as ``$1``) the text of a parameter; None after an error."""
    return c.given_text(arg) or c.literal_str(node, arg, call, message)


def name_of(arg: Arg) -> str:
    """Return the operand of a load-time symbol for a name that was checked."""
    if isinstance(arg, tree.Call):
        parameter = arg.args[0]
        assert isinstance(parameter, tree.Positional)
        return f"${parameter.index}"
    assert isinstance(arg, tree.StringLiteral)
    return arg.value


def _check_kaddr(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    check_name(c, node, args[0], "kaddr")
    return UINT64


def _emit_kaddr(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return Scalar(UINT64, g.symbol(Symbol(SymbolKind.KADDR, name_of(args[0])), node))


def program_counter(g: Gen) -> Any:
    """Return where the context says that the probe is."""
    return g.context_load(Symbol(SymbolKind.REG, "func"))


def user_function(g: Gen) -> Any:
    """Return the address of a user probe; 0 on return where the kernel has no helper for it."""
    if g.template.probe.kind is not ProbeKind.URETPROBE:
        return program_counter(g)
    return g.choose(g.has(Feature.GET_FUNC_IP), lambda: g.helper("get_func_ip", g.ctx), lambda: const(0))


def _check_uaddr(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    if c.template.probe.kind not in USER_PROBES:
        return c.error(
            node, f'{_written(node)} can not be used with "{c.template.probe.name}" probes', stage=Stage.SHAPE
        )
    message = f"{_written(node)}() expects a string literal as the first argument"
    name = check_name(c, node, args[0], "uaddr", message)
    if name is not None and not (name.startswith("$") or _SYMBOL.fullmatch(name)):
        valid = f"a valid symbol (^{_SYMBOL.pattern}$)"
        return c.error(
            node, f'{_written(node)}() expects a string that is {valid} as input ("{name}" provided)', stage=Stage.SHAPE
        )
    return Ptr(Int(_variable_size(c, name), False), Space.USER)


def _variable_size(c: Checker, name: str | None) -> int:
    """The size of a variable of the program that this machine has, if it is that of a smaller integer; else 8."""
    size = 0
    with contextlib.suppress(DwarfError):
        program = c.programs.find(c.template.args.target) if c.programs else None
        size = program.elf.object_size(name) if program and name else 0
    return size if size in (1, 2, 4) else 8


def _written(node: tree.Expr) -> str:
    return node.name if isinstance(node, tree.Call) else "uaddr"


def _emit_uaddr(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    """Where the probe is in the process tells where its file is there; on return only newer kernels know that (6.6)."""
    binary, name = g.template.args.target, name_of(args[0])
    probe = user_function(g)

    def near() -> Any:
        return g.b.add(probe, g.symbol(Symbol(SymbolKind.UADDR, binary, name, 1)))

    if g.template.probe.kind is not ProbeKind.URETPROBE:
        return Scalar(g.template.types[node], near())
    address = g.choose(g.truth(probe), near, lambda: g.symbol(Symbol(SymbolKind.UADDR, binary, name)))
    return Scalar(g.template.types[node], address)


def _check_cgroupid(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    check_name(c, node, args[0], "cgroupid")
    return UINT64


def _emit_cgroupid(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return Scalar(UINT64, g.symbol(Symbol(SymbolKind.CGROUP_ID, name_of(args[0]))))


ENTRIES = (
    Entry("ksym", (1, 1), _check_ksym, _emit_ksym),
    Entry("usym", (1, 1), _check_usym, _emit_usym),
    Entry("kaddr", (1, 1), _check_kaddr, _emit_kaddr),
    Entry("uaddr", (1, 1), _check_uaddr, _emit_uaddr),
    Entry("cgroupid", (1, 1), _check_cgroupid, _emit_cgroupid),
)
