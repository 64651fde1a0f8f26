"""Parameters by name in guests: registers and stack as each architecture has them.

The programs lie below a directory here as they do in the guest: what ``--sysroot`` is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from btaot_tool.targets import find_target

from .binaries import Binaries
from .guest import Result, run_guest

# isort: split
from cases_params import CASES
from programs import BUILD_ID, compile_program
from random_params import RandomProgram

RANDOM = [f"random-{seed}" for seed in range(6)]
_results: dict[str, dict[str, tuple[Result, str]]] = {}


class Guest:
    """What goes into one guest, and what it has to print."""

    def __init__(self, binaries: Binaries, root: Path) -> None:
        self._binaries = binaries
        self._root = root
        self._target = find_target(binaries.arch)
        (root / "t").mkdir()
        self.files = binaries.files
        self.commands: dict[str, str] = {}
        self.expected: dict[str, str] = {}

    def compile(self, source: str, *flags: str) -> Path:
        """Compile a program that lies in /t of the guest."""
        path = compile_program(self._root / "t", self._target, source, BUILD_ID, *flags)
        self.files[path.name] = path
        return path

    def add(self, name: str, script: str, program: str, expected: str) -> None:
        """Add a script that traces a program."""
        self.commands[name] = f"{self._binaries.add(script, sysroot=str(self._root))} -q -c /t/{program}"
        self.expected[name] = expected

    def add_random(self, name: str) -> None:
        """Add a program with random parameters."""
        seed = int(name.partition("-")[2])
        made, source = RandomProgram(seed), self._root / f"random{seed}.c"
        source.write_text(made.source)
        program, arch = self.compile(str(source), "-O0" if seed % 2 else "-O2"), self._target.name
        self.add(name, made.script(program, f"/t/{program.name}", arch), program.name, made.expected(program, arch))


@pytest.fixture(scope="session")
def params_results(
    guest: str, binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[Result, str]]:
    """Boot the guest and run all cases in it."""
    if guest not in _results:
        arch, _, kernel = guest.partition("-")
        made = Guest(binaries_of(arch), tmp_path_factory.mktemp(guest))
        programs = {name: made.compile(f"params.{name}").name for name in ("c", "cpp")}
        for name, (script, expected) in CASES.items():
            program = programs["cpp" if "{cpp}" in script else "c"]
            made.add(name, script.replace("{cpp}", f"/t/{program}").replace("{c}", f"/t/{program}"), program, expected)
        for name in RANDOM:
            made.add_random(name)
        results = run_guest(arch, kernel, made.files, made.commands, timeout=300, command_timeout=30)
        _results[guest] = {name: (result, made.expected[name]) for name, result in results.items()}
    return _results[guest]


@pytest.mark.parametrize("name", [*CASES, *RANDOM])
def test_case(guest: str, params_results: Mapping[str, tuple[Result, str]], name: str) -> None:
    seen, expected = params_results[name]
    assert (seen.stdout.strip(), seen.stderr, seen.status) == (expected.strip(), "", 0)
