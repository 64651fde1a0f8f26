"""Read ``.btaot.meta`` and ``.btaot.text`` back: for ``btaot inspect`` and for tests.

What is read is checked first, as aot-rt does: magic, version, sizes, digest, the place of every table, every
range of one table in another.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..targets import TARGETS, Target
from . import layout
from .structs import RECORDS_BY_NAME, TABLE_ENTRY_SIZE, StructLayout, header_size, struct_layout
from .writer import PayloadError

#: record -> (field of the first row, field of the count, table they count in)
RANGES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "program": (
        ("reloc_first", "reloc_count", "relocs"),
        ("func_first", "func_count", "func_infos"),
        ("line_first", "line_count", "line_infos"),
    ),
    "action": (("piece_first", "piece_count", "pieces"),),
}

#: record -> (field that refers to another table, that table); the entry may be NONE
REFS: dict[str, tuple[tuple[str, str], ...]] = {
    "attach": (("program", "programs"),),
    "map": (("key_type", "types"), ("value_type", "types")),
    "type": (("elem", "types"),),
    "field": (("type", "types"),),
    "action": (("args", "types"), ("map", "maps")),
}


class Row:
    """One row of a table: ``row["name"]`` is the number as stored, ``row.name`` the text where it is a ``str``."""

    __slots__ = ("_payload", "_shape", "_values", "index")

    def __init__(self, payload: Payload, shape: StructLayout, values: tuple[Any, ...], index: int = 0) -> None:
        self._payload = payload
        self._shape = shape
        self._values = dict(zip((slot.name for slot in shape.slots), values, strict=True))
        self.index = index

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        if self._shape.slot(name).field.type == "str":
            return self._payload.string(self._values[name])
        return self._values[name]

    def asdict(self) -> dict[str, Any]:
        """Return the row with its texts, without padding fields."""
        return {name: getattr(self, name) for name in self._values if not name.startswith("pad")}

    def __repr__(self) -> str:
        return f"{self._shape.record.name}({', '.join(f'{k}={v!r}' for k, v in self.asdict().items())})"


@dataclass
class Payload:
    """A payload that was read; ``header`` and rows are :class:`Row`."""

    meta: bytes
    text: bytes
    byteorder: str
    header: Row
    tables: dict[str, list[Row]]
    strings: bytes
    btf: bytes

    def table(self, name: str) -> list[Row]:
        """Return the rows of a table."""
        return self.tables[name]

    def rows(self, name: str, first: int, count: int) -> list[Row]:
        """Return a range of a table's rows."""
        return self.tables[name][first : first + count]

    def string_bytes(self, offset: int, size: int | None = None) -> bytes:
        """Return the bytes at an offset of the string table, up to the NUL unless ``size`` is given."""
        end = self.strings.index(b"\0", offset) if size is None else offset + size
        if end > len(self.strings):
            raise PayloadError(f"payload: text at {offset}+{size} is outside the string table")
        return self.strings[offset:end]

    def string(self, offset: int) -> str:
        """Return the text at an offset of the string table."""
        return self.string_bytes(offset).decode("utf-8", "surrogateescape")

    def target(self) -> Target | None:
        """Return the target that the payload was made for, None if this version does not know it."""
        for target in TARGETS.values():
            if target.machine == self.header.machine and (target.bits == 64) == (self.header.elf_class == 2):
                return target
        return None

    def program_insns(self, program: Row) -> bytes:
        """Return the instructions of a program."""
        return self.text[program.insn_off * 8 : (program.insn_off + program.insn_count) * 8]

    def digest_ok(self) -> bool:
        """Say whether the digest in the header is that of the content."""
        slot = struct_layout(layout.HEADER).slot("digest")
        zeroed = self.meta[: slot.offset] + bytes(slot.size) + self.meta[slot.offset + slot.size :]
        return bool(hashlib.sha256(zeroed + self.text).digest() == self.header["digest"])


