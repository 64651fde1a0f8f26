"""The payload: C header, writer, reader."""

from __future__ import annotations

import contextlib
import enum
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payload_sample import sample_payload

from btaot_tool.payload import layout
from btaot_tool.payload.document import updated
from btaot_tool.payload.header import c_header, main
from btaot_tool.payload.reader import read_payload
from btaot_tool.payload.structs import LayoutError, header_size, member_comments, snake_upper, struct_layout
from btaot_tool.payload.writer import PayloadError, PayloadWriter
from btaot_tool.targets import TARGETS, Target

BIG = Target("s390x", 22, 64, True, "s390x-linux-musl", "s390", "s390x", ("psw_mask", 1 << 48, 1 << 48), 0)
LITTLE = TARGETS["x86_64"]
NARROW = Target("armv7", 40, 32, False, "arm-linux-musleabihf", "arm", "armhf", ("cpsr", 15, 0), 0)


# ---- header ---------------------------------------------------------------------------------------


def test_header_names() -> None:
    text = c_header()
    for name in (
        "BTAOT_PROBE_KIND_BEGIN = 0",
        "BTAOT_SYMBOL_KIND_MAP_FD = 0",
        "BTAOT_CONV_FLAG_LEFT = 1",
        "BTAOT_MAP_FLAG_SCALAR = 1",
        "BTAOT_TABLE_STRINGS",
        "struct btaot_table tables[BTAOT_TABLE_COUNT]",
        "#define BTAOT_TYPE_KIND_LIMIT 41",
        "struct btaot_func_info",
    ):
        assert name in text
    assert snake_upper("SymbolKind") == "SYMBOL_KIND"
    assert member_comments(layout.TypeKind)["BOOL"] == "1 byte"
    assert "O" not in member_comments(layout.Conv)  # a directive for the linter is no comment


def test_every_enum_is_in_the_header() -> None:
    enums = {name for name, value in vars(layout).items() if isinstance(value, type) and issubclass(value, enum.Enum)}
    assert enums == {cls.__name__ for cls in (*layout.ENUMS, *layout.FLAGS)}


@pytest.mark.parametrize("target", ["x86_64-linux-musl", "arm-linux-musleabihf", "s390x-linux-musl"])
def test_header_compiles(tmp_path: Path, target: str) -> None:
    """Sizes and offsets are asserted by the header itself, for 32 and 64 bits and both byte orders."""
    pytest.importorskip("ziglang")
    main(["-o", str(tmp_path / "payload_layout.h")])
    (tmp_path / "t.c").write_text('#include "payload_layout.h"\n', encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-target",
        target,
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        "t.c",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_header_is_plain_c(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler of the system")
    (tmp_path / "h.c").write_text(c_header(), encoding="utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpadded", "-pedantic", "-Werror", "-fsyntax-only"]
    subprocess.run([compiler, *flags, "h.c"], cwd=tmp_path, check=True)


def test_implicit_padding_is_refused() -> None:
    record = layout.Record("bad", "", (layout.Field("a", "u16"), layout.Field("b", "u32")))
    with pytest.raises(LayoutError, match=r"bad\.b: implicit padding"):
        struct_layout(record)
    record = layout.Record("bad", "", (layout.Field("a", "u64"), layout.Field("b", "u32")))
    with pytest.raises(LayoutError, match="at the end"):
        struct_layout(record)
    with pytest.raises(LayoutError, match="unknown type"):
        struct_layout(layout.Record("bad", "", (layout.Field("a", "float"),)))


# ---- writer and reader ----------------------------------------------------------------------------


@pytest.mark.parametrize("target", [LITTLE, BIG, NARROW], ids=lambda t: t.name)
def test_round_trip(target: Target) -> None:
    writer = PayloadWriter(target)
    program = writer.add("program", name="p", kind=layout.ProbeKind.PROFILE, insn_count=1)
    writer.add("attach", program=program, text="profile:hz:99", value=99)
    writer.add("enumerator", name="MINUS", value=-5)
    writer.set_block("btf", b"abc")
    writer.set_header(script="s.bt")
    meta, text = writer.build(bytes(8))
    payload = read_payload(meta, text)
    assert payload.byteorder == target.byteorder
    assert payload.header.machine == target.machine
    assert payload.header.elf_class == (2 if target.bits == 64 else 1)
    assert payload.header.script == "s.bt"
    assert payload.table("attaches")[0].text == "profile:hz:99"
    assert payload.table("attaches")[0].value == 99
    assert payload.table("enumerators")[0].asdict() == {"name": "MINUS", "host": 0, "value": -5}
    assert payload.btf == b"abc"
    assert payload.program_insns(payload.table("programs")[0]) == bytes(8)


def test_references_default_to_none_and_numbers_to_zero() -> None:
    writer = PayloadWriter(LITTLE)
    writer.add("map", name="@x")
    row = read_payload(*writer.build(b"")).table("maps")[0]
    assert (row.key_type, row.value_type, row.max_entries) == (layout.NONE, layout.NONE, 0)


def test_tables_are_aligned_and_in_order() -> None:
    meta, _ = sample_payload(LITTLE)
    start = struct_layout(layout.HEADER).size
    offsets = [struct.unpack_from("<II", meta, start + 8 * i) for i in range(len(layout.TABLES))]
    assert all(offset % 8 == 0 and offset >= header_size() for offset, _ in offsets)
    assert [o for o, _ in offsets] == sorted(o for o, _ in offsets)


def test_same_calls_same_bytes() -> None:
    assert sample_payload(LITTLE) == sample_payload(LITTLE)


def test_strings_are_shared_and_may_hold_nul() -> None:
    writer = PayloadWriter(LITTLE)
    assert writer.string("") == 0
    assert writer.string("abc") == writer.string(b"abc") == 1
    offset = writer.string(b"a\0b")
    payload = read_payload(*writer.build(b""))
    assert payload.string_bytes(offset, 3) == b"a\0b"
    assert payload.string(offset) == "a"
    assert writer.string("\udcff") and payload.string(1) == "abc"


def test_intern_ignores_the_position() -> None:
    writer = PayloadWriter(LITTLE)
    first = writer.intern("symbol", kind=2, a="task_struct", b="mm", line=3)
    assert writer.intern("symbol", kind=2, a="task_struct", b="mm", line=9, column=4) == first
    assert writer.intern("symbol", kind=3, a="task_struct", b="mm") == first + 1
    assert read_payload(*writer.build(b"")).table("symbols")[0].line == 3


def test_add_rows_and_patch() -> None:
    writer = PayloadWriter(LITTLE)
    recursive = writer.add("type", kind=layout.TypeKind.STRUCT, name="node")
    assert writer.add_rows("field", [{"type": recursive}, {"type": recursive, "offset": 8}]) == 0
    assert writer.add_rows("field", []) == 2 == writer.count("field")
    writer.patch("type", recursive, first=0, count=2)
    row = read_payload(*writer.build(b"")).table("types")[0]
    assert (row.name, row.count, row.elem) == ("node", 2, layout.NONE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: w.add("programm"), "unknown record 'programm'"),
        (lambda w: w.add("program", nam="x"), "no field 'nam'"),
        (lambda w: w.add("program", kind=70000), "70000 does not fit u16"),
        (lambda w: w.add("program", line=-1), "-1 does not fit u32"),
        (lambda w: w.add("program", kind="x"), "a text for a field of type u16"),
        (lambda w: w.set_header(magic=1), "the writer sets magic"),
        (lambda w: w.set_block("strings", b""), "is no block"),
        (lambda w: w.build(bytes(7)), "whole number of instructions"),
    ],
)
def test_writer_refuses(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PayloadError, match=re.escape(message)):
        call(PayloadWriter(LITTLE))


