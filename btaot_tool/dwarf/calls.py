"""Where the calling convention of a target puts the parameters of a function when it is entered.

eBPF programs see the integer registers and the stack, not the floating-point registers: what lies there is named, so
that the compiler can say why it cannot be read.  One class for each architecture; ``CONVENTIONS`` is the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..kernel.sizes import type_alignment, type_size
from ..kernel.types import CArray, CFloat, CInt, CRef, CType, TypeTable, strip_typedefs

WORD = 8
WIDE = ("__int128", "unsigned __int128", "__int128 unsigned")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parameter is: in integer registers (by their number among the arguments), each holding a word of it;
    or ``stack`` bytes above the stack pointer.  With ``reference`` the address is there instead.
    ``unreadable`` says why a program cannot have it."""

    registers: tuple[int, ...] = ()
    stack: int | None = None
    reference: bool = False
    unreadable: str = ""


FLOAT = Place(unreadable="it is passed in a floating-point register, which eBPF programs cannot read")


@dataclass
class _Convention:
    """State while the parameters of one function are placed, one after the other."""

    table: TypeTable
    by_reference: Callable[[str], bool]  # C++ classes that are passed by address
    integers: int = 0  # registers used
    floats: int = 0
    stack: int = 0  # bytes used

    def place(self, ctype: CType) -> Place:
        """Return where the next parameter is."""
        raise NotImplementedError

    def result(self, ctype: CType) -> None:
        """Take note of what the function returns: it may take a register."""

    def size(self, ctype: CType) -> int:
        """Bytes of a type."""
        return type_size(ctype, self.table)

    def alignment(self, ctype: CType) -> int:
        """Alignment of a type; numbers of 16 bytes are arrays to the compiler."""
        plain = strip_typedefs(ctype)
        if isinstance(plain, CArray) and isinstance(plain.elem, CInt) and plain.elem.name.startswith(WIDE):
            return 16
        return type_alignment(ctype, self.table)

    def by_address(self, ctype: CType) -> bool:
        """Whether the type is a C++ class that is passed by address."""
        plain = strip_typedefs(ctype)
        return isinstance(plain, CRef) and not plain.name.startswith("enum ") and self.by_reference(plain.name)

    def parts(self, ctype: CType, offset: int = 0) -> Iterator[tuple[int, CType]]:
        """Yield the numbers and pointers that a type is made of, and where they lie in it."""
        plain = strip_typedefs(ctype)
        if isinstance(plain, CArray):
            for index in range(plain.count):
                yield from self.parts(plain.elem, offset + index * self.size(plain.elem))
            return
        struct = self.table.struct(plain.name) if isinstance(plain, CRef) else None
        if struct is None:
            yield offset, plain
            return
        for member in struct.members:
            ctype = CInt(1, False) if member.bit_size else member.type
            yield from self.parts(ctype, offset + member.bit_offset // 8)

    def on_stack(self, ctype: CType) -> Place:
        """Take the next bytes of the stack."""
        align = max(WORD, min(16, self.alignment(ctype)))
        self.stack = _round_up(self.stack, align)
        place = Place(stack=self.stack + self.first_on_stack)
        self.stack += _round_up(self.size(ctype), WORD)
        return place

    first_on_stack = 0  # bytes from the stack pointer to the first parameter


class SysV(_Convention):
    """x86_64: six registers; what has more than two words, or does not fit the registers left, is on the stack."""

    first_on_stack = 8  # the return address

    def result(self, ctype: CType) -> None:
        """A large result has its place from the caller, whose address comes first."""
        if self.by_address(ctype) or self._classes(ctype) is None:
            self.integers += 1

    def place(self, ctype: CType) -> Place:
        """Each word is of the class INTEGER or SSE; None stands for MEMORY."""
        if self.by_address(ctype):
            return _as_reference(self._integers(1) or self.on_stack(CArray(CFloat(1), WORD)))
        if not self.size(ctype):
            return Place(unreadable="it is empty")
        classes = self._classes(ctype)
        if classes is None:
            return self.on_stack(ctype)
        integers, floats = classes.count(False), classes.count(True)
        if self.integers + integers > 6 or self.floats + floats > 8:
            return self.on_stack(ctype)
        self.floats += floats
        found = self._integers(integers)
        return FLOAT if floats or found is None else found

    def _integers(self, count: int) -> Place | None:
        if not count or self.integers + count > 6:
            return None
        self.integers += count
        return Place(registers=tuple(range(self.integers - count, self.integers)))

    def _classes(self, ctype: CType) -> list[bool] | None:
        """Return for each word whether it is of floating point only; None for what is passed in memory."""
        size = self.size(ctype)
        if size > 2 * WORD:
            return None
        words: list[bool | None] = [None] * (-(-size // WORD))
        for offset, part in self.parts(ctype):
            length = self.size(part)
            if isinstance(part, CFloat) and part.name == "long double":
                return None
            if length and offset % min(length, WORD):
                return None  # packed
            for word in range(offset // WORD, min(len(words), -(-(offset + length) // WORD))):
                words[word] = isinstance(part, CFloat) and words[word] is not False
        return [bool(word) for word in words]


class Aapcs64(_Convention):
    """aarch64: eight registers; what has more than two words is passed by address."""

    def place(self, ctype: CType) -> Place:
        """Structs of up to four equal floating-point numbers are in floating-point registers."""
        size = self.size(ctype)
        if self.by_address(ctype):
            return _as_reference(self._integers(1, WORD) or self.on_stack(CArray(CFloat(1), WORD)))
        if not size:
            return Place(unreadable="it is empty")
        count = self._homogeneous(ctype)
        if count:
            if self.floats + count > 8:
                self.floats = 8
                return self.on_stack(ctype)
            self.floats += count
            return FLOAT
        if size > 2 * WORD:
            return _as_reference(self._integers(1, WORD) or self.on_stack(CArray(CFloat(1), WORD)))
        found = self._integers(-(-size // WORD), self.alignment(ctype))
        if found is None:
            self.integers = 8
        return found or self.on_stack(ctype)

    def _integers(self, count: int, align: int) -> Place | None:
        first = _round_up(self.integers, 2) if align > WORD else self.integers
        if first + count > 8:
            return None
        self.integers = first + count
        return Place(registers=tuple(range(first, self.integers)))

    def _homogeneous(self, ctype: CType) -> int:
        """Return of how many equal floating-point numbers a type consists; 0 if it is something else."""
        parts = [part for _, part in self.parts(ctype)] if self.size(ctype) <= 64 else []
        equal = all(isinstance(part, CFloat) and self.size(part) == self.size(parts[0]) for part in parts)
        return len(parts) if equal and len(parts) <= 4 else 0


CONVENTIONS: dict[str, type[_Convention]] = {"x86_64": SysV, "aarch64": Aapcs64}


def place_parameters(
    target: str, result: CType, params: Sequence[CType], table: TypeTable, by_reference: Callable[[str], bool]
) -> list[Place]:
    """Return where each parameter of a function is when it is entered."""
    convention = CONVENTIONS[target](table, by_reference)
    convention.result(result)
    return [convention.place(ctype) for ctype in params]


def _as_reference(place: Place) -> Place:
    return Place(place.registers, place.stack, reference=True)


def _round_up(number: int, step: int) -> int:
    return -(-number // step) * step


__all__ = ["CONVENTIONS", "Place", "place_parameters"]
