"""The tables of cases_*.toml: how one is read, run and judged.

A ``[[case]]`` is one script and one run:

==========  ======================================================================================================
name        unique; a word says what is tested
script      the program.  ``{target}`` in any text is the path of the program of target.c, ``{uid}`` ... see ``facts``
args        command line of the binary
env         environment variables
do          arguments of target.c, run once all probes are attached; ``{do}`` in expected texts is its process id
stop        a signal that ends the run (INT, TERM); without it the script must end by itself
stdout      the exact standard output
body        standard output but for empty lines at both ends
match       regular expressions that are found in standard output
absent      regular expressions that are found nowhere
stderr      regular expressions that are found in standard error; without it there is nothing but "Attached N probes"
status      exit status (0)
unsafe      built with --unsafe
machine     the only architecture that it is for (x86_64), if there are such things in it
since       the first kernel that can do it, where older ones are promised: these refuse it with a message
xfail       why it is known to fail: remove it with the fix
==========  ======================================================================================================

A ``[[values]]`` is a list of expressions and what ``print()`` of each prints; ``before`` is put before them,
``config`` names the script's settings.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import Builder, Outcome, Traced

HERE = Path(__file__).parent
ATTACHED = re.compile(r"^Attached \d+ probes?\n", re.M)


@dataclass(frozen=True)
class Case:
    """One line of a table; the fields are described above."""

    name: str
    script: str
    args: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    do: list[str] = field(default_factory=list)
    stop: str = ""
    stdout: str | None = None
    body: str | None = None
    match: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    status: int = 0
    unsafe: bool = False
    machine: str = ""
    since: str = ""
    xfail: str = ""

    def __post_init__(self) -> None:
        judged = (self.stdout is not None, self.body is not None, self.match, self.stderr, self.status)
        assert any(judged), f"case {self.name} cannot fail"


@dataclass(frozen=True)
class Values:
    """Expressions, each with the line that print() makes of it."""

    name: str
    rows: list[tuple[str, str]]
    before: str = ""
    config: str = ""
    xfail: str = ""

    @property
    def script(self) -> str:
        prints = "\n".join(f"  print(({expression}));" for expression, _ in self.rows)
        config = f"config = {{ {self.config} }}\n" if self.config else ""
        return f"{config}begin {{\n  {self.before}\n{prints}\n  exit();\n}}\n"


def read_tables() -> Iterator[Case | Values]:
    """Return everything in the tables of this folder."""
    for path in sorted(HERE.glob("cases_*.toml")):
        for kind, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for entry in entries:
                name = f"{path.stem.removeprefix('cases_')}-{entry.pop('name')}"
                yield make(kind, name, entry)


def make(kind: str, name: str, entry: dict[str, Any]) -> Case | Values:
    """Return one entry of a table; a key that nobody knows is a TypeError."""
    if kind == "case":
        return Case(name, **entry)
    assert kind == "values", kind
    rows = [(expression, str(expected)) for expression, expected in entry.pop("rows")]
    return Values(name, rows, **entry)


class Facts:
    """What the driver knows about this machine and the run: ``{name}`` in the texts of a table."""

    def __init__(self, target: Path | str) -> None:
        self.values = {
            "target": str(target),
            "target_name": Path(target).name,
            "uid": str(os.getuid()),
            "gid": str(os.getgid()),
            "ncpus": str(os.cpu_count()),
            "me": str(os.getpid()),
        }

    def fill(self, text: str) -> str:
        """Put the values in."""
        return re.sub(r"\{(\w+)\}", lambda m: self.values.get(m[1], m[0]), text)


def run_case(case: Case, build: Builder, target: Path) -> tuple[Outcome, Facts]:
    """Build and run a case, doing what it says."""
    facts = Facts(target)
    binary = build(facts.fill(case.script), unsafe=case.unsafe)
    traced = Traced([binary, *map(facts.fill, case.args)], {k: facts.fill(v) for k, v in case.env.items()})
    facts.values["tracer"] = str(traced.process.pid)
    if case.do:
        acting = subprocess.Popen([target, *map(facts.fill, case.do)], stdout=subprocess.DEVNULL)
        facts.values["do"] = str(acting.pid)
        acting.wait(30)
    if case.stop:
        return traced.stop(getattr(signal, f"SIG{case.stop}")), facts
    return traced.finish(), facts


def judge(case: Case, outcome: Outcome, facts: Facts) -> None:
    """Compare what came with what the table says."""
    shown = f"{outcome}\n--- stdout\n{outcome.stdout}\n--- stderr\n{outcome.stderr}"
    if case.stdout is not None:
        assert outcome.stdout == facts.fill(case.stdout), shown
    if case.body is not None:
        assert outcome.stdout.strip("\n") == facts.fill(case.body).strip("\n"), shown
    for pattern in case.match:
        assert re.search(facts.fill(pattern), outcome.stdout, re.M), f"{pattern!r} was not found\n{shown}"
    for pattern in case.absent:
        assert not re.search(facts.fill(pattern), outcome.stdout, re.M), f"{pattern!r} was found\n{shown}"
    for pattern in case.stderr:
        assert re.search(facts.fill(pattern), outcome.stderr, re.M), f"{pattern!r} was not found\n{shown}"
    if not case.stderr:
        assert ATTACHED.sub("", outcome.stderr) == "", shown
    assert outcome.status == case.status, shown


def judge_values(values: Values, outcome: Outcome) -> None:
    """Compare line by line."""
    lines = outcome.stdout.rstrip("\n").split("\n")
    assert len(lines) == len(values.rows), outcome
    wrong = [
        f"{expression}: {line!r}, expected {expected!r}"
        for (expression, expected), line in zip(values.rows, lines, strict=True)
        if line != expected
    ]
    assert not wrong, "\n".join(wrong)
    assert outcome.status == 0
