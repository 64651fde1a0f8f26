"""Boots a guest, runs one command in it, and returns what it printed."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .guests import ARCHES
from .images import Images, prepare_images
from .initramfs import BEGIN, END, write_initramfs
from .packages import log

TIMED_OUT = 124
DIED = 125
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What to boot and run; ``files`` are sources by their place in the guest; sizes are in MB.

    ``image`` is another kernel image than the one that belongs to ``kernel``.
    """

    arch: str
    kernel: str
    command: str
    files: Mapping[str, Path] = field(default_factory=dict)
    timeout: float = 120.0
    memory: int = 0
    cpus: int = 1
    cpu: str = ""
    disk: int = 0
    append: str = ""
    qemu_arguments: tuple[str, ...] = ()
    verbose: bool = False
    image: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is the command's, or TIMED_OUT or DIED; ``attempts`` is 2 if the first guest died."""

    status: int
    output: bytes
    seconds: float
    boot_seconds: float
    attempts: int = 1
    messages: str = ""  # the guest's console, if it never reached the command


def run_guest(request: Request, sink: Callable[[bytes], None] | None = None) -> Outcome:
    """Run a command in a guest; a guest that dies is started once more, and that is said.

    ``sink`` is given the command's output as it comes.
    """
    images = prepare_images(request.arch, request.kernel, request.image)
    outcome = _boot(request, images, sink)
    if outcome.status == DIED:
        log(f"the guest {request.arch} {request.kernel} died after {outcome.seconds:.1f} s; trying once more")
        again = _boot(request, images, sink)
        outcome = Outcome(again.status, again.output, again.seconds, again.boot_seconds, 2, again.messages)
    return outcome


def _boot(request: Request, images: Images, sink: Callable[[bytes], None] | None) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        initramfs = Path(name, "initramfs")
        write_initramfs(initramfs, images.busybox, request.files, request.command)
        command = _qemu_command(request, images, initramfs)
        if request.disk:
            disk = Path(name, "disk")
            with disk.open("wb") as file:
                file.truncate(request.disk << 20)
            command += ["-drive", f"file={disk},format=raw,if=none,id=d0,cache=unsafe"]
            command += ["-device", "nvme,drive=d0,serial=d0"]
        return _Console(request, sink).run(command)


def _accelerator(request: Request) -> str:
    """Return QEMU's emulator: CPUs in threads of their own see instructions half written where the kernel patches its
    code (kprobes, static keys), and x86_64 guests die of it."""
    return "tcg,thread=single" if request.cpus > 1 and request.arch == "x86_64" else "tcg"


def _qemu_command(request: Request, images: Images, initramfs: Path) -> list[str]:
    arch = ARCHES[request.arch]
    quiet = "" if request.verbose else "quiet loglevel=1"
    # fmt: off
    return [
        *images.qemu, "-accel", _accelerator(request), "-machine", arch.machine, "-cpu", request.cpu or arch.cpu,
        "-m", str(request.memory or arch.memory), "-smp", str(request.cpus),
        "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-kernel", str(images.kernel), "-initrd", str(initramfs),
        "-append", f"console={arch.console} {quiet} panic=-1 rdinit=/init {arch.append} {request.append}",
        *request.qemu_arguments,
    ]
    # fmt: on


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Console:
    """Reads the guest's console: boot messages, BEGIN, the command's output, END with its status."""

    def __init__(self, request: Request, sink: Callable[[bytes], None] | None) -> None:
        self._request = request
        self._sink = sink
        self._output: list[bytes] = []
        self._boot: list[bytes] = []
        self._held = b""  # a newline that is not passed on yet: the last one is /init's

    def run(self, command: list[str]) -> Outcome:
        start = time.monotonic()
        timed_out = threading.Event()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=_die_with_parent
        )

        def stop() -> None:
            timed_out.set()
            process.kill()

        timer = threading.Timer(self._request.timeout, stop)
        timer.start()
        try:
            status, boot_seconds = self._read(process, start)
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        if status is None:
            self._pass_on(b"")
            status = TIMED_OUT if timed_out.is_set() else DIED
        messages = "" if boot_seconds else b"".join(self._boot[-40:]).decode(errors="replace")
        seconds = time.monotonic() - start
        return Outcome(status, b"".join(self._output), seconds, boot_seconds, messages=messages)

    def _read(self, process: subprocess.Popen[bytes], start: float) -> tuple[int | None, float]:
        assert process.stdout is not None
        status, boot_seconds = None, 0.0
        for line in process.stdout:
            if not boot_seconds:
                self._boot.append(line)
                if BEGIN.encode() in line:
                    boot_seconds = time.monotonic() - start
            elif status is None and line.startswith(END.encode()):
                status = int(line.split()[1])
                continue
            elif status is None:
                self._pass_on(line)
                continue
            if self._request.verbose:
                sys.stderr.buffer.write(line)
                sys.stderr.flush()
        return status, boot_seconds

    def _pass_on(self, line: bytes) -> None:
        text = line.rstrip(b"\n")
        piece = self._held + text
        self._held = line[len(text) :]
        self._output.append(piece)
        if self._sink is not None and piece:
            self._sink(piece)
