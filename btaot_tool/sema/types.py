"""The types of the language and how their values lie in memory.

A *scalar* is held in a register and computed with as a 64-bit number; every other type lives in memory,
laid out the same in maps, events and on the stack.  Sizes are bytes.  Layouts never depend on the host.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import lru_cache

from ..kernel.types import ORIGIN
from ..payload.layout import StackMode, TypeKind


class Space(enum.Enum):
    """Address space of a pointer."""

    NONE = "none"
    KERNEL = "kernel"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Type:
    """Base of all types."""

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return 0

    @property
    def align(self) -> int:
        """Alignment in memory, bytes."""
        return min(8, self.size) or 1

    @property
    def is_scalar(self) -> bool:
        """Whether a value is held in a register."""
        return False

    @property
    def is_integer(self) -> bool:
        """Whether arithmetic is defined."""
        return False


@dataclass(frozen=True, slots=True)
class Unknown(Type):
    """Not inferred yet; expressions of it stay silent until the last round."""

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class Wrong(Unknown):
    """The type of what was refused, and said so: nothing more is said of what is made of it."""


@dataclass(frozen=True, slots=True)
class Void(Type):
    """No value; ``word`` is how bpftrace calls it."""

    word: str = field(default="void", compare=False)

    def __str__(self) -> str:
        return self.word


#: What blocks without a value and ``exit()`` have.
NOTHING = Void("none")


@dataclass(frozen=True, slots=True)
class Int(Type):
    """``flexible``: a literal that fits either sign."""

    bytes: int
    signed: bool
    flexible: bool = field(default=False, compare=False)

    @property
    def size(self) -> int:
        return self.bytes

    @property
    def is_scalar(self) -> bool:
        return True

    @property
    def is_integer(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bytes * 8}"


INT64 = Int(8, True)
UINT64 = Int(8, False)
INT32 = Int(4, True)
UINT32 = Int(4, False)
INT8 = Int(1, True)
UINT8 = Int(1, False)


@dataclass(frozen=True, slots=True)
class Bool(Type):
    """true or false; one byte."""

    @property
    def size(self) -> int:
        return 1

    @property
    def is_scalar(self) -> bool:
        return True

    @property
    def is_integer(self) -> bool:
        return True

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Enum(Type):
    """An integer with names; ``name`` as in "enum x".  Numbers of ``varying`` names are the host's."""

    name: str
    bytes: int
    signed: bool
    values: tuple[tuple[str, int], ...] = field(default=(), compare=False, repr=False)
    varying: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @property
    def size(self) -> int:
        return self.bytes

    @property
    def is_scalar(self) -> bool:
        return True

    @property
    def is_integer(self) -> bool:
        return True

    def __str__(self) -> str:
        return self.name.partition(ORIGIN)[0]


