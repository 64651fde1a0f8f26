"""A script's C definitions on top of a kernel: the one table in which the compiler looks names up.

What the script defines itself wins over everything.  What only a UAPI header defines comes after the kernel's own
definition: scripts include kernel headers, and of a structure that both know (``struct pt_regs``) they mean the
kernel's, which moreover is relocated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from .cdefs import CDefinitions
from .merged import named_members
from .types import CEnum, CFunc, CStruct, CType, Kernel, Tracepoint, TypeTable

_T = TypeVar("_T")


def essential_name(name: str) -> str:
    """Return the name of a type without its flavour: of ``struct task_struct___old``, ``struct task_struct``."""
    head, mark, _ = name.partition("___")
    return head if mark and not head.endswith(" ") else name


class ScriptKernel:
    """A ``Kernel`` as a script with a C section sees it."""

    def __init__(self, definitions: CDefinitions, kernel: Kernel) -> None:
        self.definitions = definitions
        self.kernel = kernel

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x")."""
        found = self._look(name, lambda table: table.struct(name))
        if found is None or found.kernel:
            return found
        kernels = self.kernel.struct(essential_name(name))
        # Old scripts define structs of the kernel themselves, as they were on one machine, or a part of them.  One
        # without a single member of the kernel's is another view of the same bytes.
        if kernels is not None and essential_name(name) == name and self._is_other_view(found, kernels):
            return found
        return replace(found, kernels=kernels)

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x")."""
        return self._look(name, lambda table: table.enum(name))

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""
        return self._look(name, lambda table: table.typedef(name))

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum."""
        return self._look(name, lambda table: table.enumerator(name))

    def constant(self, name: str) -> int | None:
        """Return the value of an integer macro."""
        return self._look(name, lambda table: table.constant(name))

    def function(self, name: str) -> CFunc | None:
        """Return the prototype of a kernel function."""
        return self.kernel.function(name)

    def tracepoint(self, category: str, name: str) -> Tracepoint | None:
        """Return the format of a tracepoint."""
        return self.kernel.tracepoint(category, name)

    def tracepoints(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all tracepoints by category."""
        return self.kernel.tracepoints()

    def raw_tracepoint(self, name: str) -> CFunc | None:
        """Return the prototype of the raw tracepoint, without its first parameter."""
        return self.kernel.raw_tracepoint(name)

    def identity(self) -> str:
        """Return the kernel's identity; the C definitions are part of the script."""
        return self.kernel.identity()

    def _is_other_view(self, own: CStruct, kernels: CStruct) -> bool:
        known = {member.name for member in named_members(self.kernel, kernels)}
        names = {member.name for member in named_members(self.definitions, own)}
        return bool(names) and names.isdisjoint(known)

    def _look(self, name: str, look: Callable[[TypeTable], _T | None]) -> _T | None:
        tables: list[TypeTable] = [self.kernel, self.definitions]
        if self.definitions.own(name):
            tables.reverse()
        for table in tables:
            found = look(table)
            if found is not None:
                return found
        return None
