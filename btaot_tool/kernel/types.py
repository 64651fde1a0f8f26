"""The C type model: what BTF, DWARF and C definitions are read into.

Types are immutable and refer to structs, unions and enums by tag name through a ``TypeTable``, so that
recursive types need no cycles.  Sizes and offsets are those of the source (a kernel pack, a C definition);
for kernel types the compiler uses them only to know kinds and the layout of values that it copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

#: Between the name of a user program's type and the program: "struct file from /usr/bin/x" is not the kernel's.
ORIGIN = " from "


@dataclass(frozen=True, slots=True)
class CType:
    """Base of C types."""


@dataclass(frozen=True, slots=True)
class CVoid(CType):
    """void."""


@dataclass(frozen=True, slots=True)
class CInt(CType):
    """``size`` in bytes; ``name`` as the source has it ("unsigned int"), "" if not known."""

    size: int
    signed: bool
    is_bool: bool = False
    is_char: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class CFloat(CType):
    """A floating-point number; ``size`` in bytes."""

    """A floating-point number; the language has none, so it is read as bytes."""

    size: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class CPtr(CType):
    """``tags``: btf_type_tag values such as "user", "percpu", "rcu"."""

    target: CType
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CArray(CType):
    """``count`` elements, one after the other; 0 for a flexible array."""

    """An array of ``count`` elements; 0 for a flexible one."""

    elem: CType
    count: int


@dataclass(frozen=True, slots=True)
class CRef(CType):
    """A struct, union or enum by name: "struct task_struct", "union x", "enum pid_type".

    Anonymous types have generated names that are unique in their table ("struct (anon 12)").
    """

    name: str


@dataclass(frozen=True, slots=True)
class CTypedef(CType):
    """Another name for a type."""

    """Another name of a type."""

    name: str
    target: CType


@dataclass(frozen=True, slots=True)
class CFunc(CType):
    """A function prototype; parameter names may be ""."""

    result: CType
    params: tuple[tuple[str, CType], ...]
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """``bit_offset`` from the start of the struct; ``bit_size`` is 0 unless it is a bitfield.

    ``name`` is "" for anonymous members.
    """

    name: str
    type: CType
    bit_offset: int
    bit_size: int = 0


@dataclass(frozen=True, slots=True)
class CStruct:
    """Definition of a struct or union; ``name`` as in CRef; ``size`` in bytes."""

    name: str
    size: int
    members: tuple[Member, ...]
    is_union: bool = False
    kernel: bool = True  # from BTF of a kernel: accesses are relocated (CO-RE)
    kernels: CStruct | None = None  # beside a script's definition: the kernel's, for what lies in the kernel's memory


@dataclass(frozen=True, slots=True)
class CEnum:
    """Definition of an enum; enumerators in their order.  ``varying`` are those that kernels may number differently."""

    name: str
    size: int
    signed: bool
    values: tuple[tuple[str, int], ...]
    varying: frozenset[str] = field(default=frozenset(), compare=False)


class TypeTable(Protocol):
    """Looks up definitions by name; implemented by kernel packs and C definitions."""

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x")."""

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x")."""

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum."""

    def constant(self, name: str) -> int | None:
        """Return the value of an integer macro (``AF_INET``)."""

    def function(self, name: str) -> CFunc | None:
        """Return the prototype of a kernel function."""


@dataclass(frozen=True, slots=True)
class TracepointField:
    """One field of a tracepoint's format file.

    ``type`` is the declaration's C type text without array suffix ("unsigned int", "const char *");
    ``count`` the array length (0: no array); ``form`` is "inline", "data_loc" or "rel_loc".
    """

    name: str
    type: str
    offset: int
    size: int
    signed: bool
    count: int = 0
    form: str = "inline"


@dataclass(frozen=True, slots=True)
class Tracepoint:
    """A tracepoint of a kernel; ``fields`` without the common_* ones."""

    category: str
    name: str
    fields: tuple[TracepointField, ...]


class Kernel(TypeTable, Protocol):
    """What the compiler knows of kernels: one kernel pack, or several merged."""

    def tracepoint(self, category: str, name: str) -> Tracepoint | None:
        """Return the format of a tracepoint."""

    def tracepoints(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all tracepoints by category."""

    def raw_tracepoint(self, name: str) -> CFunc | None:
        """Return the prototype of the raw tracepoint (from ``btf_trace_NAME``), without its first parameter."""

    def identity(self) -> str:
        """Return name and digest: enters build signatures."""


def strip_typedefs(ctype: CType) -> CType:
    """Return the type behind all typedefs."""
    while isinstance(ctype, CTypedef):
        ctype = ctype.target
    return ctype
