"""Probes in programs of other mount namespaces: containers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Builder, Traced


class Container:
    """A process that runs a program which only its own mounts show; it waits for ``go()``, then calls add(7, 1)."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.hidden = folder / "hidden"
        self.hidden.mkdir()
        self.program = self.hidden / "inside"
        self._gate = folder / "gate"
        os.mkfifo(self._gate)
        run = f"exec {self.program} open={self._gate} add=7"
        script = f"mount -t tmpfs none {self.hidden} && cp {target} {self.program} && {run}"
        argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", script]
        self.process = subprocess.Popen(argv)
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{self.process.pid}/exe") != str(self.program):
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.01)

    def go(self) -> None:
        """Let the program call its function and end."""
        os.close(os.open(self._gate, os.O_WRONLY))
        assert self.process.wait(10) == 0


@pytest.fixture
def container(tmp_path: Path, target: Path) -> Iterator[Container]:
    found = Container(tmp_path, target)
    yield found
    found.process.kill()
    found.process.wait()


@pytest.mark.parametrize("point", ["{program}:add", "*:add", "{program}:ad*", "{folder}/in*:add"])
def test_of_a_process_in_another_namespace(build: Builder, container: Container, point: str) -> None:
    """With -p, paths are those that the process sees."""
    script = point.replace("{program}", str(container.program)).replace("{folder}", str(container.hidden))
    binary = build(f'uprobe:{script} {{ printf("%d %s %s\\n", arg0, func, probe); exit(); }}')
    traced = Traced([binary, "-q", "-p", str(container.process.pid)])
    container.go()
    outcome = traced.finish()
    assert not list(container.hidden.iterdir())
    name = f"uprobe:/proc/{container.process.pid}/root{container.program}:add"
    assert outcome.stdout.strip() == f"7 add {name}", outcome


def test_through_the_root_of_a_process(build: Builder, container: Container) -> None:
    path = f"/proc/{container.process.pid}/root{container.program}"
    traced = Traced([build(f'uprobe:{path}:add {{ printf("%d\\n", arg0); exit(); }}'), "-q"])
    container.go()
    assert traced.finish().stdout.strip() == "7"


def test_the_path_means_nothing_without_the_process(build: Builder, container: Container) -> None:
    traced = Traced([build(f"uprobe:{container.program}:add {{ }}")], ready=False)
    outcome = traced.finish()
    assert f"uprobe target file '{container.program}' does not exist" in outcome.stderr and outcome.status == 1
