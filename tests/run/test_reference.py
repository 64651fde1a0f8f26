"""Runs reference/*.toml: scripts with the output that bpftrace 0.27.1 has for them, as text and as JSON.

A case has ``name``, ``script``, ``text``, ``json`` and ``status``.  To add one, write the script, run it with bpftrace
of that release (``TZ=UTC bpftrace FILE`` and ``bpftrace -f json FILE``) and put in what it prints.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from harness import Builder, run

CASES = [
    case
    for path in sorted((Path(__file__).parent / "reference").glob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_output_is_that_of_bpftrace(case: dict[str, Any], form: str, build: Builder) -> None:
    outcome = run([build(case["script"]), "-f", form], {"TZ": "UTC"})
    assert outcome.stdout == case[form], outcome.stderr
    assert outcome.status == case["status"]
