"""BTF of a BPF object: made acceptable to every kernel from 5.10, and the per-program parts of ``.BTF.ext``.

The number of types never changes, so that type ids stay right: a kind that an old kernel does not know becomes
one that it does.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .elf import ObjectError

MAGIC = 0xEB9F
KIND_INT, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_CONST = 1, 4, 5, 6, 10
KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC = 12, 13, 14, 15
KIND_FLOAT, KIND_DECL_TAG, KIND_TYPE_TAG, KIND_ENUM64 = 16, 17, 18, 19

#: kind -> (bytes after the type, bytes per element that ``vlen`` counts)
_EXTRA = {
    1: (4, 0),
    2: (0, 0),
    3: (12, 0),
    4: (0, 12),
    5: (0, 12),
    6: (0, 8),
    7: (0, 0),
    8: (0, 0),
    9: (0, 0),
    10: (0, 0),
    11: (0, 0),
    12: (0, 0),
    13: (0, 8),
    14: (4, 0),
    15: (0, 12),
    16: (0, 0),
    17: (4, 0),
    18: (0, 0),
    19: (0, 12),
}
_IDENTIFIER = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*\Z")
_KERNEL_NAME_LIMIT = 127  # KSYM_NAME_LEN - 1 of kernels before 6.1


@dataclass(frozen=True, slots=True)
class FuncInfo:
    """A function of a program: first instruction (relative to the program) and its FUNC type."""

    insn: int
    type_id: int


@dataclass(frozen=True, slots=True)
class LineInfo:
    """Source line of an instruction; offsets into the strings of the BTF; ``line_col`` is line << 10 | column."""

    insn: int
    file_name_off: int
    line_off: int
    line_col: int


@dataclass(frozen=True, slots=True)
class TypeEntry:
    """One type as stored; ``size`` is a type id for kinds that refer to one; ``rest`` is what follows."""

    name: int
    info: int
    size: int
    rest: bytes

    @property
    def kind(self) -> int:
        """BTF_KIND_*."""
        return self.info >> 24 & 31


@dataclass(frozen=True, slots=True)
class _Header:
    size: int
    type_off: int
    type_len: int
    str_off: int
    str_len: int


def _read_header(btf: bytes, order: str) -> _Header:
    magic, _, _, size, type_off, type_len, str_off, str_len = struct.unpack_from(order + "HBBIIIII", btf)
    if magic != MAGIC or size + max(type_off + type_len, str_off + str_len) > len(btf):
        raise ObjectError("damaged .BTF section")
    return _Header(size, type_off, type_len, str_off, str_len)


def sanitize_btf(btf: bytes, order: str) -> bytes:
    """Return BTF that kernels from 5.10 accept, with the same type ids and string offsets."""
    head = _read_header(btf, order)
    old = btf[head.size + head.type_off :][: head.type_len]
    strings = bytearray(btf[head.size + head.str_off :][: head.str_len])
    types = bytearray()
    for entry in iter_types(old, order):
        types += _sanitize_type(entry, strings, order)
    header = struct.pack(order + "HBBIIIII", MAGIC, 1, 0, 24, 0, len(types), len(types), len(strings))
    return header + bytes(types) + bytes(strings)


def iter_types(types: bytes, order: str) -> Iterator[TypeEntry]:
    """Yield the entries of the type section; the first has id 1."""
    offset = 0
    while offset < len(types):
        name, info, size = struct.unpack_from(order + "III", types, offset)
        kind = info >> 24 & 31
        if kind not in _EXTRA:
            raise ObjectError(f"unknown kind {kind} in .BTF")
        fixed, each = _EXTRA[kind]
        following = offset + 12 + fixed + each * (info & 0xFFFF)
        yield TypeEntry(name, info, size, bytes(types[offset + 12 : following]))
        offset = following


def _sanitize_type(entry: TypeEntry, strings: bytearray, order: str) -> bytes:
    name, info, size, rest = entry.name, entry.info, entry.size, entry.rest
    if entry.kind == KIND_FUNC:
        # Static: the kernel checks functions of global linkage on their own, by parameter types that we do not give.
        name, info = _valid_name(name, strings), KIND_FUNC << 24
    elif entry.kind == KIND_FUNC_PROTO:
        names = [param[0] for param in struct.iter_unpack(order + "II", rest)]
        if not all(names):  # unnamed parameters are refused
            info, rest = KIND_FUNC_PROTO << 24, b""
    elif entry.kind == KIND_FLOAT:
        name, info = 0, KIND_STRUCT << 24
    elif entry.kind == KIND_TYPE_TAG:
        name, info = 0, KIND_CONST << 24
    elif entry.kind == KIND_ENUM64:
        name, info, rest = 0, KIND_INT << 24, struct.pack(order + "I", 64)
    elif entry.kind in (KIND_VAR, KIND_DATASEC, KIND_DECL_TAG):
        name, info, size, rest = 0, KIND_INT << 24, 1, struct.pack(order + "I", 8)
    elif entry.kind == KIND_ENUM:
        info &= ~(1 << 31)  # the sign of an enum: unknown before 6.0
    return struct.pack(order + "III", name, info, size) + rest


def _valid_name(name: int, strings: bytearray) -> int:
    """Return the offset of a name that the kernel takes for a function, made from the given one."""
    text = bytes(strings[name : strings.index(0, name)])
    if _IDENTIFIER.match(text) and len(text) <= _KERNEL_NAME_LIMIT:
        return name
    clean = re.sub(rb"[^A-Za-z0-9_]", b"_", text)[:_KERNEL_NAME_LIMIT]
    if not clean or clean[:1].isdigit():
        clean = b"_" + clean[: _KERNEL_NAME_LIMIT - 1]
    strings += clean + b"\0"
    return len(strings) - len(clean) - 1


def string_at(btf: bytes, order: str, offset: int) -> str:
    """Return a string of the BTF."""
    head = _read_header(btf, order)
    start = head.size + head.str_off + offset
    return btf[start : btf.index(b"\0", start)].decode("utf-8", "surrogateescape")


def function_names(btf: bytes, order: str) -> dict[int, str]:
    """Return the names of FUNC types by type id."""
    head = _read_header(btf, order)
    types = btf[head.size + head.type_off :][: head.type_len]
    entries = enumerate(iter_types(types, order), 1)
    return {number: string_at(btf, order, entry.name) for number, entry in entries if entry.kind == KIND_FUNC}


def read_ext(ext: bytes, btf: bytes, order: str) -> tuple[dict[str, list[FuncInfo]], dict[str, list[LineInfo]]]:
    """Return func_info and line_info of ``.BTF.ext`` by section name; instructions count from the section."""
    magic, _, _, size, func_off, func_len, line_off, line_len = struct.unpack_from(order + "HBBIIIII", ext)
    if magic != MAGIC:
        raise ObjectError("damaged .BTF.ext section")
    funcs: dict[str, list[FuncInfo]] = {}
    for section, (insn, type_id) in ext_records(ext, size + func_off, func_len, "II", btf, order):
        funcs.setdefault(section, []).append(FuncInfo(insn // 8, type_id))
    lines: dict[str, list[LineInfo]] = {}
    for section, (insn, file_name, line, column) in ext_records(ext, size + line_off, line_len, "IIII", btf, order):
        lines.setdefault(section, []).append(LineInfo(insn // 8, file_name, line, column))
    return funcs, lines


def ext_records(
    ext: bytes, offset: int, length: int, letters: str, btf: bytes, order: str
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield section name and fields of each record of one part of ``.BTF.ext``."""
    end = offset + length
    if not length:
        return
    (record,) = struct.unpack_from(order + "I", ext, offset)
    if record < struct.calcsize(letters):
        raise ObjectError("damaged .BTF.ext section: records are too short")
    offset += 4
    while offset < end:
        name, count = struct.unpack_from(order + "II", ext, offset)
        offset += 8
        section = string_at(btf, order, name)
        for _ in range(count):
            yield section, struct.unpack_from(order + letters, ext, offset)
            offset += record
