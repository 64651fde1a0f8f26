"""What goes into a guest: executables made once per architecture, and the commands that run them."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "tests" / "run") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests" / "run"))

from cases import Case, Facts, Values  # noqa: E402
from harness import Builder, Outcome, build_traced_program  # noqa: E402

from btaot_tool.targets import find_target  # noqa: E402

from .guest import Result  # noqa: E402

TARGET = "/t/btaot-target"
PROCESSES = re.compile(r"@@PROCESSES (\d*) (\d*)\n\Z")


@dataclass
class Binaries:
    """The executables of one architecture; the same files run on every kernel."""

    arch: str
    build: Builder
    target: Path
    files: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files["btaot-target"] = self.target
        self.files["traced"] = Path(__file__).parent / "traced.sh"

    def add(self, script: str, *, unsafe: bool = False, sysroot: str = "") -> str:
        """Build a script and return the path that it has in a guest."""
        path = self.build(script, unsafe=unsafe, sysroot=sysroot)
        self.files[f"b/{path.name}"] = path
        return f"/t/b/{path.name}"


def make_binaries(arch: str, folder: Path) -> Binaries:
    """Return the collection of an architecture, still empty."""
    target = find_target(arch)
    return Binaries(arch, Builder(folder, target), build_traced_program(folder, target))


def guest_facts() -> Facts:
    """Return what a case of tests/run may know about a guest."""
    facts = Facts(TARGET)
    facts.values.update(uid="0", gid="0", ncpus="1")
    del facts.values["me"]
    return facts


def case_command(binaries: Binaries, entry: Case | Values) -> str:
    """Build an entry of the tables of tests/run and return the shell command that runs it in a guest."""
    facts = guest_facts()
    if isinstance(entry, Values):
        return binaries.add(entry.script)
    words = [binaries.add(facts.fill(entry.script), unsafe=entry.unsafe), *map(facts.fill, entry.args)]
    settings = {name: facts.fill(value) for name, value in entry.env.items()}
    if entry.do:
        settings["DO"] = shlex.join([TARGET, *map(facts.fill, entry.do)])
    settings["STOP"] = entry.stop
    assigned = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    return f"{' '.join(assigned)} traced {shlex.join(words)}"


def outcome(result: Result, facts: Facts) -> Outcome:
    """Return a guest's result as that of a run here; the processes become known."""
    found = PROCESSES.search(result.stdout)
    if found:
        facts.values["tracer"], facts.values["do"] = found.groups()
    return Outcome(PROCESSES.sub("", result.stdout), result.stderr, result.status)
