"""``btaot run``: the program that is run from memory is the one that ``btaot build`` writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

SCRIPT = 'begin { printf("got %d\\n", $1); }\ninterval:s:30 { exit(); }\n'


def btaot(folder: Path, root: Path, *args: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "btaot_tool", *args]
    env = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.Popen(argv, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_same_bytes_and_parameters(tmp_path: Path, root_dir: Path) -> None:
    (tmp_path / "p.bt").write_text(SCRIPT)
    assert btaot(tmp_path, root_dir, "build", "p.bt").wait(120) == 0
    process = btaot(tmp_path, root_dir, "run", "p.bt", "--", "-B", "line", "42")
    assert process.stdout and process.stdout.readline() == "got 42\n"
    assert os.readlink(f"/proc/{process.pid}/exe").startswith("/memfd:btaot")
    assert Path(f"/proc/{process.pid}/exe").read_bytes() == (tmp_path / "p").read_bytes()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_program_as_argument(tmp_path: Path, root_dir: Path) -> None:
    process = btaot(tmp_path, root_dir, "run", "-e", 'begin { printf("%d\\n", $1 + 1); exit(); }', "41")
    output, _ = process.communicate(timeout=120)
    assert output.strip() == "42" and process.returncode == 0
