"""The values of expressions while code is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..sema.types import Space, Type, Void


@dataclass(frozen=True, slots=True)
class Value:
    """Base: a value of a type."""

    type: Type


@dataclass(frozen=True, slots=True)
class Nothing(Value):
    """The value of a call that has none."""

    type: Type = Void()


@dataclass(frozen=True, slots=True)
class Scalar(Value):
    """A 64-bit register, sign- or zero-extended as the type says."""

    ir: Any


@dataclass(frozen=True, slots=True)
class Memory(Value):
    """Bytes that the program may read directly: stack, scratch, a map's value.  ``align`` in bytes."""

    ptr: Any
    align: int = 8


@dataclass(frozen=True, slots=True)
class Text(Value):
    """A string literal that was not put into memory yet."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Place(Value):
    """Memory of the kernel or a process that was not read yet.

    The address is ``base`` plus, if ``path`` is not empty, the host's offset of ``path`` in the type
    ``root`` (CO-RE), plus ``offset``.
    """

    base: Any
    space: Space
    root: str = ""
    path: str = ""
    offset: int = 0
    bits: tuple[int, int] = (0, 0)  # of a bitfield of a C definition: shift and width
