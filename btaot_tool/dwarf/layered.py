"""Types of user programs over those of the script and the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from ..kernel.layered import ScriptKernel
from ..kernel.types import ORIGIN, CEnum, CFunc, CStruct, CType, Kernel, Tracepoint, TypeTable
from .program import Program
from .programs import Programs, guarded

_T = TypeVar("_T")


class UserKernel:
    """A ``Kernel`` that knows the types of user programs by their full names ("struct x from /usr/bin/y").

    With ``target``, the program that a probe is in, plain names mean its types, too: after the script's own, before
    the kernel's.  ``used`` is the program once any was found: the payload then holds for this build of it only.
    """

    def __init__(self, table: Kernel, programs: Programs, target: str = "") -> None:
        self._table = table
        self._programs = programs
        self._target = target
        self.used: Program | None = None

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x")."""
        return self._look(name, lambda table: table.struct(name))

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x")."""
        return self._look(name, lambda table: table.enum(name))

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""
        return self._look(name, lambda table: table.typedef(name))

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum: the kernel's and its macros come first."""
        found = self._table.enumerator(name)
        if found is not None or self._table.constant(name) is not None:
            return found
        return self._look(name, lambda table: table.enumerator(name))

    def constant(self, name: str) -> int | None:
        """Return the value of an integer macro."""
        return self._table.constant(name)

    def function(self, name: str) -> CFunc | None:
        """Return the prototype of a kernel function."""
        return self._table.function(name)

    def tracepoint(self, category: str, name: str) -> Tracepoint | None:
        """Return the format of a tracepoint."""
        return self._table.tracepoint(category, name)

    def tracepoints(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all tracepoints by category."""
        return self._table.tracepoints()

    def raw_tracepoint(self, name: str) -> CFunc | None:
        """Return the prototype of the raw tracepoint, without its first parameter."""
        return self._table.raw_tracepoint(name)

    def identity(self) -> str:
        """Return the kernel's identity; user programs are dependencies of a build."""
        return self._table.identity()

    def _look(self, name: str, ask: Callable[[TypeTable], _T | None]) -> _T | None:
        if ORIGIN in name:
            types = self._programs.types(name)
            return ask(types) if types is not None else None
        if not (isinstance(self._table, ScriptKernel) and self._table.definitions.own(name)):
            program = self._programs.find(self._target)
            if program is not None and program.machine == self._programs.machine:
                found = guarded(lambda: ask(program.types), program)
                if found is not None:
                    self.used = program
                    return found
        return ask(self._table)
