"""Tracepoint format files."""

from __future__ import annotations

import pytest

from btaot_tool.kernel.formats import decode_tracepoint, encode_tracepoints, parse_field, parse_format
from btaot_tool.kernel.types import Tracepoint, TracepointField

FORMAT = """name: thing
ID: 12
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;
\tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:0;

print fmt: "%s", REC->comm
"""


def test_format() -> None:
    assert parse_format("sched", "thing", FORMAT) == Tracepoint(
        "sched",
        "thing",
        (
            TracepointField("comm", "char", 8, 16, False, 16),
            TracepointField("name", "char", 24, 4, False, 0, "data_loc"),
        ),
    )


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("int dfd", TracepointField("dfd", "int", 8, 8, True)),
        ("const char * filename", TracepointField("filename", "const char *", 8, 8, True)),
        ("void*ptr", TracepointField("ptr", "void*", 8, 8, True)),
        ("unsigned long args[6]", TracepointField("args", "unsigned long", 8, 8, True, 6)),
        ("u32 rates[MAX_RATES]", TracepointField("rates", "u32", 8, 8, True, 2)),
        ("char comm[TASK_COMM_LEN]", TracepointField("comm", "char", 8, 8, True, 8)),
        ("__rel_loc char[] msg", TracepointField("msg", "char", 8, 8, True, 0, "rel_loc")),
        ("__data_loc unsigned long[] ips", TracepointField("ips", "unsigned long", 8, 8, True, 0, "data_loc")),
        ("__data_loc u8[] blob", TracepointField("blob", "u8", 8, 8, True, 0, "data_loc")),
        ("struct page * page", TracepointField("page", "struct page *", 8, 8, True)),
        ("enum zone_type zone", TracepointField("zone", "enum zone_type", 8, 8, True)),
        ("bool   flag", TracepointField("flag", "bool", 8, 8, True)),
    ],
)
def test_declarations(declaration: str, expected: TracepointField) -> None:
    assert parse_field(f"\tfield:{declaration};\toffset:8;\tsize:8;\tsigned:1;") == expected


def test_other_lines() -> None:
    assert parse_field("ID: 12") is None
    assert parse_field('print fmt: "field:int x;"') is None


def test_compact_text_round_trip() -> None:
    thing = parse_format("sched", "thing", FORMAT)
    empty = Tracepoint("a", "b", ())
    text = encode_tracepoints([thing, empty])
    assert [decode_tracepoint(line) for line in text.splitlines()] == [empty, thing]
