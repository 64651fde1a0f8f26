"""Builds scripts and runs them on this kernel: what the tests of this folder share.

``Builder`` compiles in one worker process that lives as long as the tests.  ``Traced`` is a running binary: it is
ready when all probes are attached (the runtime prints a line that an environment variable asks for), so that
whatever a test does then is seen.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from btaot_tool.diagnostics import Source
from btaot_tool.options import Options
from btaot_tool.stub import cached_stub
from btaot_tool.targets import Target, host_target
from btaot_tool.worker.client import WorkerPool
from btaot_tool.zig import zig_command

NOTIFY = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a binary left behind: its streams without the line of NOTIFY, its status (negative: a signal)."""

    stdout: str
    stderr: str
    status: int


class Builder:
    """Makes an executable of a script; equal scripts are compiled once."""

    def __init__(self, folder: Path, target: Target | None = None) -> None:
        self._folder = folder
        self._pool = WorkerPool()
        self._made: dict[tuple[str, bool, str], Path] = {}
        self._target = target or host_target()
        self.stub = cached_stub(self._target)

    def __call__(self, script: str, *, unsafe: bool = False, name: str = "t.bt", sysroot: str = "") -> Path:
        """Return the executable; CompileError if there is none."""
        key = (script, unsafe, sysroot)
        if key not in self._made:
            path = self._folder / str(len(self._made))
            self._pool.build(
                Source(name, script), Options(self._target, unsafe=unsafe, sysroot=sysroot), self.stub, path
            )
            self._made[key] = path
        return self._made[key]

    def close(self) -> None:
        self._pool.close()


def build_traced_program(folder: Path, target: Target) -> Path:
    """Compile target.c for an architecture: static, with symbols and frame pointers."""
    path = folder / "btaot-target"
    flags = ["-static", "-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize=all"]
    argv = [*zig_command(), "cc", "-target", target.zig, *flags, str(Path(__file__).parent / "target.c")]
    subprocess.run([*argv, "-o", str(path)], check=True)
    return path


class Traced:
    """A running binary.  Standard output is a pipe that is read, standard error a file."""

    def __init__(self, argv: Sequence[str | Path], env: Mapping[str, str] | None = None, ready: bool = True) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._stdout = b""
        self._deadline = time.monotonic() + TIMEOUT
        variables = {**os.environ, **(env or {})}
        if ready:
            variables[NOTIFY] = "1"
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr, env=variables
        )
        if ready:
            self.read_until(NOTIFY + "\n")

    def read_until(self, text: str) -> None:
        """Wait until the text was printed, or the output has ended."""
        while text.encode() not in self._stdout and self._read():
            pass

    def _read(self) -> bool:
        stream = self.process.stdout
        assert stream is not None
        if not select.select([stream], [], [], max(0.0, self._deadline - time.monotonic()))[0]:
            self.process.kill()
            raise AssertionError(f"took too long; printed {self._stdout!r}, {self._errors()!r}")
        data = os.read(stream.fileno(), 1 << 16)
        self._stdout += data
        return bool(data)

    def send(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def finish(self) -> Outcome:
        """Wait for the end by itself and return what was printed."""
        while self._read():
            pass
        status = self.process.wait(TIMEOUT)
        text = self._stdout.decode(errors="backslashreplace").replace(NOTIFY + "\n", "")
        return Outcome(text, self._errors(), status)

    def stop(self, number: int = signal.SIGINT) -> Outcome:
        """End it by a signal and return what was printed."""
        self.send(number)
        return self.finish()

    def _errors(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="backslashreplace")


def run(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Outcome:
    """Run a binary that ends by itself."""
    return Traced(argv, env, ready=False).finish()
