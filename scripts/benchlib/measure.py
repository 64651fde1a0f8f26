"""The measurements.  Each runs real programs and returns plain numbers."""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .native import Launched, Usage, load
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
    uses = [Launched(program.argv).wait() for _ in range(runs)]
    _check(program, *uses)
    return Start(statistics.median(use.wall_ms for use in uses), max(use.peak_kib for use in uses))


def _check(program: Prepared, *uses: Usage) -> None:
    for use in uses:
        if use.status:
            raise RuntimeError(f"{program.argv[0]} ended with status {use.status}")


def trace_opens(program: Prepared, marker: Path) -> Trace:
    """Open ``marker`` until the tracer shows it, then interrupt the tracer."""
    start = time.perf_counter()
    tracer = Launched(program.argv, output=True)
    seen = threading.Event()
    threading.Thread(target=_opener, args=(marker, seen), daemon=True).start()
    for line in tracer.output:
        if marker.name.encode() in line:
            break
    else:
        raise RuntimeError(f"{program.argv[-1]} ended before it showed an event")
    first = time.perf_counter()
    seen.set()
    draining = threading.Thread(target=tracer.output.read)
    draining.start()
    tracer.interrupt()
    use = tracer.wait()
    end = time.perf_counter()
    draining.join()
    return Trace((first - start) * 1000, (end - first) * 1000, use.peak_kib)


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
        tracer = Launched(program.argv)
        try:
            _wait_until_attached(tracer)
            load(calls)
            runs = _program_stats(tracer.pid)
        finally:
            if tracer.running():
                tracer.interrupt()
            tracer.wait()
    spent, count = max(runs, key=lambda run: run[1])
    if count < calls:
        raise RuntimeError(f"{program.argv[-1]}: the probe ran {count} times in {calls} system calls")
    return spent / count


def _wait_until_attached(tracer: Launched) -> None:
    """Wait until the tracer holds BPF programs, and a little longer."""
    end = time.monotonic() + _PATIENCE
    while not _program_stats(tracer.pid):
        if not tracer.running() or time.monotonic() > end:
            raise RuntimeError("no BPF program was loaded")
        time.sleep(0.01)
    time.sleep(0.5)


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


def flood(program: Prepared, events: int) -> Flood:
    """Let a pinned process cause ``events`` lines; the output goes through a pipe that is read all the time."""
    tracer = Launched(program.argv, output=True, errors=True)
    lines, errors = [0], [b""]
    readers = [
        threading.Thread(target=_count_lines, args=(tracer.output.fileno(), lines)),
        threading.Thread(target=lambda: errors.append(tracer.errors.read())),
    ]
    for reader in readers:
        reader.start()
    _wait_until_attached(tracer)
    load(events)
    time.sleep(1.0)  # what is in the buffer is still printed
    tracer.interrupt()
    use = tracer.wait()
    for reader in readers:
        reader.join()
    _check(program, use)
    lost = sum(int(number) for number in re.findall(rb"[Ll]ost (\d+) events", errors[-1]))
    return Flood(lines[0], events, use.cpu_seconds, lost)


def _count_lines(descriptor: int, count: list[int]) -> None:
    """Count the lines that the load caused."""
    rest = b""
    while block := os.read(descriptor, 1 << 20):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        count[0] += sum(1 for line in lines if line.endswith(b" load"))
