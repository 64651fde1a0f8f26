"""Command line and table of the benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import measure
from .tracers import ROOT, Tracer, installed

# Spelled so that old releases of bpftrace understand them too.
HELLO = 'BEGIN { printf("hello\\n"); exit(); }\n'
OPENSNOOP = 'tracepoint:syscalls:sys_enter_openat { printf("%-8d %-16s %s\\n", pid, comm, str(args->filename)); }\n'
COUNT = "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }\n"
HIST = "tracepoint:raw_syscalls:sys_enter { @ = hist(args->id); }\n"
FLOOD = 'tracepoint:syscalls:sys_enter_getppid { printf("%d %s\\n", pid, comm); }\n'

Row = dict[str, str | float | int]


def bench_start(tracer: Tracer, folder: Path, args: argparse.Namespace) -> Row:
    """Hello world: start to exit."""
    program = tracer.prepare(HELLO, folder, "hello")
    result = measure.run_to_end(program, args.runs)
    return {"hello, ms": result.wall_ms, "peak, KiB": result.peak_kib, "size, KB": program.size / 1000}


def bench_opens(tracer: Tracer, folder: Path, args: argparse.Namespace) -> Row:
    """Opensnoop: until the first event is shown, and from SIGINT to exit."""
    program = tracer.prepare(OPENSNOOP, folder, "opensnoop")
    result = measure.trace_opens(program, folder / "marker-of-bench")
    return {
        "opensnoop, first event, ms": result.first_ms,
        "exit, ms": result.exit_ms,
        "peak of opensnoop, KiB": result.peak_kib,
        "size of opensnoop, KB": program.size / 1000,
    }


def bench_probe(tracer: Tracer, folder: Path, args: argparse.Namespace) -> Row:
    """Time inside a probe on every system call."""
    row: Row = {}
    for name, script in (("count()", COUNT), ("hist()", HIST)):
        program = tracer.prepare(script, folder, name.rstrip("()"))
        row[f"{name}, ns"] = min(measure.time_in_probe(program, args.calls) for _ in range(3))
    return row


def bench_flood(tracer: Tracer, folder: Path, args: argparse.Namespace) -> Row:
    """A million lines from a pinned process."""
    result = measure.flood(tracer.prepare(FLOOD, folder, "flood"), args.events)
    return {
        "flood, lines per CPU second": result.printed / result.cpu_seconds,
        "printed": result.printed,
        "lost, %": 100 * (result.events - result.printed) / result.events,
        "reported lost": result.reported_lost,
    }


BENCHES: dict[str, Callable[[Tracer, Path, argparse.Namespace], Row]] = {
    "start": bench_start, "opens": bench_opens, "probe": bench_probe, "flood": bench_flood,
}  # fmt: skip


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure btaot next to bpftrace, as root.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--runs", type=int, default=20, help="runs of hello (default: 20)")
    parser.add_argument("--calls", type=int, default=1_000_000, help="system calls while a probe is timed")
    parser.add_argument("--events", type=int, default=1_000_000, help="lines of the flood")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    unknown = set(args.parts) - set(BENCHES)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        print("bench: tracing needs root", file=sys.stderr)
        return 1
    os.environ["PYTHONPATH"] = str(ROOT)
    results = {tracer.name: _measure(tracer, args) for tracer in installed()}
    if args.json:
        print(json.dumps(results, indent=1))
    else:
        _print_table(results)
    return 0


def _measure(tracer: Tracer, args: argparse.Namespace) -> Row:
    row: Row = {}
    for part, bench in BENCHES.items():
        if args.parts and part not in args.parts:
            continue
        with tempfile.TemporaryDirectory(prefix="btaot-bench-") as folder:
            try:
                row |= bench(tracer, Path(folder), args)
            except (RuntimeError, OSError) as error:
                row[part] = f"failed: {error}"
    return row


def _print_table(results: dict[str, Row]) -> None:
    table = Table(title="btaot next to bpftrace, in one run on this machine")
    table.add_column("what")
    for name in results:
        table.add_column(name, justify="right")
    for key in dict.fromkeys(key for row in results.values() for key in row):
        table.add_row(key, *(_text(row.get(key, "")) for row in results.values()))
    Console().print(table)


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.2f}" if value < 10 and isinstance(value, float) else f"{value:,.0f}"
