"""Executables are small: under 150,000 bytes for every example and target."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from btaot_tool.cli import main
from btaot_tool.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 150_000
#: What payloads leave of it: those of the examples take up to 2,600 bytes (compressed).
STUB_LIMIT = 147_400


@pytest.mark.parametrize("target", TARGETS)
def test_examples(target: str, tmp_path: Path) -> None:
    sizes = {}
    for script in sorted((ROOT / "examples").glob("*.bt")):
        output = tmp_path / script.stem
        assert main(["build", str(script), "--target", target, "-o", str(output)]) == 0
        sizes[script.name] = output.stat().st_size
    assert sizes
    assert {name: size for name, size in sizes.items() if size >= LIMIT} == {}


def test_unwinder(tmp_path: Path) -> None:
    """Scripts with dw_ustack have a stub of their own; on the other target they refuse to start."""
    script = "config = { unstable_dw_ustack = enable } uprobe:/bin/sh:main { print(dw_ustack); }"
    for target in TARGETS:
        assert main(["build", "-e", script, "--target", target, "-o", str(tmp_path / target)]) == 0
        assert (tmp_path / target).stat().st_size < LIMIT
        assert (b"dw_ustack requires a target process" in (tmp_path / target).read_bytes()) == (target == "x86_64")


def test_sizes_names_the_files() -> None:
    """The table that CI prints: the sum of its files is the code."""
    done = subprocess.run([sys.executable, ROOT / "scripts/sizes"], capture_output=True, text=True, check=True)
    print(done.stdout)
    assert " events.c\n" in done.stdout and " libc/memory.c\n" in done.stdout
    for name, table in zip(TARGETS, done.stdout.split(": stub ")[1:], strict=True):
        lines = table.splitlines()
        assert int(lines[0]) < STUB_LIMIT, name
        sections = {part.split()[0]: int(part.split()[1]) for part in lines[1].split(",")}
        counted = sum(int(line.split()[0]) for line in lines[2:] if line.split()[0].isdigit())
        assert abs(counted - sections[".text"]) < sections[".text"] // 20, name
