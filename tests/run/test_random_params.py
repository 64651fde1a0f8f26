"""Functions with random parameters: what is read is what the compiler passed."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Builder, run
from programs import BUILD_ID, compile_program
from random_params import RandomProgram

from btaot_tool.targets import host_target


@pytest.mark.parametrize("seed", range(4))
def test_random_parameters(build: Builder, tmp_path: Path, seed: int) -> None:
    made, target = RandomProgram(seed), host_target()
    (tmp_path / "random.c").write_text(made.source)
    program = compile_program(tmp_path, target, str(tmp_path / "random.c"), BUILD_ID, "-O0" if seed % 2 else "-O2")
    outcome = run([build(made.script(program, str(program), target.name)), "-q", "-c", str(program)])
    assert outcome.stdout.strip() == made.expected(program, target.name).strip(), outcome.stderr
