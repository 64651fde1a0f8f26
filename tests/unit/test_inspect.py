"""``btaot inspect``: on a sample payload in a minimal ELF file."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from payload_sample import sample_payload

from btaot_tool.diagnostics import CompileError
from btaot_tool.inspect import InspectError, inspect_file
from btaot_tool.inspect.names import symbol_text, type_text
from btaot_tool.payload.layout import NONE, MapRole, SymbolKind, TypeKind
from btaot_tool.payload.reader import read_payload
from btaot_tool.payload.writer import PayloadWriter
from btaot_tool.targets import TARGETS


def make_elf(path: Path, sections: dict[str, bytes]) -> Path:
    """Write a 64-bit little-endian ELF file that has nothing but sections."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    body, headers = b"", [bytes(64)]
    for name, data in (*sections.items(), (".shstrtab", names)):
        kind = 3 if name == ".shstrtab" else 1
        fields = (names.index(name.encode()), kind, 0, 0, 64 + len(body), len(data), 0, 0, 1, 0)
        headers.append(struct.pack("<IIQQQQIIQQ", *fields))
        body += data
    head = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack(
            "<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, len(headers), len(headers) - 1
        )
    )
    path.write_bytes(head + body + b"".join(headers))
    return path


@pytest.fixture
def binary(tmp_path: Path) -> str:
    meta, text = sample_payload(TARGETS["x86_64"])
    return str(make_elf(tmp_path / "sample", {".btaot.meta": meta, ".btaot.text": text}))


def test_text(binary: str) -> None:
    text = inspect_file(binary, False)
    for part in (
        "tracepoint:syscalls:sys_enter_openat",
        "percpu_hash  string[16]  count()",
        "tracepoint field args.filename",
        "task_struct.mm offset",
        r'"pid %d %-16s\n"',
        "(int64, string[16])",
        "; 1: begin { }",
        "x86_64, little endian",
        "valid, sha256",
        "sample.bt",
        "max_map_keys",
    ):
        assert part in text
    assert not any(line != line.rstrip() for line in text.splitlines())
    assert "Named parameters" not in text  # empty tables are left out


def test_json(binary: str) -> None:
    data = json.loads(inspect_file(binary, True))
    assert list(data) == [
        "file",
        "script",
        "target",
        "compiler",
        "license",
        "format_version",
        "byte_order",
        "static",
        "digest",
        "sizes",
        "positional_params",
        "attach_points",
        "programs",
        "maps",
        "symbols",
        "params",
        "actions",
        "config",
    ]
    assert data["target"] == "x86_64" and data["static"] and data["digest"]["valid"]
    assert data["programs"][0]["insns"] == 5
    assert list(data["programs"][0]["relocs"][1].values()) == [1, "imm64", 1, "task_struct.mm offset"]
    assert data["maps"][0]["key"] == "string[16]" and data["maps"][0]["flags"] == ["percpu"]
    assert data["symbols"][0]["text"] == "tracepoint field args.filename" and data["symbols"][0]["programs"] == [0]
    assert data["config"] == {"max_map_keys": "100"}


def test_wrong_digest_is_shown(tmp_path: Path) -> None:
    meta, text = sample_payload(TARGETS["x86_64"])
    path = make_elf(tmp_path / "x", {".btaot.meta": meta, ".btaot.text": text[:-8] + bytes(8)})
    assert "WRONG: the file was changed" in inspect_file(str(path), False)
    assert json.loads(inspect_file(str(path), True))["digest"]["valid"] is False


def test_errors(tmp_path: Path, binary: str) -> None:
    meta, text = sample_payload(TARGETS["x86_64"])
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    cases = {
        str(tmp_path / "none"): "No such file",
        str(tmp_path / "text"): "not an ELF file",
        str(make_elf(tmp_path / "empty", {".text": b"x"})): "not made by btaot",
        str(make_elf(tmp_path / "cut", {".btaot.meta": meta[:-9], ".btaot.text": text})): "truncated",
    }
    for path, message in cases.items():
        with pytest.raises(InspectError, match=message) as caught:
            inspect_file(path, False)
        assert isinstance(caught.value, CompileError) and path in str(caught.value)


def test_words_of_the_globals_map_have_names() -> None:
    writer = PayloadWriter(TARGETS["x86_64"])
    writer.add("map", name="globals", role=MapRole.GLOBALS)
    writer.add("map", name="@m", loss_off=48)
    for offset in (0, 8, 48, 200):
        writer.add("symbol", kind=SymbolKind.MAP_VALUE, a=0, imm=offset)
    writer.add("symbol", kind=SymbolKind.MAP_VALUE, a=1)
    payload = read_payload(*writer.build(b""))
    assert [symbol_text(payload, row) for row in payload.table("symbols")] == [
        "map globals: running",
        "map globals: events lost",
        "map globals: updates lost of @m",
        "map globals value + 200",
        "map @m value",
    ]


def test_every_symbol_kind_has_a_text() -> None:
    writer = PayloadWriter(TARGETS["x86_64"])
    writer.add("map", name="@m")
    writer.add("param", name="verbose")
    for kind in SymbolKind:
        is_ref = kind in (SymbolKind.MAP_FD, SymbolKind.MAP_VALUE, SymbolKind.OPTION_INT, SymbolKind.OPTION_STRLEN)
        writer.add("symbol", kind=kind, a=0 if is_ref else "left", b="right", imm=1)
    payload = read_payload(*writer.build(b""))
    texts = {SymbolKind(row.kind): symbol_text(payload, row) for row in payload.table("symbols")}
    assert len(set(texts.values())) == len(SymbolKind)
    assert texts[SymbolKind.FIELD_RSHIFT] == "left.right right shift"
    assert texts[SymbolKind.FEATURE] == "kernel feature bpf_loop"
    assert texts[SymbolKind.SESSION] == "session own pid"
    assert texts[SymbolKind.OPTION_INT] == "option verbose"


def test_every_type_kind_has_a_text() -> None:
    writer = PayloadWriter(TARGETS["x86_64"])
    for kind in TypeKind:
        writer.add("type", kind=kind, size=8, elem=0, p0=2)
    payload = read_payload(*writer.build(b""))
    assert all(type_text(payload, index) for index in range(len(TypeKind)))
    assert type_text(payload, NONE) == ""
