"""Types of a program as C types of the compiler: structs, unions, enums and typedefs by name, from its entries.

A type's name in the compiler is "struct NAME from PROGRAM" (``ORIGIN``): programs and the kernel may each have their
own ``struct file``.  Units that define the same struct share one name; another of the same name but another size is
"struct NAME___2", and so on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..kernel.types import (
    ORIGIN,
    CArray,
    CEnum,
    CFloat,
    CFunc,
    CInt,
    CPtr,
    CRef,
    CStruct,
    CType,
    CTypedef,
    CVoid,
    Member,
)
from .forms import At, Form, Tag
from .names import find_named
from .reader import Die, Info, uleb

_FLOATS = frozenset({0x03, 0x04, 0x09, 0x0F, 0x80})  # encodings: complex_float, float, imaginary_float, decimal_float
_SIGNED = frozenset({0x05, 0x06, 0x0D})  # signed, signed_char, signed_fixed
_BOOLEAN = 0x02
_DEEPEST = 64  # typedefs and qualifiers of a type: more are a circle, which only damage makes
_BY_REFERENCE = 0x04  # DW_CC_pass_by_reference
_QUALIFIERS = frozenset({Tag.CONST, Tag.VOLATILE, Tag.RESTRICT, Tag.ATOMIC, Tag.IMMUTABLE, Tag.PACKED})
_POINTERS = frozenset({Tag.POINTER, Tag.REFERENCE, Tag.RVALUE_REFERENCE})
_CLASSES = frozenset({Tag.STRUCTURE, Tag.CLASS})
_TAGS = {"struct": _CLASSES, "union": frozenset({Tag.UNION}), "enum": frozenset({Tag.ENUMERATION})}


class ProgramTypes:
    """The types of one program; ``origin`` is its name."""

    def __init__(self, infos: list[Info], origin: str) -> None:
        self._infos = infos
        self.origin = origin
        self._names: dict[Die, str] = {}  # definitions and declarations
        self._definitions: dict[str, Die | None] = {}
        self._structs: dict[str, CStruct] = {}
        self._found: dict[tuple[str, str], Die | None] = {}

    # ---- by name

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union by a name that ``convert`` gave, or a plain "struct x"."""
        full = self._full(name)
        if full is None or full.startswith("enum "):
            return None
        if full not in self._structs:
            die = self._definition(full)
            if die is None:
                return None
            self._structs[full] = self._build_struct(full, die)
        return self._structs[full]

    def enum(self, name: str) -> CEnum | None:
        """Return the enum, as ``struct``."""
        full = self._full(name)
        die = self._definition(full) if full and full.startswith("enum ") else None
        return self._build_enum(full, die) if full and die else None

    def typedef(self, name: str) -> CType | None:
        """Return what a typedef stands for."""
        die = self._find("typedef", name, frozenset({Tag.TYPEDEF}))
        return self.convert(die.reference(At.TYPE)) if die else None

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum."""
        die = self._find("enumerator", name, frozenset({Tag.ENUMERATOR}))
        if die is None:
            return None
        for owner in die.unit.entries(frozenset({Tag.ENUMERATION})):
            if any(child == die for child in owner.children()):
                enum = self.enum(self._name(owner, "enum"))
                values = dict(enum.values) if enum else {}
                return (enum, values[name]) if enum and name in values else None
        return None

    def constant(self, name: str) -> int | None:
        """Return nothing: macros are not in the debug information."""
        return None

    def function(self, name: str) -> CFunc | None:
        """Return nothing: these are no kernel functions."""
        return None

    def passed_by_reference(self, name: str) -> bool:
        """Whether C++ hands objects of a class over by their address: they have a copy constructor or destructor."""
        die = self._definition(name)
        if die is None:
            return False
        convention = die.number(At.CALLING_CONVENTION)
        return convention == _BY_REFERENCE if convention is not None else _copies_by_call(die)

    def _full(self, name: str) -> str | None:
        if ORIGIN in name:
            return name if name.endswith(ORIGIN + self.origin) else None
        word, _, tag = name.partition(" ")
        if word not in _TAGS or not tag:
            return None
        die = self._find(word, tag, _TAGS[word])
        return self._name(die, word) if die else None

    def _find(self, kind: str, name: str, tags: frozenset[int]) -> Die | None:
        """Return the first definition of a name."""
        key = (kind, name)
        if key not in self._found:
            self._found[key] = next(
                (die for info in self._infos for die in find_named(info, name, tags) if not die.flag(At.DECLARATION)),
                None,
            )
        return self._found[key]

    # ---- by entry

    def convert(self, die: Die | None) -> CType:
        """Return the type that an entry stands for; none is void."""
        if die is None:
            return CVoid()
        tag = die.tag
        if tag in _QUALIFIERS:
            return self.convert(die.reference(At.TYPE))
        if tag in _POINTERS:
            return CPtr(self._pointee(die.reference(At.TYPE)))
        if tag == Tag.TYPEDEF:
            return CTypedef(die.text(At.NAME), self.convert(die.reference(At.TYPE)))
        if tag == Tag.BASE_TYPE:
            return _base_type(die)
        if tag == Tag.ARRAY:
            return self._array(die)
        if tag in _CLASSES or tag in (Tag.UNION, Tag.ENUMERATION):
            word = next(word for word, tags in _TAGS.items() if tag in tags)
            return CRef(self._name(die, word))
        if tag == Tag.POINTER_TO_MEMBER:
            return _words(die.number(At.BYTE_SIZE) or die.unit.address_size)
        if tag == Tag.UNSPECIFIED_TYPE:
            return CPtr(CVoid()) if die.text(At.NAME) == "decltype(nullptr)" else CVoid()
        if tag == Tag.SUBRANGE:
            return self.convert(die.reference(At.TYPE))
        return CVoid()

    def _pointee(self, die: Die | None) -> CType:
        if die is not None and die.tag == 0x15:  # DW_TAG_subroutine_type
            return CFunc(CVoid(), ())
        return self.convert(die)

    def _array(self, die: Die) -> CType:
        elem = self.convert(die.reference(At.TYPE))
        if isinstance(elem, CInt) and elem.size == 1:  # not behind a typedef: text, as bpftrace has it
            elem = replace(elem, is_char=not elem.is_bool)
        for dimension in reversed([child for child in die.children() if child.tag == Tag.SUBRANGE]):
            count = dimension.number(At.COUNT)
            bound = dimension.number(At.UPPER_BOUND)
            if count is None:
                count = 0 if bound is None else bound + 1
            elem = CArray(elem, count if 0 <= count < 1 << 31 else 0)
        return elem

    def _name(self, die: Die, word: str) -> str:
        """Return the compiler's name of a struct, union or enum."""
        die = die.reference(At.SIGNATURE) or die  # in a unit of its own
        if die not in self._names:
            text = die.text(At.NAME) or f"(anon {die.offset:x})"
            declaration = die.flag(At.DECLARATION)
            rank, name = 1, f"{word} {text}{ORIGIN}{self.origin}"
            while not declaration and (known := self._definitions.get(name)) and not _alike(known, die):
                rank += 1
                name = f"{word} {text}___{rank}{ORIGIN}{self.origin}"
            self._names[die] = name
            if not declaration:
                self._definitions.setdefault(name, die)
        return self._names[die]

    def _definition(self, full: str) -> Die | None:
        """Return the entry that defines a type; one that was only declared where it was met is looked for."""
        if full not in self._definitions:
            word, _, rest = full.partition(" ")
            self._definitions[full] = self._find(word, rest.partition(ORIGIN)[0], _TAGS[word])
        return self._definitions[full]

    def _build_struct(self, name: str, die: Die) -> CStruct:
        members = tuple(self._members(die))
        return CStruct(name, die.number(At.BYTE_SIZE) or 0, members, die.tag == Tag.UNION, kernel=False)

    def _members(self, die: Die) -> Iterator[Member]:
        for child in die.children():
            if child.tag not in (Tag.MEMBER, Tag.INHERITANCE) or child.flag(At.DECLARATION):
                continue
            bits = _bit_offset(child)
            if bits is None:
                continue  # a base class whose place is known at run time only
            name = "" if child.tag == Tag.INHERITANCE else child.text(At.NAME)
            size = child.number(At.BIT_SIZE) or 0
            yield Member(name, self.convert(child.reference(At.TYPE)), bits, size)

    def _build_enum(self, name: str, die: Die) -> CEnum:
        values = []
        for child in die.children():
            value = child.attrs.get(At.CONST_VALUE, (0, None))[1]
            if child.tag == Tag.ENUMERATOR and isinstance(value, int):
                values.append((child.text(At.NAME), value))
        size = die.number(At.BYTE_SIZE) or 4
        base = die.reference(At.TYPE)
        signed = any(value < 0 for _, value in values)
        if base is not None:
            signed |= self._is_signed(base)
        return CEnum(name, size, signed, tuple(values))

    @staticmethod
    def _is_signed(die: Die) -> bool:
        return any(inner.number(At.ENCODING) in _SIGNED for inner in _behind(die))