@dataclass(frozen=True, slots=True)
class Ptr(Type):
    """A pointer; 8 bytes whatever the target."""

    target: Type
    space: Space = field(default=Space.NONE, compare=False)

    @property
    def size(self) -> int:
        return 8

    @property
    def is_scalar(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{self.target} *"


@dataclass(frozen=True, slots=True)
class Str(Type):
    """A string of at most ``size`` bytes, its NUL included.

    ``spare``: there is a byte more than scripts see (what ``str()`` reads may fill all of ``max_strlen``).
    """

    capacity: int
    spare: bool = field(default=False, compare=False)

    @property
    def size(self) -> int:
        return self.capacity

    @property
    def align(self) -> int:
        return 1

    def __str__(self) -> str:
        return f"string[{self.shown_size}]" if self.capacity else "string"

    @property
    def shown_size(self) -> int:
        """The size that scripts see, bytes."""
        return self.capacity - self.spare


@dataclass(frozen=True, slots=True)
class Buffer(Type):
    """A u32 length, then up to ``capacity`` bytes."""

    capacity: int

    @property
    def size(self) -> int:
        return 4 + self.capacity

    @property
    def align(self) -> int:
        return 4

    def __str__(self) -> str:
        return f"buffer[{self.size}]"


@dataclass(frozen=True, slots=True)
class Array(Type):
    """``count`` elements of one type."""

    elem: Type
    count: int

    @property
    def size(self) -> int:
        return self.elem.size * self.count

    @property
    def align(self) -> int:
        return self.elem.align

    def __str__(self) -> str:
        return f"{self.elem}[{self.count}]"


@dataclass(frozen=True, slots=True)
class Struct(Type):
    """A C struct or union; ``name`` as in "struct x".  Its members are looked up in the type table."""

    name: str
    bytes: int = field(compare=False)
    kernel: bool = field(default=True, compare=False)
    space: Space = field(default=Space.NONE, compare=False)
    alignment: int = field(default=8, compare=False)

    @property
    def size(self) -> int:
        return self.bytes

    @property
    def align(self) -> int:
        return self.alignment

    def __str__(self) -> str:
        return self.name.partition(ORIGIN)[0]


@lru_cache(maxsize=4096)  # nested tuples ask for the places of their parts again and again
def _place(types: tuple[Type, ...]) -> tuple[tuple[int, ...], int, int]:
    """Return the offsets, the padded size and the alignment of members laid out one after the other."""
    offsets, end, align = [], 0, 1
    for t in types:
        end = (end + t.align - 1) // t.align * t.align
        offsets.append(end)
        end += t.size
        align = max(align, t.align)
    return tuple(offsets), (end + align - 1) // align * align, align


@dataclass(frozen=True, slots=True)
class Items(Type):
    """Several values side by side, laid out like a C struct: the common part of tuples and records."""

    items: tuple[Type, ...]

    @property
    def size(self) -> int:
        return _place(self.items)[1]

    @property
    def align(self) -> int:
        return _place(self.items)[2]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Byte offset of each item."""
        return _place(self.items)[0]


@dataclass(frozen=True, slots=True)
class Tuple(Items):
    """Values without names."""

    def __str__(self) -> str:
        return f"({','.join(map(str, self.items))})"


@dataclass(frozen=True, slots=True)
class Record(Items):
    """Values with names."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"record {{ {', '.join(f'.{n} = {t}' for n, t in zip(self.names, self.items, strict=True))} }}"


@dataclass(frozen=True, slots=True)
class Opaque(Type):
    """A value that only the runtime understands: printed, compared as bytes, used as key.

    ``word`` is how bpftrace calls it.  A size of at most 8 does not make it a scalar unless ``scalar``.
    """

    kind: TypeKind
    bytes: int
    word: str
    scalar: bool = False
    alignment: int = 8

    @property
    def size(self) -> int:
        return self.bytes

    @property
    def align(self) -> int:
        return self.alignment

    @property
    def is_scalar(self) -> bool:
        return self.scalar

    def __str__(self) -> str:
        return self.word


KSYM = Opaque(TypeKind.KSYM, 8, "ksym_t", scalar=True)
USYM = Opaque(TypeKind.USYM, 16, "usym_t")
TIMESTAMP = Opaque(TypeKind.TIMESTAMP, 16, "timestamp")
INET = Opaque(TypeKind.INET, 20, "inet", alignment=4)
MAC = Opaque(TypeKind.MAC, 8, "mac_address", scalar=False)
USERNAME = Opaque(TypeKind.USERNAME, 4, "username_t", scalar=True, alignment=4)
CGROUP_PATH = Opaque(TypeKind.CGROUP_PATH, 16, "cgroup_path_t")
PROBE_NAME = Opaque(TypeKind.PROBE_NAME, 4, "string", scalar=True, alignment=4)
PROBE_TEXT = Str(128)  # the name of a probe where a string is needed


@dataclass(frozen=True, slots=True)
class Stack(Type):
    """kstack or ustack: id, number of frames, pid."""

    user: bool
    mode: StackMode
    limit: int

    @property
    def size(self) -> int:
        return 16

    @property
    def align(self) -> int:
        return 8

    def __str__(self) -> str:
        return f"{'ustack' if self.user else 'kstack'}_{self.mode.name.lower()}_{self.limit}"


@dataclass(frozen=True, slots=True)
class Agg(Type):
    """What an aggregation keeps per CPU; ``params`` as the TypeKind's p0, p1, p2.

    ``given``: the positional parameter that gives each of these on the host, 0 where it is known.
    """

    kind: TypeKind
    signed: bool = field(default=True, compare=False)
    params: tuple[int, int, int] = (0, 0, 0)
    bytes: int = 8
    given: tuple[int, int, int] = (0, 0, 0)

    @property
    def size(self) -> int:
        return self.bytes

    @property
    def align(self) -> int:
        return 8

    @property
    def castable(self) -> bool:
        """Whether a read in the kernel gives one integer."""
        return self.kind in (TypeKind.COUNT, TypeKind.SUM, TypeKind.MIN, TypeKind.MAX, TypeKind.AVG)

    def __str__(self) -> str:
        signed = self.signed or self.kind not in (TypeKind.SUM, TypeKind.MIN, TypeKind.MAX, TypeKind.AVG)
        return f"{'' if signed else 'u'}{self.kind.name.lower()}_t"


_WORDS: tuple[tuple[type[Type], str], ...] = (
    (Bool, "bool"),
    (Str, "string"),
    (Ptr, "pointer"),
    (Array, "array"),
    (Struct, "c_type"),
    (Unknown, "none"),
)


def type_word(found: Type) -> str:
    """Return the kind of a type in one word, as messages and ``typeinfo`` tell it."""
    if isinstance(found, Int | Enum):
        return "int"
    if isinstance(found, Stack):
        return "ustack" if found.user else "kstack"
    if isinstance(found, Agg):
        return f"{found.kind.name.lower()}_t"
    if isinstance(found, Opaque | Void):
        return found.word
    return next((word for kind, word in _WORDS if isinstance(found, kind)), type(found).__name__.lower())


#: Types that only the language has, by the names that scripts may write.
NAMED_TYPES: dict[str, Type] = {
    "inet": INET,
    "username_t": USERNAME,
    "macaddr_t": MAC,
    "cgroup_path_t": CGROUP_PATH,
    **{
        f"{sign}{kind.name.lower()}_t": Agg(kind, signed=not sign)
        for kind in (TypeKind.COUNT, TypeKind.SUM, TypeKind.AVG, TypeKind.MIN, TypeKind.MAX, TypeKind.STATS)
        for sign in ("", "u")
    },
}
