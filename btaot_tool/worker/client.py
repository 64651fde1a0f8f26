"""The client's side: a pool of workers, one per job that runs at the same time.

``WorkerPool.compile`` and ``WorkerPool.build`` may be called from any thread.  A worker that dies (LLVM ends the
process on a backend error) becomes a diagnostic, and the next request gets a new one.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from ..diagnostics import CompileError, Diagnostic, Severity, Source, Span
from ..options import Options
from ..version import package_dir
from .protocol import Message, decode_diagnostics, read_frame, write_frame

_STACK = re.compile(r"error: (.+):(\d+):(\d+): in function .*: Looks like the BPF stack limit is exceeded")
_TAIL = 2000  # bytes of a dead worker's last words that are shown
_PATIENCE = 2.0  # seconds that a worker gets to leave


@dataclass(frozen=True)
class Compiled:
    """What came back: the payload (empty after ``build``), warnings, and the files that were read."""

    meta: bytes = b""
    text: bytes = b""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)


# The worker must be this btaot, whatever else is installed, and nothing else may be shadowed by our directory.
_START = """\
import sys
sys.path.insert(0, sys.argv[1])
import btaot_tool
del sys.path[0]
from btaot_tool.worker.server import main
main()
"""


class WorkerDied(Exception):
    """The process ended without an answer."""


class Worker:
    """One worker process."""

    def __init__(self, python: str) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-P", "-c", _START, str(package_dir().parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            process_group=0,  # Ctrl-C is for the client, which then closes the pipe
        )

    def ask(self, request: Message) -> tuple[Message, bytes, bytes]:
        """Send a request and wait; returns header, block, and what was printed on stderr meanwhile."""
        self._stderr.seek(0)
        self._stderr.truncate()
        try:
            write_frame(cast(BinaryIO, self._process.stdin), request)
            frame = read_frame(cast(BinaryIO, self._process.stdout))
        except OSError:
            frame = None
        if frame is None:
            raise WorkerDied(self._last_words())
        return (*frame, self._printed())

    def close(self) -> None:
        """End the process: the end of its input first, a signal if that is not enough."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def _printed(self) -> bytes:
        self._stderr.seek(0)
        return self._stderr.read()

    def _last_words(self) -> str:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        tail = self._printed()[-_TAIL:].decode(errors="replace").strip()
        return f"{how}\n{tail}" if tail else how


class WorkerPool:
    """Workers that wait for the next script.  ``close()`` ends them; so does the end of this process.

    ``python`` is the interpreter that they run in: one that has llvmlite and LIEF.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        atexit.register(self.close)

    def start(self) -> None:
        """Start one worker ahead of its first request."""
        self._put(Worker(self._python))

    def compile(self, source: Source, options: Options) -> Compiled:
        """Compile to a payload; CompileError if the script is wrong or the backend broke."""
        reply, block = self._run(self._request("compile", source, options))
        size = reply["meta_size"]
        return Compiled(block[:size], block[size:], decode_diagnostics(reply["diagnostics"]), reply["dependencies"])

    def build(self, source: Source, options: Options, stub: Path, output: Path) -> Compiled:
        """Compile and write the executable, both in the worker."""
        request = self._request("build", source, options)
        reply, _ = self._run({**request, "stub": str(stub), "output": str(output)})
        return Compiled(b"", b"", decode_diagnostics(reply["diagnostics"]), reply["dependencies"])

    def close(self) -> None:
        """End all idle workers."""
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.close()

    @staticmethod
    def _request(op: str, source: Source, options: Options) -> Message:
        return {"op": op, "name": source.name, "text": source.text, "options": options.to_json(), "cwd": os.getcwd()}

    def _run(self, request: Message) -> tuple[Message, bytes]:
        worker = self._take()
        try:
            reply, block, printed = worker.ask(request)
        except WorkerDied as death:
            worker.close()
            raise CompileError([_crash(Source(request["name"], request["text"]), str(death))]) from None
        except BaseException:  # interrupted: the answer would come to the wrong question
            worker.close()
            raise
        self._put(worker)
        if printed:
            sys.stderr.buffer.write(printed)  # results of --dump
            sys.stderr.flush()
        if not reply["ok"]:
            raise CompileError(decode_diagnostics(reply["diagnostics"]))
        return reply, block

    def _take(self) -> Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Worker(self._python)

    def _put(self, worker: Worker) -> None:
        with self._lock:
            self._idle.append(worker)


def _crash(source: Source, last_words: str) -> Diagnostic:
    if stack := _STACK.search(last_words):
        line, column = int(stack[2]), int(stack[3])
        span = Span(source, line, column, line, column + 1) if stack[1] == source.name else None
        message = "the variables and values of this block need more than the 512 bytes of a BPF stack"
        return Diagnostic(Severity.ERROR, message, span, "divide it into several blocks for the same probe", "limit")
    return Diagnostic(
        Severity.ERROR,
        f"the compiler's backend broke while it worked on {source.name}: {last_words}",
        None,
        "this is a bug of btaot; please report it with the script",
        "backend-crash",
    )
