"""Wrong scripts and a broken backend: reported, and the rest of the build goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from project import HELLO, Project

WRONG = "begin {\n  $x = ;\n}\n"


def test_wrong_script_under_keep_going(project: Project) -> None:
    project.write(a_bt=HELLO, bad_bt=WRONG, z_bt=HELLO)
    project.sconstruct("env.BtAot(Glob('*.bt'))")
    text = project.scons("-k", "-j2", status=2)
    assert re.search(r"^bad\.bt:2:\d+-\d+: ERROR: ", text, re.MULTILINE)
    assert "\n  $x = ;\n" in text
    assert re.search(r"^\s+[~^]+$", text, re.MULTILINE)
    assert "scons: *** [bad] Error 1" in text
    assert project.path("a").exists() and project.path("z").exists() and not project.path("bad").exists()


def test_mended_script_is_built(project: Project) -> None:
    project.write(bad_bt=WRONG)
    project.sconstruct("env.BtAot('bad.bt')")
    project.scons(status=2)
    project.write(bad_bt=HELLO)
    assert project.built() == {"bad"}


def test_broken_backend_is_a_diagnostic(project: Project, stand_in_compiler: Path) -> None:
    project.env["PYTHONPATH"] = str(stand_in_compiler)
    project.write(a_bt=HELLO, crash_bt="die", z_bt=HELLO)
    project.sconstruct("env.BtAot(Glob('*.bt'))")
    text = project.scons("-k", status=2)
    assert "ERROR: the compiler's backend broke while it worked on crash.bt: exit status 1\nLLVM ERROR:" in text
    assert project.path("a").exists() and project.path("z").exists() and not project.path("crash").exists()


def test_missing_import_names_the_file(project: Project) -> None:
    project.write(a_bt=f'import "nowhere.bt";\n{HELLO}')
    project.sconstruct("env.BtAot('a.bt')")
    text = project.scons(status=2)
    assert "a.bt:1:1-20: ERROR: " in text and "nowhere.bt" in text


def test_interrupt_leaves_no_worker(project: Project) -> None:
    for number in range(40):
        project.put(f"s{number}.bt", HELLO)
    project.sconstruct("env.BtAot(Glob('*.bt'))")
    argv = [sys.executable, "-m", "SCons", "-Q", "-j2"]
    process = subprocess.Popen(argv, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    process.stdout.readline()
    workers = children(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert workers, "no worker was seen"
    deadline = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]


def children(pid: int) -> list[int]:
    """Return the processes that a process started, waiting for the first of them."""
    for _ in range(200):
        found = [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
        if found:
            return found
        time.sleep(0.01)
    return []