@pytest.mark.parametrize("target", [LITTLE, BIG], ids=lambda t: t.name)
def test_every_bit_flip_is_refused(target: Target) -> None:
    meta, text = sample_payload(target)
    for name, data in (("meta", meta), ("text", text)):
        for bit in range(len(data) * 8):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            parts = (bytes(changed), text) if name == "meta" else (meta, bytes(changed))
            with pytest.raises(PayloadError):
                read_payload(*parts)


def test_every_truncation_is_refused() -> None:
    meta, text = sample_payload(LITTLE)
    for size in range(len(meta)):
        with pytest.raises(PayloadError):
            read_payload(meta[:size], text)
    with pytest.raises(PayloadError, match="truncated"):
        read_payload(meta, text[:-8])
    with pytest.raises(PayloadError, match="truncated"):
        read_payload(meta + b"\0", text)


def test_errors_say_what_is_wrong() -> None:
    meta, text = sample_payload(LITTLE)
    with pytest.raises(PayloadError, match="no btaot payload"):
        read_payload(b"\0" * 300, text)
    with pytest.raises(PayloadError, match="format version 9"):
        read_payload(meta[:4] + b"\x09\0" + meta[6:], text)
    with pytest.raises(PayloadError, match="digest does not match"):
        read_payload(meta[:-1] + b"\x55", text)


@settings(max_examples=200, deadline=None)
@given(position=st.integers(min_value=0), value=st.integers(0, 255))
def test_damage_without_digest_is_no_crash(position: int, value: int) -> None:
    """With the digest check off, damage is refused or read; it never raises anything else."""
    meta, text = sample_payload(LITTLE)
    changed = bytearray(meta)
    changed[position % len(meta)] = value
    with contextlib.suppress(PayloadError):
        read_payload(bytes(changed), text, check_digest=False)


_NUMBERS = {
    "u8": st.integers(0, 255),
    "u16": st.integers(0, 65535),
    "u32": st.integers(0, 2**32 - 1),
    "u64": st.integers(0, 2**64 - 1),
    "i64": st.integers(-(2**63), 2**63 - 1),
}


@settings(max_examples=50, deadline=None)
@given(data=st.data(), big=st.booleans())
def test_numbers_survive(data: st.DataObject, big: bool) -> None:
    writer = PayloadWriter(BIG if big else LITTLE)
    expected = {}
    for record in layout.RECORDS:
        if record.name in ("program", "action"):
            continue  # their ranges are checked
        values = {f.name: data.draw(_NUMBERS[f.type]) for f in record.fields if f.type in _NUMBERS}
        writer.add(record.name, **values) if record.name not in ("attach", "field") else None
        expected[record.name] = values
    payload = read_payload(*writer.build(b""))
    for table, record_name in layout.TABLES:
        for row in payload.tables.get(table, []):
            assert {name: row[name] for name in expected[record_name]} == expected[record_name]


# ---- document -------------------------------------------------------------------------------------


def test_document_is_current() -> None:
    """If this fails: ``python -m btaot_tool.payload.document docs/payload.md``."""
    text = (Path(__file__).parents[2] / "docs" / "payload.md").read_text(encoding="utf-8")
    assert text == updated(text)


def test_document_needs_its_marks() -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        updated("# nothing")
