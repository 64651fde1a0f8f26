"""C declarations of the kernel types that a script's C section names but does not define.

They have the size and alignment that the kernel pack says and no content: the compiler lays structs out around them,
and whoever looks such a type up afterwards gets the kernel's own definition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .cscan import Scan
from .sizes import type_alignment, type_size
from .types import CInt, CPtr, CRef, TypeTable, strip_typedefs

_TAGGED = re.compile(r"\b(struct|union|enum)\s+([A-Za-z_]\w*)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|^\s*#\s*include.*?$', re.S | re.M)
_INTEGERS = {1: "char", 2: "short", 4: "int", 8: "long long", 16: "__int128"}


@dataclass(slots=True)
class Borrowed:
    """Names that were taken from the kernel, and their declarations."""

    tags: set[str] = field(default_factory=set)
    typedefs: set[str] = field(default_factory=set)
    text: str = ""


def borrow_types(own_text: str, scan: Scan, kernel: TypeTable | None, whole: bool = True) -> Borrowed:
    """Declare what the text names, the preprocessed text does not define, and the kernel knows.

    Structs that are not ``whole`` can only be pointed to: as in bpftrace, where a script defines a struct of the
    kernel's itself.
    """
    borrowed = Borrowed()
    if kernel is None:
        return borrowed
    text = _LITERALS.sub(" ", own_text)
    tags = dict.fromkeys(f"{word} {name}" for word, name in _TAGGED.findall(text))
    words = dict.fromkeys(_WORD.findall(text))
    lines = [_declare_tag(tag, kernel, borrowed, whole) for tag in tags if tag not in scan.tags]
    known = scan.typedefs.keys() | scan.macros.keys() | scan.enumerators.keys()
    lines += [_declare_typedef(word, kernel, borrowed) for word in words if word not in known]
    borrowed.text = "".join(lines)
    return borrowed


def _declare_tag(tag: str, kernel: TypeTable, borrowed: Borrowed, whole: bool) -> str:
    if (struct := kernel.struct(tag)) is not None:
        borrowed.tags.add(tag)
        return f"{tag} {_opaque(struct.size, type_alignment(CRef(tag), kernel)) if whole else ''};\n"
    if (enum := kernel.enum(tag)) is not None:
        borrowed.tags.add(tag)
        least = min((value for _, value in enum.values), default=0)
        most = max((value for _, value in enum.values), default=0)
        name = "btaot_" + tag.partition(" ")[2]
        return f"{tag} {{ {name}_least = {least}, {name}_most = {most} }};\n"
    return ""


def _declare_typedef(name: str, kernel: TypeTable, borrowed: Borrowed) -> str:
    target = kernel.typedef(name)
    if target is None:
        return ""
    plain = strip_typedefs(target)
    if isinstance(plain, CInt) and plain.size in _INTEGERS:
        sign = "" if plain.is_char else "signed " if plain.signed else "unsigned "
        text = "_Bool" if plain.is_bool else sign + _INTEGERS[plain.size]
    elif isinstance(plain, CPtr):
        text = "void *"
    else:
        size = type_size(plain, kernel)
        if not size:
            return ""
        text = f"struct btaot_{name} {_opaque(size, type_alignment(plain, kernel))}"
    borrowed.typedefs.add(name)
    return f"typedef {text} {name};\n"


def _opaque(size: int, align: int) -> str:
    return f"{{ char btaot[{size}]; }} __attribute__((aligned({align})))"
