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

_results: dict[str, dict[str, Result]] = {}


@pytest.fixture(scope="session")
def params_results(
    guest: str, binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Result]:
    """Boot the guest and run all cases in it."""
    if guest not in _results:
        arch, _, kernel = guest.partition("-")
        binaries, root = binaries_of(arch), tmp_path_factory.mktemp(guest)
        (root / "t").mkdir()
        programs: dict[str, Path] = {
            name: compile_program(root / "t", find_target(arch), f"params.{name}", BUILD_ID) for name in ("c", "cpp")
        }
        commands = {}
        for name, (script, _) in CASES.items():
            program = programs["cpp" if "{cpp}" in script else "c"].name
            text = script.replace("{cpp}", f"/t/{program}").replace("{c}", f"/t/{program}")
            commands[name] = f"{binaries.add(text, sysroot=str(root))} -q -c /t/{program}"
        files = {**binaries.files, **{path.name: path for path in programs.values()}}
        _results[guest] = run_guest(arch, kernel, files, commands, timeout=300, command_timeout=30)
    return _results[guest]


@pytest.mark.parametrize("name", CASES)
def test_case(guest: str, params_results: Mapping[str, Result], name: str) -> None:
    seen = params_results[name]
    assert (seen.stdout.rstrip("\n"), seen.stderr, seen.status) == (CASES[name][1].rstrip("\n"), "", 0)
