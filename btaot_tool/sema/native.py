"""Calls of C functions, imported or the kernel's (kfuncs): numbers and pointers go in, one of them comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..kernel.types import CFunc, CInt, CPtr, CRef, CType, CVoid, TypeTable, strip_typedefs
from ..syntax import tree
from .ctypes import from_c
from .types import Ptr, Space, Type, Unknown

if TYPE_CHECKING:
    from .checker import ExpressionChecker


#: How kernels name the functions that BPF programs may call; BTF has all functions, and says it of none before 6.9.
_KFUNC = re.compile(r"(bpf|scx_bpf|hid_bpf|crash_kexec)(_|$)")


def is_kfunc(name: str) -> bool:
    """Tell whether a name can be that of a kernel function which programs may call."""
    return _KFUNC.match(name) is not None


def find_function(imported: Mapping[str, CFunc], kernel: TypeTable, name: str) -> CFunc | None:
    """Return the function that a script calls by a name: an imported one, or one of the kernel."""
    return imported.get(name) or (kernel.function(name) if is_kfunc(name) else None)


def check_call(c: ExpressionChecker, node: tree.Call, function: CFunc) -> Type:
    """Return the type of a call of a C function."""
    for ctype in (function.result, *(ctype for _, ctype in function.params)):
        if not _is_plain(ctype):
            return c.error(
                node, f"{node.name}() cannot be called: only numbers and pointers can be passed and returned"
            )
    count = len(function.params)
    if len(node.args) != count:
        noun = "argument" if count == 1 else "arguments"
        return c.error(node, f"{node.name}() requires {count} {noun} ({len(node.args)} provided)")
    for arg, (_, ctype) in zip(node.args, function.params, strict=True):
        found = c.arg(arg)
        if isinstance(found, Unknown) or found.is_integer or isinstance(found, Ptr):
            continue
        hint = "pass its address: &$variable" if isinstance(strip_typedefs(ctype), CPtr) else ""
        c.error(arg, f"{node.name}() expects a number or a pointer here ({found} provided)", hint)
    return from_c(function.result, c.table, c.space if node.name in c.functions else Space.KERNEL)


def _is_plain(ctype: CType) -> bool:
    plain = strip_typedefs(ctype)
    return isinstance(plain, CInt | CPtr | CVoid) or (isinstance(plain, CRef) and plain.name.startswith("enum "))
