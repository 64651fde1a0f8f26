"""Functions on strings over random texts, compared with a model in Python.

One executable does all the calls; the texts come as its parameters.  Lengths cluster at the places where something
ends: no letter, words of 8 bytes, 64, and what a string holds at most.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from harness import Builder, run

LIMIT = 256  # max_strlen: room for 255 letters and the NUL
EDGES = (0, 1, 2, 7, 8, 9, 15, 16, 31, 32, 63, 64, 65, 127, 128, 254, 255)
ROUNDS = 20
COUNTS = (0, 1, 2, 8, 63, 64, 65, 200, 255, 300)  # of strncmp()
SIZES = (0, 1, 2, 8, 63, 64, 65, 200)  # of str()

SCRIPT = f"""
config = {{ max_strlen = {LIMIT} }}
begin {{
  $a = str($1); $b = str($2); $n = (uint64)$3;
  print((strlen($a), strlen($b), strlen(str($2))));
  print((strstr($a, $b), strstr($b, $a), strstr(str($1), str($2)), strstr($a, "ab"), strstr($a, "")));
  print((strcontains($a, $b), strcontains($b, $a), strcontains($a, "aab"), strcontains("abaab", $b)));
  print(($a == $b, $a != $b, $a == "abab"));
  print(({", ".join(f"strncmp($a, $b, {count})" for count in COUNTS)}));
  printf("[%s]\\n", str_concat($a, $b));
  printf("[%s]\\n", str_concat(str_concat($b, "-"), $a));
  printf("{"[%s]" * len(SIZES)}\\n", {", ".join(f"str($1, {size})" for size in SIZES)});
  printf("[%s][%s]\\n", str($a, $n), str($1, $n));
  @kept[$a, $b] = $b; print(@kept[$a, $b] == $b); printf("[%s]\\n", @kept[$a, $b]); clear(@kept);
  exit();
}}
"""


def truth(value: bool) -> str:
    return str(value).lower()


def concatenated(*texts: str) -> str:
    return "".join(texts)[: LIMIT - 1]


def model(a: str, b: str, n: int) -> str:
    """Return what the script prints."""
    letters = max(n - 1, 0)  # a length that is computed counts the NUL
    rows = [
        f"({len(a)}, {len(b)}, {len(b)})",
        f"({a.find(b)}, {b.find(a)}, {a.find(b)}, {a.find('ab')}, 0)",
        f"({truth(b in a)}, {truth(a in b)}, {truth('aab' in a)}, {truth(b in 'abaab')})",
        f"({truth(a == b)}, {truth(a != b)}, {truth(a == 'abab')})",
        f"({', '.join(str(int(a[:count] != b[:count])) for count in COUNTS)})",
        f"[{concatenated(a, b)}]",
        f"[{concatenated(concatenated(b, '-'), a)}]",
        "".join(f"[{a[:size]}]" for size in SIZES),
        f"[{a[:letters]}][{a[:letters]}]",
        "true",
        f"[{b}]",
    ]
    return "\n".join(rows)


def make_pair(source: random.Random) -> tuple[str, str]:
    """Return two texts of few letters; often one is part of the other, or they differ late."""

    def text() -> str:
        length = source.choice(EDGES) if source.random() < 0.8 else source.randrange(LIMIT)
        return "".join(source.choice("ab") for _ in range(length))

    a, b = text(), text()
    kind = source.random()
    if kind < 0.3 and a:
        start = source.randrange(len(a))
        b = a[start : source.randrange(start, len(a)) + 1]
    elif kind < 0.5 and a:
        place = source.randrange(len(a))
        b = a[:place] + "c" + a[place + 1 :]
    elif kind < 0.6:
        b = a
    return a, b


@pytest.fixture(scope="module")
def binary(build: Builder) -> Path:
    return build(SCRIPT)


@pytest.mark.parametrize("seed", range(4))
def test_strings(binary: Path, seed: int) -> None:
    source = random.Random(seed)
    for _ in range(ROUNDS):
        (a, b), n = make_pair(source), source.choice((0, 1, 2, 8, 64, 255, 256, 300))
        outcome = run([binary, a, b, str(n)])
        assert outcome.stdout.rstrip("\n") == model(a, b, n), (a, b, n, outcome.stderr)


def test_the_model_itself() -> None:
    """Values that were computed by hand."""
    assert model("abab", "b", 3).splitlines() == [
        "(4, 1, 1)", "(1, -1, 1, 0, 0)", "(true, false, false, true)", "(false, true, true)",
        "(0, 1, 1, 1, 1, 1, 1, 1, 1, 1)", "[ababb]", "[b-abab]", "[][a][ab][abab][abab][abab][abab][abab]",
        "[ab][ab]", "true", "[b]",
    ]  # fmt: skip
