"""The headers that BPF C is written with: <bpf/bpf_helpers.h>, <bpf/bpf_core_read.h> and <vmlinux.h>.

The helpers' prototypes come from the comment of UAPI's <linux/bpf.h>, which the kernel itself makes its headers from.
vmlinux.h holds what a source names: its structs with all their members, of which those that the source does not name
are opaque, and the structs that named members lead to.  Accesses are relocated on the host (CO-RE).
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from .sizes import type_alignment, type_size
from .types import CArray, CEnum, CFloat, CFunc, CInt, CPtr, CRef, CStruct, CType, Kernel, Member, strip_typedefs

FOLDER = Path(__file__).parent / "include" / "bpf"

_WORD = re.compile(r"[A-Za-z_]\w*")
_PROTOTYPE = re.compile(r"^ \* ((?:const )?[A-Za-z_][\w ]*?[ *]+)bpf_(\w+)\((.*?)\)$", re.M)
_NUMBER = re.compile(r"^\s*FN\((\w+), (\d+), ##ctx\)", re.M)
_SHORT = re.compile(r"\b([us](?:8|16|32|64))\b")


def write_headers(directory: Path, uapi: Path, texts: list[str], kernel: Kernel) -> None:
    """Write the headers to a directory; ``uapi`` has <linux/bpf.h>, ``texts`` are the sources that include them."""
    (directory / "bpf").mkdir(parents=True, exist_ok=True)
    for path in sorted(FOLDER.glob("*.h")):
        (directory / "bpf" / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "bpf" / "bpf_helper_defs.h").write_text(_helpers(uapi / "linux" / "bpf.h"), encoding="utf-8")
    words = {word for text in texts for word in _WORD.findall(text)}
    (directory / "vmlinux.h").write_text(_Types(kernel, words).text(), encoding="utf-8")


@cache
def _helpers(header: Path) -> str:
    """Declare each helper as a constant pointer to a function at its number."""
    text = header.read_text(encoding="utf-8")
    numbers = dict(_NUMBER.findall(text))
    lines = ["#pragma once"]
    known: set[str] = set()
    for result, name, params in _PROTOTYPE.findall(text):
        if name not in numbers or name in known:
            continue
        known.add(name)
        params = params.replace("struct bpf_map *", "void *").replace("size_t", "unsigned long")
        params = _SHORT.sub(r"__\1", params)
        result = _SHORT.sub(r"__\1", result).strip()
        lines += [f"struct {tag};" for tag in re.findall(r"struct (\w+)", params + result)]
        lines.append(
            f"static {result} (*const bpf_{name})({params}) __attribute__((unused)) = (void *){numbers[name]};"
        )
    return "\n".join(dict.fromkeys(lines)) + "\n"


class _Types:
    """Writes the definitions of types, each after those that it needs."""

    def __init__(self, kernel: Kernel, words: set[str]) -> None:
        self._kernel = kernel
        self._words = words
        self._lines: list[str] = []
        self._declared: set[str] = set()
        self._begun: set[str] = set()
        self._later: list[str] = []

    def text(self) -> str:
        """Return the header."""
        for word in sorted(self._words):
            self._enumerator(word)
            target = self._kernel.typedef(word)
            if target is not None and word != "bool":
                self._lines.append(f"typedef {self._declare(target, word)};")
            for tag in (f"struct {word}", f"union {word}", f"enum {word}"):
                self._define(tag)
        while self._later:
            self._define(self._later.pop(0))
        head = [
            "#pragma once",
            "#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)",
            "typedef _Bool bool;",
            "enum { false, true };",
        ]
        return "\n".join([*head, *self._lines, "#pragma clang attribute pop"]) + "\n"

    def _enumerator(self, word: str) -> None:
        found = self._kernel.enumerator(word)
        if found is None or word in ("false", "true"):
            return
        if "(anon" in found[0].name:
            self._lines.append(f"enum {{ {word} = {found[1]} }};")
        else:
            self._define(found[0].name)

    def _define(self, tag: str) -> None:
        """Define a struct, union or enum, if the kernel has it and that was not done."""
        if tag in self._begun:
            return
        definition: CStruct | CEnum | None = (
            self._kernel.enum(tag) if tag.startswith("enum") else self._kernel.struct(tag)
        )
        if definition is None or (isinstance(definition, CStruct) and not definition.members):
            return
        self._begun.add(tag)
        if isinstance(definition, CEnum):
            values = ", ".join(f"{name} = {value}" for name, value in definition.values)
            self._lines.append(f"{tag} {{ {values} }};")
        else:
            body = self._body(definition)
            self._lines.append(f"{tag} {{ {body} }};")

    def _body(self, definition: CStruct) -> str:
        parts = []
        for number, member in enumerate(definition.members):
            bits = f" : {member.bit_size}" if member.bit_size else ""
            parts.append(f"{self._member(member, number)}{bits};")
        return " ".join(parts)

    def _member(self, member: Member, number: int) -> str:
        plain = strip_typedefs(member.type)
        inner = plain
        while isinstance(inner, CArray):
            inner = strip_typedefs(inner.elem)
        struct = self._kernel.struct(inner.name) if isinstance(inner, CRef) else None
        if not member.name:
            return f"{_word(inner)} {{ {self._body(struct)} }}" if struct else f"char btaot_{number}[0]"
        if struct and member.name not in self._words:
            size, align = type_size(plain, self._kernel), type_alignment(plain, self._kernel)
            return f"struct {{ char btaot[{size}]; }} __attribute__((aligned({align}))) {member.name}"
        return self._declare(member.type, member.name)

    def _declare(self, ctype: CType, name: str) -> str:
        """Return a declaration of a name, whose type is complete then; what pointers point to is only declared."""
        plain = strip_typedefs(ctype)
        match plain:
            case CPtr(target=target):
                return self._pointer(strip_typedefs(target), name)
            case CArray(elem=elem, count=count):
                return self._declare(elem, f"{name}[{count}]")
            case CInt():
                return f"{plain.name} {name}"
            case CFloat():
                return f"{plain.name} {name}"
            case CRef() if "(anon" in plain.name:
                return f"{self._anonymous(plain)} {name}"
            case CRef():
                self._define(plain.name)
                return f"{plain.name} {name}"
        return f"void {name}"

    def _pointer(self, target: CType, name: str) -> str:
        if isinstance(target, CFunc):
            return f"void *{name}"
        if isinstance(target, CRef) and "(anon" not in target.name:
            tag = target.name
            if not tag.startswith("enum") and tag not in self._declared:
                self._declared.add(tag)
                self._lines.append(f"{tag};")
            if name in self._words:
                self._later.append(tag)
            return f"int *{name}" if tag.startswith("enum") else f"{tag} *{name}"
        if isinstance(target, CRef):
            return f"void *{name}"
        if isinstance(target, CArray):
            return self._declare(target, f"(*{name})")
        return self._declare(target, f"*{name}")

    def _anonymous(self, ref: CRef) -> str:
        struct = self._kernel.struct(ref.name)
        if struct:
            return f"{_word(ref)} {{ {self._body(struct)} }}"
        enum = self._kernel.enum(ref.name)
        size = enum.size if enum else 4
        return {1: "signed char", 2: "short", 4: "int", 8: "long"}[size]


def _word(ref: CType) -> str:
    assert isinstance(ref, CRef)
    return ref.name.partition(" ")[0]
