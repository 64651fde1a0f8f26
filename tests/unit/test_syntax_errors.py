"""Scripts that are wrong: what is said, and where."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btaot_tool.diagnostics import CompileError, Diagnostic, Diagnostics, Source
from btaot_tool.syntax import parse

DECLARED = "must stand before the first probe, macro, function and map declaration"


def diagnostics(text: str) -> list[Diagnostic]:
    with pytest.raises(CompileError) as caught:
        parse(Source("x.bt", text), Diagnostics())
    return caught.value.diagnostics


# The wrong part stands between two carets; it is empty where the text ends too early.
CASES = [
    ("i:s:1 { ^<^ }", "unexpected '<', expected expression"),
    ("i:s:1\t\t^$a^", "unexpected variable $a, expected '{'"),
    ("k:asdf+123abc^^", "unexpected end of file, expected '{'"),
    ("begin { $x = 1 ^$y^ = 2 }", "unexpected variable $y, expected ';'"),
    ("begin { if ($x ^=^ 1) { } }", "unexpected '=', expected ')'"),
    ("begin { if ^(x = 1)^ { } }", "a record cannot be a condition"),
    ("begin { if $x {^^", "unexpected end of file"),
    ("begin { print((1, 2)^;^ }", "unexpected ';', expected ')'"),
    ("begin { foo(1,^)^; }", "unexpected ')', expected expression"),
    ("begin { @x[^=^ 5; }", "unexpected '=', expected expression"),
    ("begin { @x[1^;^ }", "unexpected ';', expected ']'"),
    ("begin { return 5 ^6^ }", "unexpected integer 6, expected ';'"),
    ("begin { a ? b ^}^", "unexpected '}', expected ':'"),
    ("begin { $x = ^while^ (1) { } }", "unexpected 'while', expected expression"),
    ("begin { while (1) ^print^(1); }", "unexpected identifier print, expected '{'"),
    ("begin { let $x: ^=^ 5; }", "unexpected '=', expected type name"),
    ("begin { let $x: struct ^=^ 5; }", "unexpected '=', expected identifier"),
    ("begin { let ^x^ = 5; }", "unexpected identifier x, expected variable"),
    ("begin { $x.^}^", "unexpected '}', expected identifier"),
    ("begin { for (^x^ : @m) { } }", "unexpected identifier x, expected variable"),
    ("begin { for ($i : ^3^) { } }", "a for loop goes over a map or a range"),
    ("begin { ^$a.x^ = 1; }", "fields and elements cannot be assigned to"),
    ("begin { ^$a[1]^ = 1; }", "fields and elements cannot be assigned to"),
    ("begin { ^5^ += 1; }", "invalid assignment target"),
    ("begin { ^_^ += 1; }", "invalid assignment target"),
    ("begin { &^$x.y^; }", "only the address of a variable or a map"),
    ("begin { 3^++^; }", "'++' needs a variable or a map"),
    ("begin { ^--^pid; }", "'--' needs a variable or a map"),
    ("begin { (a=1, ^a^=2); }", "the record already has a field 'a'"),
    ("begin { ^$^ x; }", "a '$' without a name"),
    ("begin { ^#^ }", "unexpected character '#'"),
    ('begin { ^"asdf }^', "unterminated string"),
    ('begin { ^"asdf }^\nend { }', "unterminated string"),
    ("begin { ^/*^ foo }", "unterminated comment"),
    ("^/*^ foo", "unterminated comment"),
    ('^uprobe:/bin/sh:"f { }^\nbegin { }', "unterminated string"),
    ("uprobe:/bin/bash:^$0^ { }", "invalid positional parameter '$0'"),
    ("uprobe:/bin/bash:a^$x^ { }", "invalid positional parameter '$x'"),
    ("k:f /pid == 1 ^{^ }", "expected '/' to close the predicate"),
    ("k:f /pid == (1^/^ { }", "unexpected '/', expected ')'"),
    ("^/^pid/ { }", "unexpected '/', expected attach point"),
    ("^{^ }", "unexpected '{', expected attach point"),
    ("BPFTRACE_STACK_MODE=perf; ^i^:s:1 { }", "unexpected identifier i, expected '{'"),
    ("config = { exit^(^); }", "unexpected '(', expected '='"),
    ("config = { ^@a^ = 1; }", "unexpected map @a, expected identifier"),
    ("config = { a=perf ^b^=2 }", "unexpected identifier b, expected ';'"),
    ("config ^{^ a=perf }", "unexpected '{', expected '='"),
    ("begin { }\n^config^ = { a=b }", "the config block " + DECLARED),
    ("macro a() { }\n^#include <x.h>^\nbegin { }", "a C definition " + DECLARED),
    ("let @a = hash(1);\n^struct a { int x; };^", "a C definition " + DECLARED),
    ('begin { }\n^import^ "x";', "an import " + DECLARED),
    ("config = { } ^config^ = { }\nbegin { }", "a second config block"),
    ("config = { a=1 } ^config^ = { b=1 }\nbegin { }", "a second config block"),
    ("import ^foo^;", "unexpected identifier foo, expected string"),
    ('import "foo" ^begin^ { }', "unexpected 'begin', expected ';'"),
    ("let ^$x^ = 1;", "unexpected variable $x, expected map"),
    ("let @a = hash(^-^1);", "unexpected '-', expected integer"),
    ("macro ^(^x) { }", "unexpected '(', expected identifier"),
    ("macro m(^1^) { }", "unexpected integer 1"),
    ("fn f($x^)^ : int32 { }", "unexpected ')', expected ':'"),
    ("fn f() ^{^ }", "unexpected '{', expected ':'"),
    ("^struct a {^ int x; begin { }", "the C definition has no end"),
    ("^typedef int x {^", "the C definition has no end"),
    ("struct a { int x; } ^__attribute__ ^packed; begin { }", "an attribute is written __attribute__((...))"),
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
    assert error.render() == "x.bt:2:9-10: ERROR: syntax error, unexpected ';', expected ')'\n\t$x = (1;\n\t       ~"


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
        ("let $x = 1;", "let @a = hash(100);"),
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
