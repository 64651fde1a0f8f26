"""The regular expressions of --probe-filter: random ones, compared with Python's."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest
from c_harness import build_harness

SETS = ("[ab]", "[^a]", "[a-c1]", "\\d", "\\.", "[a-]", "[^x-z:]")


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program of c/regex.c."""
    return build_harness(tmp_path_factory.mktemp("regex"), "regex", ["regex"])


def ask(answer: Path, questions: list[tuple[str, str]]) -> list[str]:
    lines = "".join(f"{expression}\t{text}\n" for expression, text in questions)
    return subprocess.run([answer], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()


def expression(r: random.Random, depth: int) -> str:
    result = ""
    for _ in range(r.randrange(4)):
        kind = r.random()
        if kind > 0.7 and depth:
            result += f"({expression(r, depth - 1)})"
            continue
        atom = r.choice("abc:x1") if kind < 0.5 else "." if kind < 0.6 else r.choice(SETS)
        result += atom + r.choice(("", "", "", "*", "+", "?"))
    if r.random() < 0.25:
        result += "|" + expression(r, max(0, depth - 1))
    return r.choice(("", "", "", "", "^")) + result + r.choice(("", "", "", "", "$"))


def test_random_expressions(answer: Path) -> None:
    r = random.Random(1)
    questions = []
    while len(questions) < 4000:
        found = expression(r, 2)
        try:
            re.compile(found)
        except re.error:
            continue
        questions.append((found, "".join(r.choice("abc:x1. _Z") for _ in range(r.randrange(8)))))
    wrong = [
        (question, given)
        for question, given in zip(questions, ask(answer, questions), strict=True)
        if given != str(int(bool(re.search(*question))))
    ]
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("wrong", ["(", "a)", "[a", "a(b|[)", "(()", "(a)*"])
def test_damaged_expressions(wrong: str, answer: Path) -> None:
    assert ask(answer, [(wrong, "a")]) == ["invalid"]
