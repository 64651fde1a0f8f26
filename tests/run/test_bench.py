"""The benchmarks run, and hello stays within its limits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root


def bench(root_dir: Path, *args: str) -> dict[str, dict[str, float]]:
    argv = [sys.executable, str(root_dir / "scripts" / "bench"), "--json", *args]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_hello_is_small_and_quick(root_dir: Path) -> None:
    row = bench(root_dir, "start", "--runs", "20")["btaot"]
    assert row["hello, ms"] < 5
    assert row["peak, KiB"] < 2048
    assert row["size, KB"] < 150


def test_every_part_measures(root_dir: Path) -> None:
    row = bench(root_dir, "opens", "probe", "flood", "--calls", "100000", "--events", "20000")["btaot"]
    assert row["opensnoop, first event, ms"] > 0
    assert 0 < row["count(), ns"] < 10_000
    assert row["printed"] + row["reported lost"] == 20_000
