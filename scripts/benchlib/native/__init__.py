"""Two small C programs, compiled when they are first needed: a load, and a launcher that measures."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@functools.cache
def _program(name: str) -> Path:
    source = Path(__file__).with_name(f"{name}.c")
    result = _folder() / name
    argv = [sys.executable, "-m", "ziglang", "cc", "-target", f"{os.uname().machine}-linux-musl", "-static", "-O2"]
    subprocess.run([*argv, str(source), "-o", str(result)], check=True)
    return result


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="btaot-bench-"))
    atexit.register(shutil.rmtree, folder)
    return folder


def load(calls: int) -> None:
    """Run ``calls`` system calls in a process that is pinned to the last CPU; in C, for Python would be too slow."""
    last = max(os.sched_getaffinity(0))
    argv = [str(_program("load")), str(calls)]
    subprocess.run(argv, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {last}))


@dataclass(frozen=True)
class Usage:
    """What a process used from start to exit."""

    status: int
    wall_ms: float
    peak_kib: int
    cpu_seconds: float


class Launched:
    """A running command."""

    def __init__(self, argv: list[str], *, output: bool = False, errors: bool = False) -> None:
        read, write = os.pipe()
        self._report = os.fdopen(read)
        self._process = subprocess.Popen(
            [str(_program("launch")), str(write), *argv],
            pass_fds=[write],
            stdout=subprocess.PIPE if output else subprocess.DEVNULL,
            stderr=subprocess.PIPE if errors else subprocess.DEVNULL,
        )
        os.close(write)
        self.pid = int(self._report.readline())

    @property
    def output(self) -> IO[bytes]:
        """Standard output, if it was asked for."""
        assert self._process.stdout
        return self._process.stdout

    @property
    def errors(self) -> IO[bytes]:
        """Standard error, if it was asked for."""
        assert self._process.stderr
        return self._process.stderr

    def running(self) -> bool:
        """Tell whether the command runs."""
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Send SIGINT to the command."""
        os.kill(self.pid, signal.SIGINT)

    def wait(self) -> Usage:
        """Wait for the end."""
        status, wall, peak, cpu = (int(word) for word in self._report.readline().split())
        self._process.wait()
        self._report.close()
        return Usage(status, wall / 1e6, peak, cpu / 1e6)
