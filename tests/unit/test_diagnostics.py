"""Diagnostics: those of cases_errors.toml are bpftrace's, and every one that the compiler has needs a case."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Diagnostic, Source
from btaot_tool.options import Options

HERE = Path(__file__).parent
COMPILER = HERE.parent.parent / "btaot_tool"
#: One message a line, as a regular expression: those that still have no case.  This list only gets shorter.
WITHOUT_CASE = HERE / "diagnostics_without_case.txt"

_FOLDERS = ("syntax", "expand", "sema", "library", "probes")
_CALLS = frozenset({"error", "fatal", "warning", "_bad", "_error", "LiteralError"})


def read(name: str) -> list[dict[str, object]]:
    return list(tomllib.loads((HERE / name).read_text(encoding="utf-8"))["case"])


CASES = read("cases_errors.toml")


@cache
def said(script: str, unsafe: bool = False) -> tuple[str, ...]:
    """Return what the compiler says of a script, errors first, without quoted lines and hints."""
    try:
        found = compile_script(Source("stdin", script), Options(unsafe=unsafe)).diagnostics
    except CompileError as error:
        found = error.diagnostics
    errors = [d for d in found if d.severity.value == "ERROR"]
    return tuple(line for d in [*errors, *(d for d in found if d not in errors)] for line in _lines(d))


def _lines(diagnostic: Diagnostic) -> list[str]:
    word = diagnostic.severity.value
    places = [(diagnostic.span, diagnostic.message), *diagnostic.notes]
    call = diagnostic.span.parent if diagnostic.span else None
    while call is not None:
        places.append((call, "expanded from"))
        call = call.parent
    quoted = [diagnostic.quoted] if diagnostic.quoted else []
    return quoted + [f"{span}: {word}: {message}" if span else f"{word}: {message}" for span, message in places]


@pytest.mark.parametrize("case", CASES, ids=[str(i) for i in range(len(CASES))])
def test_as_bpftrace(case: dict[str, object]) -> None:
    expected = case["says"]
    assert isinstance(expected, list)
    assert sorted(said(str(case["script"]))) == sorted(expected), case["script"]


# ---- every message has a case


def messages() -> Iterator[str]:
    """Return the texts of all diagnostics in the compiler's sources, as regular expressions."""
    for folder in _FOLDERS:
        for path in sorted((COMPILER / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _called(node.func) in _CALLS:
                    texts = [arg for arg in node.args[:3] if isinstance(arg, ast.JoinedStr | ast.Constant)]
                    yield from (text for arg in texts[:1] if (text := _pattern(arg)))


def _called(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _pattern(node: ast.expr) -> str:
    """Return a pattern for a text; '' for what is none, or says too little to be known again."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".*" for p in node.values)
        text = "".join(parts)
    else:
        return ""
    return text.replace("\\ ", " ") if len(text.replace(".*", "")) > 6 and " " in text else ""


def test_every_message_has_a_case() -> None:
    """What is listed here needs a case in cases_errors.toml, or cases_errors_own.toml if bpftrace has no such text."""
    cases = [*CASES, *read("cases_errors_own.toml")]
    shown = "\n".join(line for case in cases for line in said(str(case["script"]), bool(case.get("unsafe"))))
    missing = sorted({text for text in messages() if not re.search(text, shown)})
    listed = WITHOUT_CASE.read_text(encoding="utf-8").splitlines()
    assert not sorted(set(missing) - set(listed)), "these messages need a case in cases_errors_own.toml"
    assert not sorted(set(listed) - set(missing)), f"these have a case, or are gone: take them out of {WITHOUT_CASE}"


@pytest.mark.parametrize("case", read("cases_errors_own.toml"), ids=lambda case: str(case["script"])[:40])
def test_own_messages(case: dict[str, object]) -> None:
    """Messages that bpftrace does not have, or words otherwise for a reason."""
    expected = case["says"]
    assert isinstance(expected, list)
    shown = said(str(case["script"]), bool(case.get("unsafe")))
    for line in expected:
        assert any(line in found for found in shown), shown


# ---- input that is no script

_DEEP = {
    "brackets": "begin { print(" + "(" * 10_000 + "1" + ")" * 10_000 + "); }",
    "open brackets": "begin { print(" + "(" * 10_000,
    "blocks": "begin { " + "if (1) { " * 10_000 + "}" * 10_000 + " }",
    "else if": "begin { if (1) { }" + " else if (1) { }" * 10_000 + " }",
    "unary": "begin { print(" + "!" * 10_000 + "1); }",
    "chain": "begin { print(1" + " + 1" * 10_000 + "); }",
    "ternary": "begin { print(" + "1 ? 1 : " * 10_000 + "1); }",
    "fields": "begin { print($a" + ".b" * 10_000 + "); }",
    "index": "begin { print(@a" + "[1]" * 10_000 + "); }",
    "predicate": "begin /" + "!" * 10_000 + "1/ { }",
    "macros": "macro m(x) { " + "(" * 10_000 + "x" + ")" * 10_000 + " } begin { m(1); }",
}


@pytest.mark.parametrize("script", _DEEP.values(), ids=_DEEP)
def test_nesting_has_a_limit(script: str) -> None:
    (line,) = said(script)
    assert "nested too deeply: more than" in line


@pytest.mark.parametrize("script", ["", "\n", "// nothing", "\0", "\ufeff", "config = { }"])
def test_no_script(script: str) -> None:
    assert [line for line in said(script) if "ERROR: " in line]


def test_long_lines_and_odd_bytes() -> None:
    """A line of 300,000 characters, a NUL and bytes that are not UTF-8 are what they are in a string or a comment."""
    assert said('begin { printf("' + "x" * 1000 + '"); } //' + "y" * 300_000) == ()
    assert said('begin { printf("a\0b \udcff\udcfe"); /* \udcff */ }') == ()
