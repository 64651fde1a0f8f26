"""Jumps where they lead nowhere, and statements that are never reached."""

import pytest

from btaot_tool.diagnostics import Diagnostics, Source
from btaot_tool.expand.flow import check_jumps, warn_unreachable
from btaot_tool.syntax import parse


def messages(text):
    diags = Diagnostics()
    program = parse(Source("t.bt", text), diags)
    check_jumps(program.macros, program.probes, diags)
    warn_unreachable(program, diags)
    return [d.render().split("\n")[0] for d in diags.items]


@pytest.mark.parametrize(("text", "expected"), [
    ("begin { break; }", "t.bt:1:9-15: ERROR: 'break' statement is not allowed in a probe"),
    ("begin { if (1) { continue; } }", "t.bt:1:18-27: ERROR: 'continue' statement is not allowed in a probe"),
    ("macro m() { return; } begin { }", "t.bt:1:13-20: ERROR: 'return' statement is not allowed in a macro"),
    ("macro m() { while (1) { return; } } begin { }", "'return' statement is not allowed in a macro"),
    ("macro m() { break; } begin { while (1) { m(); } }", "'break' statement is not allowed in a macro"),
    ("begin { return; print(1); print(2); }", "t.bt:1:17-26: WARNING: Unreachable statement."),
    ("begin { exit(); print(1); }", "t.bt:1:17-26: WARNING: Unreachable statement."),
    ("begin { while (1) { break; print(1); } }", "WARNING: Unreachable statement."),
    ("begin { if (1) { exit(); } else { return; } print(1); }", "t.bt:1:45-54: WARNING: Unreachable statement."),
    ("begin { { exit(); } print(1); }", "WARNING: Unreachable statement."),
    ("begin { $a = { exit(); 1 }; }", "t.bt:1:24-25: WARNING: Unreachable expression; block type is implicitly none."),
])  # fmt: skip
def test_messages(text, expected):
    found = messages(text)
    assert len(found) == 1
    assert expected in found[0]


@pytest.mark.parametrize("text", [
    "begin { while (1) { if (1) { break; } continue; } }",
    "begin { for ($i : 0..3) { if (1) { return; } } }",
    "begin { unroll (3) { break; } }",
    "macro m() { for ($i : 0..3) { break; } } begin { m(); return; }",
    "begin { if (1) { exit(); } print(1); }",
    "begin { if comptime (1) { exit(); } else { exit(); } print(1); }",
])  # fmt: skip
def test_what_is_fine(text):
    assert messages(text) == []
