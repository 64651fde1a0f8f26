"""Tracepoint formats: parses tracefs ``format`` files, and the compact text in which packs hold them.

The compact text has one line per tracepoint, sorted: ``category:name``, a tab, and its fields joined by ``;``, each
``type|name|offset|size|signed|count|form``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .types import Tracepoint, TracepointField

_FIELD = re.compile(r"\s*field:(?P<declaration>.*?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d+);)?")
_DECLARATION = re.compile(
    r"(?P<type>.*?)\s*(?P<name>[A-Za-z_]\w*)\s*(?:\[(?P<count>[^\]]*)\])?(?P<more>(?:\[[^\]]*\])*)$"
)
_FORMS = {"__data_loc": "data_loc", "__rel_loc": "rel_loc"}

_ELEMENT_SIZES = {
    "char": 1, "unsigned char": 1, "signed char": 1, "u8": 1, "__u8": 1, "s8": 1, "__s8": 1, "uint8_t": 1, "bool": 1,
    "u16": 2, "__u16": 2, "__be16": 2, "s16": 2, "short": 2, "unsigned short": 2, "uint16_t": 2,
    "int": 4, "unsigned int": 4, "u32": 4, "__u32": 4, "__be32": 4, "s32": 4, "__s32": 4, "uint32_t": 4,
    "u64": 8, "__u64": 8, "__be64": 8, "s64": 8, "__s64": 8, "long long": 8, "unsigned long long": 8, "uint64_t": 8,
}  # fmt: skip


def parse_format(category: str, name: str, text: str) -> Tracepoint:
    """Parse a ``format`` file; fields that all tracepoints have (common_*) are left out."""
    fields = []
    for line in text.splitlines():
        field = parse_field(line)
        if field is not None and not field.name.startswith("common_"):
            fields.append(field)
    return Tracepoint(category, name, tuple(fields))


def parse_field(line: str) -> TracepointField | None:
    """Parse one ``field:`` line; None if it is another line."""
    match = _FIELD.match(line)
    if match is None:
        return None
    words = match["declaration"].split()
    form = _FORMS.get(words[0], "inline") if words else "inline"
    declaration = " ".join(words[1:] if form != "inline" else words)
    if form != "inline":
        # "__data_loc char[] filename": the brackets stand with the type.
        declaration = re.sub(r"\[\]\s*", " ", declaration)
    parts = _DECLARATION.match(declaration)
    if parts is None:
        return None
    size = int(match[3])
    count = 0 if parts["count"] is None or form != "inline" else _count(parts["count"], parts["type"], size)
    return TracepointField(parts["name"], parts["type"], int(match[2]), size, match[4] == "1", count, form)


def _count(text: str, element: str, size: int) -> int:
    """Return an array's length; old kernels print the expression of the source instead of a number."""
    if text.strip().isdigit():
        return int(text)
    if element.endswith("*"):
        return size // 8
    return size // _ELEMENT_SIZES.get(element.removeprefix("const ").strip(), 1)


def encode_tracepoints(tracepoints: Iterable[Tracepoint]) -> str:
    """Return the compact text."""
    lines = []
    for tracepoint in tracepoints:
        fields = ";".join(
            f"{f.type}|{f.name}|{f.offset}|{f.size}|{int(f.signed)}|{f.count}|{f.form}" for f in tracepoint.fields
        )
        lines.append(f"{tracepoint.category}:{tracepoint.name}\t{fields}\n")
    return "".join(sorted(lines))


def decode_tracepoint(line: str) -> Tracepoint:
    """Read a line of the compact text."""
    title, _, rest = line.partition("\t")
    category, _, name = title.partition(":")
    fields = []
    for text in filter(None, rest.split(";")):
        ctype, field, offset, size, signed, count, form = text.split("|")
        fields.append(TracepointField(field, ctype, int(offset), int(size), signed == "1", int(count), form))
    return Tracepoint(category, name, tuple(fields))
