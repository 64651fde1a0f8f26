"""Scripts that are wrong: what is said, and where."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btaot_tool.diagnostics import CompileError, Diagnostic, Diagnostics, Source
from btaot_tool.syntax import parse


def diagnostics(text: str) -> list[Diagnostic]:
    with pytest.raises(CompileError) as caught:
        parse(Source("x.bt", text), Diagnostics())
    return caught.value.diagnostics


# The wrong part stands between two carets; it is empty where the text ends too early.
IMMUTABLE = (
    "syntax: Tuples and records are immutable once created. Consider creating a new value and assigning it instead."
)
LATE = "must appear before probes and functions"

CASES = [
    ("i:s:1 { ^<^ }", "syntax: expected expression"),
    ("i:s:1\t\t^$a^", "syntax: expected '{'"),
    ("k:asdf+123abc^^", "syntax: expected '{'"),
    ("begin { $x = 1 ^$y^ = 2 }", "syntax: expected ';'"),
    ("begin { if ($x ^=^ 1) { } }", "syntax: expected ')'"),
    ("begin { if (x ^=^ 1) { } }", "syntax: expected ')'"),
    ("begin { if $x {^^", "syntax: expected '}'"),
    ("begin { print((1, 2)^;^ }", "syntax: expected ')'"),
    ("begin { foo(1,^)^; }", "syntax: expected expression"),
    ("begin { @x[^=^ 5; }", "syntax: expected expression"),
    ("begin { @x[1^;^ }", "syntax: expected ']'"),
    ("begin { return 5 ^6^ }", "syntax: expected ';'"),
    ("begin { a ? b ^}^", "syntax: expected ':'"),
    ("begin { $x = ^while^ (1) { } }", "syntax: expected expression"),
    ("begin { while (1) ^print^(1); }", "syntax: expected '{'"),
    ("begin { let $x: ^=^ 5; }", "syntax: expected type name"),
    ("begin { let $x: struct ^=^ 5; }", "syntax: expected identifier"),
    ("begin { let ^x^ = 5; }", "syntax: expected variable after 'let'"),
    ("begin { $x.^}^", "syntax: expected field name after '.'"),
    ("begin { for (^x^ : @m) { } }", "syntax: expected variable in for loop"),
    ("begin { for ($i : 3) ^{^ } }", "syntax: expected map or range in for loop"),
    (
        "begin { ^$a.x = 1^; }",
        IMMUTABLE,
    ),
    ("begin { ^$a[1] = 1^; }", "syntax: invalid assignment target"),
    ("begin { 5 ^+^= 1; }", "syntax: expected ';'"),
    ("begin { _ ^+^= 1; }", "syntax: expected ';'"),
    ("begin { &^$x^.y; }", "syntax: address-of operator (&) can only be used on a map or variable"),
    ("begin { 3^++^; }", "syntax: increment/decrement requires a variable or map"),
    ("begin { --^pid^; }", "syntax: increment/decrement requires a variable or map"),
    ("begin { (a=1, ^a=2^); }", "syntax: Named argument list already contains name: a"),
    ("begin { ^$^ x; }", "syntax: expected identifier after '$'"),
    ("begin { ^#^ }", "syntax: expected expression"),
    ('begin { "asdf }^^', "syntax: unterminated string"),
    ('begin { "asdf }\n^end^ { }', "syntax: unterminated string"),
    ("begin { ^/*^ foo }", "syntax: unterminated comment"),
    ("^/*^ foo", "syntax: unterminated comment"),
    ('^uprobe:/bin/sh:"f { }^\nbegin { }', "syntax: unterminated string"),
    (
        "^uprobe:/bin/bash:$0^ { }",
        "invalid trailing character for positional param: 0. Try quoting",
    ),
    (
        "^uprobe:/bin/bash:a$x^ { }",
        "invalid trailing character for positional param: x. Try quoting",
    ),
    ("k:f /pid == 1 ^{^ }", "syntax: expected '/' to close predicate"),
    ("k:f /pid == (1^/^ { }", "syntax: expected ')'"),
    ("^/^pid/ { }", "syntax: expected attach point"),
    ("^{^ }", "syntax: expected attach point"),
    ("BPFTRACE_STACK_MODE=perf; ^i^:s:1 { }", "syntax: expected '{'"),
    ("config = { exit^(^); }", "syntax: expected '='"),
    ("config = { ^@a^ = 1; }", "syntax: expected config key"),
    ("config = { a=perf ^b^=2 }", "syntax: expected ';'"),
    ("config ^{^ a=perf }", "syntax: expected '='"),
    ("begin { }\n^config^ = { a=b }", "syntax: config " + LATE),
    ("let @a = hash(1);\n^struct a { int x; };^", "syntax: C definitions " + LATE),
    ('begin { }\n^import^ "x";', "syntax: root imports " + LATE),
    ("config = { } ^config^ = { }\nbegin { }", "syntax: duplicate config block"),
    ("config = { a=1 } ^config^ = { b=1 }\nbegin { }", "syntax: duplicate config block"),
    ("import ^foo^;", "syntax: expected string after 'import'"),
    ('import "foo" ^begin^ { }', "syntax: expected ';' after import"),
    ("^let^ $x = 1;", "syntax: root-level let statements need to be map declarations"),
    ("let @a = hash(^-^1);", "syntax: expected positive integer for map declaration max entries"),
    ("macro ^(^x) { }", "syntax: expected macro name"),
    ("macro m(^1^) { }", "syntax: expected macro argument ($var, @map, or identifier)"),
    ("fn f($x^)^ : int32 { }", "syntax: expected ':'"),
    ("fn f() ^{^ }", "syntax: expected ':'"),
    ("^struct a {^ int x; begin { }", "syntax: the C definition has no end"),
    ("^typedef int x {^", "syntax: the C definition has no end"),
    ("struct a { int x; } __attribute__ ^packed^; begin { }", "syntax: __attribute__ syntax error, expected '(('"),
]


@pytest.mark.parametrize(("marked", "message"), CASES)
def test_message_and_place(marked: str, message: str) -> None:
    before, part, after = marked.split("^")
    first = diagnostics(before + part + after)[0]
    assert message in first.message
    span = first.span
    assert span is not None
    start = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    assert (span.line, span.column) == start
    assert span.end_column - span.column == len(part)


def test_rendering() -> None:
    (error,) = diagnostics("begin {\n\t$x = (1;\n}\n")
    assert error.render() == "x.bt:2:9-10: ERROR: syntax: expected ')'\n    $x = (1;\n           ~"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("begin { $x = 1\n$y = 2 }", "semicolon missing at the end of the line above"),
        ("begin { if ($x = 1) { } }", "comparison is '=='"),
        ("begin { 1", "the '{' in line 1 has no '}'"),
        ("begin {\nif a {\n 1 }\n", "the '{' in line 1 has no '}'"),
        ("begin", "a probe has a body in braces"),
        ("begin { f();\nkprobe:f { }", "a '}' is missing above"),
        ("begin { f();\nEND { }", "a '}' is missing above"),
        ("begin { $x = for $i : 0..1 { } }", "'for' is a statement"),
        ("begin { 1ulll; }", "suffixes are"),
        ("begin { 'a'; }", "double quotes"),
    ],
)
def test_hints(text: str, hint: str) -> None:
    assert hint in diagnostics(text)[0].hint


def test_several_errors_at_once() -> None:
    found = diagnostics("begin { $x = ; }\nkprobe:f { f( }\nmacro m() { 1 + }\nfn f() { }\nend { ok(); }\nend { 1e99 }")
    assert [d.span.line for d in found if d.span] == [1, 2, 3, 4, 6]


def test_errors_are_in_order_and_limited() -> None:
    found = diagnostics("begin { 1e99; $ }\nend { 'a' }\n" + "end { f( }\n" * 100)
    places = [(d.span.line, d.span.column) for d in found if d.span]
    assert places == sorted(places)
    assert len(places) == 20


def test_errors_of_one_probe_that_need_no_recovery() -> None:
    found = diagnostics('begin { 3++; "\\q"; &5; 1e99; $0 }')
    assert len(found) == 5


def test_earlier_warnings_do_not_stop_the_parser() -> None:
    diags = Diagnostics()
    diags.warning(None, "something else")
    assert parse(Source("x.bt", "begin { }"), diags).probes


SNIPPETS = (
    "begin", "kprobe:f", "{", "}", "(", ")", "[", "]", ";", ",", '"', "/", "/*", "*/", "//", "\n", " ", "$x", "@m", "#",
    "=", "if", "else", "struct a", "let", "config", "\\", "$1", "1e5", "->", "..", "*", "macro m", "import", "+", "&",
    "?", ":", "\0", "é", "0x", "while", "for", "'", "typedef", "#define A", "__attribute__", "fn f", "u:/a:\"b\"",
)  # fmt: skip


@given(st.lists(st.sampled_from(SNIPPETS), max_size=25).map("".join))
@example("struct a {")
@example("typedef")
@example('u:/a:"')
@example("}}}}")
@example("/")
@example(",,,")
@example("#")
@example("#!")
@example("config")
@example("let")
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Nothing but CompileError comes out, and every error has a place in the text."""
    try:
        parse(Source("x.bt", text), Diagnostics())
    except CompileError as error:
        assert error.diagnostics
        lines = text.count("\n") + 1
        for diagnostic in error.diagnostics:
            assert diagnostic.span is not None
            assert 1 <= diagnostic.span.line <= diagnostic.span.end_line <= lines
            assert diagnostic.render()
