"""The worker's side: compile what the client asks for, until standard input ends.

Standard output carries frames and nothing else: whatever LLVM or a library prints goes to standard error,
where the client looks for last words.  A thread reads requests, so that the end of the client (end of file)
ends the worker at once, also in the middle of a compilation.
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..diagnostics import CompileError, Diagnostic, Severity, Source
from ..options import Options
from .protocol import Message, encode_diagnostics, read_frame, write_frame

if TYPE_CHECKING:
    from ..compiler import CompileResult

GARBAGE = 500_000  # objects after which the worker looks for garbage: those of 2,000 lines


def main() -> None:
    """Serve until the end of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client decides when to stop
    frames = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.Queue[Message] = queue.Queue()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, requests), daemon=True).start()
    _import_compiler()
    gc.disable()  # what a script needs lives until it is compiled: looking through it meanwhile finds no garbage
    while True:
        if gc.get_count()[0] > GARBAGE:
            gc.collect()
        request = requests.get()
        if request["op"] == "build":
            threading.Thread(target=_import_lief, daemon=True).start()
        reply, block = handle(request)
        write_frame(frames, reply, block)


def _read_requests(stream: BinaryIO, requests: queue.Queue[Message]) -> None:
    while (frame := read_frame(stream)) is not None:
        requests.put(frame[0])
    os._exit(0)


def _import_compiler() -> None:
    """Import what every script needs, while the client still reads its arguments."""
    with contextlib.suppress(ModuleNotFoundError):  # said in the answer to a request
        from ..bpf import object as _  # noqa: F401
        from ..codegen import debug, gen, llvm, parts  # noqa: F401
        from ..expand import expand  # noqa: F401
        from ..kernel import pack  # noqa: F401
        from ..payload import assemble  # noqa: F401
        from ..sema import program  # noqa: F401
        from ..symbols import minimum  # noqa: F401

        llvm.data_layout("bpfel")


def _import_lief() -> None:
    """LIEF takes long to import: begin while the compiler works."""
    import lief  # noqa: F401


def handle(request: Message) -> tuple[Message, bytes]:
    """Compile one script; ``op`` "compile" returns the payload, "build" writes the executable."""
    source = Source(request["name"], request["text"])
    try:
        os.chdir(request["cwd"])
        from ..compiler import compile_script

        result = compile_script(source, Options.from_json(request["options"]))
        if request["op"] == "build":
            _write_executable(request, result)
            return _reply(True, result.diagnostics, result.dependencies), b""
        reply = _reply(True, result.diagnostics, result.dependencies)
        return {**reply, "meta_size": len(result.meta)}, result.meta + result.text
    except CompileError as error:
        return _reply(False, error.diagnostics), b""
    except Exception as error:  # the worker lives on; the client shows what happened
        return _reply(False, [_internal_error(source, error)]), b""


def _write_executable(request: Message, result: CompileResult) -> None:
    from ..inject import inject
    from ..stub import stub_for

    inject(stub_for(Path(request["stub"]), result.meta, result.text), result.meta, result.text, Path(request["output"]))


def _reply(ok: bool, diagnostics: list[Diagnostic], dependencies: list[str] | None = None) -> Message:
    return {"ok": ok, "diagnostics": encode_diagnostics(diagnostics), "dependencies": dependencies or []}


def _internal_error(source: Source, error: Exception) -> Diagnostic:
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("btaot_tool"):
        missing = f"the Python package {error.name} is not installed for {sys.executable}"
        return Diagnostic(Severity.ERROR, missing, None, "pip install btaot", "missing-package")
    if isinstance(error, OSError):
        return Diagnostic(Severity.ERROR, f"{source.name}: {error}", None, "", "io")
    trace = "".join(traceback.format_exception(error)).strip()
    return Diagnostic(
        Severity.ERROR,
        f"internal error of the compiler while it worked on {source.name}:\n{trace}",
        None,
        "this is a bug of btaot; please report it with the script",
        "internal-error",
    )