def _base_type(die: Die) -> CType:
    size, encoding, name = die.number(At.BYTE_SIZE) or 0, die.number(At.ENCODING), die.text(At.NAME)
    if encoding in _FLOATS:
        return CFloat(size, name)
    if size not in (1, 2, 4, 8):
        return _words(size, name)
    return CInt(size, encoding in _SIGNED, encoding == _BOOLEAN, name=name)


def _words(size: int, name: str = "") -> CType:
    """Return the type of what the language has no number for: a number of 8 bytes, or an array of such."""
    word = CInt(8, False, name=name)
    return word if size <= 8 else CArray(word, size // 8)


def _bit_offset(die: Die) -> int | None:
    """Return where a member begins, in bits; None if that is no constant."""
    bits = die.number(At.DATA_BIT_OFFSET)
    if bits is not None:
        return bits
    place = die.attrs.get(At.DATA_MEMBER_LOCATION, (Form.DATA1, 0))[1]
    if isinstance(place, bytes):
        if not place or place[0] != 0x23:  # DW_OP_plus_uconst, as DWARF 2 wrote it
            return None
        place = uleb(place, 1)[0]
    width, high = die.number(At.BIT_SIZE), die.number(At.BIT_OFFSET)
    if width is None or high is None:
        return place * 8
    unit = die.number(At.BYTE_SIZE) or _size_of_type(die)  # counted from the high end of the unit until DWARF 3
    return place * 8 + (unit * 8 - high - width if die.unit.info.little_endian else high)


def _size_of_type(die: Die) -> int:
    return next((size for inner in _behind(die) if inner != die and (size := inner.number(At.BYTE_SIZE))), 4)


def _behind(die: Die) -> Iterator[Die]:
    """Yield an entry, its type, the type of that, and so on."""
    inner: Die | None = die
    for _ in range(_DEEPEST):
        if inner is None:
            return
        yield inner
        inner = inner.reference(At.TYPE)


def _alike(a: Die, b: Die) -> bool:
    """Whether two definitions of one name may be the same type."""
    return a == b or (bool(a.text(At.NAME)) and a.number(At.BYTE_SIZE) == b.number(At.BYTE_SIZE))


def _copies_by_call(die: Die) -> bool:
    """Guess, without the attribute of DWARF 5, whether a class has a destructor or copy constructor of its own."""
    name = die.text(At.NAME).partition("<")[0]
    for child in die.children():
        if child.tag != Tag.SUBPROGRAM or child.number(At.DEFAULTED):
            continue
        called = child.text(At.NAME)
        if called == f"~{name}":
            return True
        if called == name and _takes_reference_to(child, die):
            return True
    return False


def _takes_reference_to(method: Die, owner: Die) -> bool:
    params = [child for child in method.children() if child.tag == Tag.PARAMETER]
    if len(params) != 2:
        return False
    kind = params[1].reference(At.TYPE)
    if kind is None or kind.tag not in (Tag.REFERENCE, Tag.RVALUE_REFERENCE):
        return False
    return any(target == owner for target in _behind(kind))