def read_payload(meta: bytes, text: bytes, check_digest: bool = True) -> Payload:
    """Read both sections; PayloadError says what is wrong."""
    order = _byte_order(meta)
    shape = struct_layout(layout.HEADER)
    if len(meta) < header_size():
        raise PayloadError(f"payload: {len(meta)} bytes are too short for the header")
    payload = Payload(bytes(meta), bytes(text), order, None, {}, b"", b"")  # type: ignore[arg-type]
    payload.header = header = Row(payload, shape, struct.unpack_from(order + shape.format, meta))
    _check_header(header, order, len(meta), len(text))
    if check_digest and not payload.digest_ok():
        raise PayloadError("payload: the digest does not match: the file was changed or damaged")
    for number, (table, record) in enumerate(layout.TABLES):
        _read_table(payload, table, record, shape.size + number * TABLE_ENTRY_SIZE)
    _check_rows(payload)
    return payload


def _byte_order(meta: bytes) -> str:
    for order in "<>":
        if meta[:4] == struct.pack(order + "I", layout.MAGIC):
            return order
    raise PayloadError("payload: no btaot payload (wrong magic number)")


def _check_header(header: Row, order: str, meta_size: int, text_size: int) -> None:
    if header.version != layout.VERSION:
        raise PayloadError(f"payload: format version {header.version}, this btaot reads version {layout.VERSION}")
    if (header.elf_data == 2) != (order == ">") or header.elf_data not in (1, 2) or header.elf_class not in (1, 2):
        raise PayloadError("payload: byte order or word size of the target is not valid")
    if header.header_size != header_size():
        raise PayloadError(f"payload: header of {header.header_size} bytes instead of {header_size()}")
    if header.meta_size != meta_size or header.text_size != text_size or text_size % 8:
        raise PayloadError(
            f"payload: truncated: {meta_size} of {header.meta_size} bytes of metadata, "
            f"{text_size} of {header.text_size} bytes of instructions"
        )


def _read_table(payload: Payload, table: str, record: str, entry: int) -> None:
    offset, count = struct.unpack_from(payload.byteorder + "II", payload.meta, entry)
    shape = None if record == "u8" else struct_layout(RECORDS_BY_NAME[record])
    end = offset + count * (shape.size if shape else 1)
    if offset % 8 or offset < header_size() or end > len(payload.meta):
        raise PayloadError(f"payload: table {table!r} is outside the section or not aligned")
    data = payload.meta[offset:end]
    if shape:
        rows = struct.iter_unpack(payload.byteorder + shape.format, data)
        payload.tables[table] = [Row(payload, shape, row, index) for index, row in enumerate(rows)]
    elif table == "btf":
        payload.btf = data
    else:
        if data[:1] != b"\0" or data[-1:] != b"\0":
            raise PayloadError("payload: the string table does not begin and end with a NUL")
        payload.strings = data


def _check_rows(payload: Payload) -> None:
    for row, record in _all_rows(payload):
        where = f"payload: {record.name} {row.index}"
        for item in record.fields:
            if item.type == "str" and row[item.name] >= len(payload.strings):
                raise PayloadError(f"{where}: {item.name} is outside the string table")
        for first, count, table in RANGES.get(record.name, ()):
            if row[first] + row[count] > len(payload.tables[table]):
                raise PayloadError(f"{where}: {first} and {count} are outside the table of {table}")
        for name, table in REFS.get(record.name, ()):
            if row[name] != layout.NONE and row[name] >= len(payload.tables[table]):
                raise PayloadError(f"{where}: {name} is outside the table of {table}")
    for program in payload.tables["programs"]:
        _check_program(payload, program)


def _check_program(payload: Payload, program: Row) -> None:
    where = f"payload: program {program.index}"
    if (program.insn_off + program.insn_count) * 8 > len(payload.text):
        raise PayloadError(f"{where}: instructions outside {layout.SECTION_TEXT}")
    for reloc in payload.rows("relocs", program.reloc_first, program.reloc_count):
        is_callback = reloc.form == layout.RelocForm.CALLBACK
        limit = program.insn_count if is_callback else len(payload.tables["symbols"])
        if reloc.insn >= program.insn_count or reloc.symbol >= limit:
            raise PayloadError(f"{where}: relocation {reloc.index} is outside the program or the table of symbols")


def _all_rows(payload: Payload) -> Iterator[tuple[Row, layout.Record]]:
    for table, record in layout.TABLES:
        for row in payload.tables.get(table, ()):
            yield row, RECORDS_BY_NAME[record]
