"""Folding of literals: what becomes of operations on them, and what is refused."""

import pytest
from syntax_show import show

from btaot_tool.diagnostics import CompileError, Diagnostics, Source
from btaot_tool.expand.fold import fold_literals
from btaot_tool.syntax import parse


def fold(expression):
    diags = Diagnostics()
    program = fold_literals(parse(Source("t.bt", f"begin {{ $r = {expression}; }}"), diags), diags)
    diags.check()
    return show(program.probes[0].body.body[0].value), [d.message for d in diags.items]


@pytest.mark.parametrize(("expression", "expected"), [
    ("60 * 1000", "60000"),
    ("1 - 2", "<-1>"),
    ("-0", "0"),
    ("- -5", "5"),
    ("-5 + 10", "5"),
    ("-7 / 2", "<-3>"),
    ("-7 % 3", "<-1>"),
    ("~5", "18446744073709551610"),
    ("~(-6)", "5"),
    ("-1 >> 1", "<-1>"),
    ("1 << 63", "9223372036854775808"),
    ("0xffffffffffffffff - 0xffffffffffffffff", "0"),
    ("0xffffffffffffffff >> 60", "15"),
    ("0xffffffffffffffff < 0", "false"),
    ("(-3) * (-4)", "12"),
    ("!0", "true"),
    ("true & false", "false"),
    ("true || false", "true"),
    ('"a" < "b"', "true"),
    ('"a" != "a"', "false"),
    ('"ab" + "cd"', "'abcd'"),
    ('"abc" + 1', "'bc'"),
    ('"abc"[3]', "0"),
    ('"abc"[4]', "'abc'[4]"),
    ("1 ? 2 : 3", "2"),
    ("(1, -1, true) == (1, -1, true)", "true"),
    ("(1, 2) == (1, 2, 3)", "false"),
    # a literal in a block can stand where a literal must
    ("{ 1 + 1 }", "2"),
    # what is known only at run time stays
    ("$x + 1 + 1", "<<$x + 1> + 1>"),
    ("1 + 1 + $x", "<2 + $x>"),
    ("$1 == 0", "<$1 == 0>"),
    ("(uint8)255 + 1", "<<cast uint8 255> + 1>"),
    ('"foo" == 1', "<'foo' == 1>"),
    ("($x, 1) == ($x, 1)", "<tuple($x, 1) == tuple($x, 1)>"),
    ("1 ? $x : 3", "<1 ? $x : 3>"),
])  # fmt: skip
def test_fold(expression, expected):
    assert fold(expression)[0] == expected


@pytest.mark.parametrize("expression", [
    "0xffffffffffffffff + 1",
    "0x8000000000000000 + (-1)",
    "1 / 0",
    "1 % 0",
    "1 << 64",
    "1 << (-1)",
    "-9223372036854775808 - 1",
    "0x8000000000000000 * 2",
    "0 - 0xffffffffffffffff",
])  # fmt: skip
def test_overflow(expression):
    with pytest.raises(CompileError) as caught:
        fold(expression)
    end = 12 + len(expression)
    assert f"t.bt:1:14-{end + 2}: ERROR: unable to fold literals due to overflow or underflow" in str(caught.value)


def test_too_negative():
    with pytest.raises(CompileError, match="negative value will underflow"):
        fold("-9223372036854775809")


def test_string_that_is_always_empty():
    assert fold('"abc" + 3') == ("''", ["literal string will always be empty"])
