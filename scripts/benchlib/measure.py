"""The measurements.  Each runs real programs and returns plain numbers."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .tracers import Prepared

STATS_SWITCH = Path("/proc/sys/kernel/bpf_stats_enabled")
_PATIENCE = 30.0


@dataclass(frozen=True)
class Start:
    """Median wall time in ms and the highest peak of memory in KiB."""

    wall_ms: float
    peak_kib: int


@dataclass(frozen=True)
class Trace:
    """A tracer that runs until it is told to stop: ms to the first event and from SIGINT to exit, peak in KiB."""

    first_ms: float
    exit_ms: float
    peak_kib: int


@dataclass(frozen=True)
class Flood:
    """Lines printed, events, and CPU seconds (user and system) of the tracer."""

    printed: int
    events: int
    cpu_seconds: float
    reported_lost: int


def run_to_end(program: Prepared, runs: int) -> Start:
    """Run a program that ends by itself."""
    walls, peaks = [], []
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(program.argv, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        walls.append((time.perf_counter() - start) * 1000)
        peaks.append(usage.ru_maxrss)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{program.argv[0]} failed with status {process.returncode}")
    return Start(statistics.median(walls), max(peaks))


def trace_opens(program: Prepared, marker: Path) -> Trace:
    """Open ``marker`` until the tracer shows it, then interrupt the tracer."""
    start = time.perf_counter()
    process = subprocess.Popen(program.argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    seen = threading.Event()
    threading.Thread(target=_opener, args=(marker, seen), daemon=True).start()
    assert process.stdout
    for line in process.stdout:
        if marker.name.encode() in line:
            break
    else:
        raise RuntimeError(f"{program.argv[-1]} ended before it showed an event")
    first = time.perf_counter()
    seen.set()
    draining = threading.Thread(target=process.stdout.read)
    draining.start()
    process.send_signal(signal.SIGINT)
    _, status, usage = os.wait4(process.pid, 0)
    end = time.perf_counter()
    process.returncode = os.waitstatus_to_exitcode(status)
    draining.join()
    return Trace((first - start) * 1000, (end - first) * 1000, usage.ru_maxrss)


def _wait_until_attached(process: subprocess.Popen[bytes]) -> None:
    """Wait until the tracer holds BPF programs, and a little longer."""
    end = time.monotonic() + _PATIENCE
    while not _program_stats(process.pid):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{process.args!r}: no BPF program was loaded")
        time.sleep(0.01)
    time.sleep(0.5)


def _opener(marker: Path, seen: threading.Event) -> None:
    while not seen.wait(0.0005):
        with contextlib.suppress(OSError):
            marker.open().close()


@contextlib.contextmanager
def bpf_stats() -> Iterator[None]:
    """Let the kernel count runs and time of BPF programs."""
    before = STATS_SWITCH.read_text()
    STATS_SWITCH.write_text("1")
    try:
        yield
    finally:
        STATS_SWITCH.write_text(before)


def time_in_probe(program: Prepared, calls: int) -> float:
    """Return nanoseconds per run of the program's busiest probe, under a load of system calls."""
    with bpf_stats():
        process = subprocess.Popen(program.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_attached(process)
            _load(calls)
            runs = _program_stats(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_PATIENCE)
    spent, count = max(runs, key=lambda run: run[1])
    if count < calls:
        raise RuntimeError(f"{program.argv[-1]}: the probe ran {count} times in {calls} system calls")
    return spent / count


def _program_stats(pid: int) -> list[tuple[int, int]]:
    """Return time and count of runs of each BPF program that a process holds."""
    stats: dict[str, tuple[int, int]] = {}
    with contextlib.suppress(FileNotFoundError):
        for path in Path(f"/proc/{pid}/fdinfo").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found = dict(re.findall(r"^(prog_id|run_time_ns|run_cnt):\s+(\d+)$", path.read_text(), re.MULTILINE))
                if "run_cnt" in found:
                    stats[found["prog_id"]] = (int(found["run_time_ns"]), int(found["run_cnt"]))
    return list(stats.values())


def _load(calls: int) -> None:
    """Run ``calls`` system calls in a process that is pinned to the last CPU."""
    last = max(os.sched_getaffinity(0))
    argv = [str(_load_program()), str(calls)]
    subprocess.run(argv, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {last}))


@functools.cache
def _load_program() -> Path:
    """Compile load.c: a loop in Python would be slower than a probe."""
    folder = Path(tempfile.mkdtemp(prefix="btaot-load-"))
    atexit.register(shutil.rmtree, folder)
    source = Path(__file__).with_name("load.c")
    subprocess.run([sys.executable, "-m", "ziglang", "cc", "-O2", str(source), "-o", str(folder / "load")], check=True)
    return folder / "load"


def flood(program: Prepared, events: int) -> Flood:
    """Let a pinned process cause ``events`` lines; the output goes through a pipe that is read all the time."""
    process = subprocess.Popen(program.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    output, errors = [0], [b""]
    readers = [
        threading.Thread(target=_count_lines, args=(process.stdout.fileno(), output)),
        threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else b"")),
    ]
    for reader in readers:
        reader.start()
    _wait_until_attached(process)
    _load(events)
    time.sleep(1.0)  # what is in the buffer is still printed
    process.send_signal(signal.SIGINT)
    for reader in readers:
        reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    lost = sum(int(n) for n in re.findall(rb"[Ll]ost (\d+) events", errors[-1]))
    return Flood(output[0], events, usage.ru_utime + usage.ru_stime, lost)


def _count_lines(descriptor: int, count: list[int]) -> None:
    """Count lines that are events: they begin with a digit."""
    rest = b""
    while block := os.read(descriptor, 1 << 20):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        count[0] += sum(1 for line in lines if line[:1].isdigit())
