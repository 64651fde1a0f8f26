"""Errors of what is decided at build time."""

import pytest

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Severity, Source
from btaot_tool.options import Options


def errors(text):
    with pytest.raises(CompileError) as caught:
        compile_script(Source("t.bt", text), Options())
    return [d for d in caught.value.diagnostics if d.severity is Severity.ERROR]


@pytest.mark.parametrize(("text", "expected"), [
    ("begin { print(comptime pid); }", "t.bt:1:15-27: ERROR: Unable to resolve comptime expression"),
    ("begin { $x = 1; if comptime ($x == 1) { } }", "ERROR: Unable to resolve comptime expression"),
    ("begin { print(comptime (@m + 1)); @m = 1; }", "ERROR: Unable to resolve comptime expression"),
    ('begin { fail("no %s, %d%%, 0x%x", "luck", -3, 255); }', "t.bt:1:9-51: ERROR: no luck, -3%, 0xff"),
    ('begin { fail("%d", pid); }', "t.bt:1:9-24: ERROR: fail() arguments need to be literals"),
    ('begin { if comptime (probetype != "kprobe") { fail("not in %s", probetype); } }', "ERROR: not in special"),
    ('begin { static_assert(sizeof(int32) == 8, "size"); }', "ERROR: size"),
    ("begin { @m = 1; let $v; find(@m, 1, $v); }", "call to find() expects a map with explicit keys (non-scalar map)"),
    ("begin { assert_str(5); }", "a string, an array or a pointer to characters is expected here, found int8"),
    ("begin { print(config.nothing); }", "Record does not contain a field named 'nothing'"),
])  # fmt: skip
def test_errors(text, expected):
    found = errors(text)
    assert expected in found[0].render()
    assert len(found) == 1


def test_error_in_a_library_macro_names_the_call():
    text = errors('begin { static_assert(sizeof(int32) == 8, "size"); }')[0].render()
    assert "\nt.bt:1:9-50: ERROR: expanded from\n" in text


def test_branch_that_is_not_taken_is_not_checked():
    text = 'begin { if comptime (probetype == "kprobe") { print($nothing + "x"); fail("never"); } else { print(1); } }'
    assert compile_script(Source("t.bt", text), Options()).diagnostics == []
