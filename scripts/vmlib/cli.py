"""Boot a Debian kernel of a chosen version and architecture under QEMU and run a command in it.

  vm run --arch aarch64 --kernel 6.12 --add build/aarch64/opensnoop -- './opensnoop & sleep 2; kill -INT $!; wait'
  vm fetch [--arch ARCH] [--kernel VERSION]     fill the cache (all guests if nothing is chosen)
  vm matrix [--kernel VERSION] [--write]        run every probe type in guests; print the table of docs/kernels.md
  vm list                                       show the guests and what is cached

A guest has no disk and no network: an initramfs holds busybox and the added files (in /t, which is the working
directory and on PATH).  What the command prints goes to standard output and its status becomes that of vm. 124: it
took too long.  125: the guest died twice, or never reached the command.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .guests import ARCHES, GUESTS, Guest
from .images import kernel_directory, prepare_images
from .initramfs import place_files
from .machine import DIED, TIMED_OUT, Outcome, Request, run_guest
from .packages import VmError, log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except VmError as error:
        log(error)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="boot a guest and run a command in it")
    run.set_defaults(run=_run)
    run.add_argument("--arch", required=True, choices=ARCHES)
    run.add_argument("--kernel", required=True, metavar="VERSION", help="such as 6.12; see 'vm list'")
    run.add_argument(
        "--add", action="append", default=[], metavar="FILE[:PLACE]", help="put a file or directory into the guest"
    )
    run.add_argument("--mem", type=int, default=0, metavar="MB")
    run.add_argument("--smp", type=int, default=1, metavar="N", help="number of CPUs (1)")
    run.add_argument("--cpu", default="", help="QEMU's CPU model")
    run.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="120")
    run.add_argument(
        "--disk", type=int, default=0, metavar="MB", help="an empty NVMe disk, /dev/nvme0n1 (x86_64, aarch64)"
    )
    run.add_argument("--append", default="", help="more of the kernel's command line")
    run.add_argument("--qemu-arg", action="append", default=[])
    run.add_argument("--time", action="store_true", help="say how long it took")
    run.add_argument("-v", "--verbose", action="store_true", help="show the kernel's messages")
    run.add_argument("command", nargs="+", help="a shell command; after --")
    fetch = commands.add_parser("fetch", help="fill the cache")
    fetch.set_defaults(run=_fetch)
    fetch.add_argument("--arch", choices=ARCHES)
    fetch.add_argument("--kernel", metavar="VERSION")
    matrix = commands.add_parser("matrix", help="print which probe types work on which kernels, from real runs")
    matrix.set_defaults(run=_matrix)
    only = "only this one (of x86_64, or ARCH-VERSION); may be repeated"
    matrix.add_argument("--kernel", action="append", metavar="VERSION", help=only)
    matrix.add_argument("--probe", default="", metavar="TEXT", help="only rows whose name contains it")
    matrix.add_argument("--write", action="store_true", help="put the table into docs/kernels.md")
    commands.add_parser("list", help="show the guests").set_defaults(run=_list)
    return parser


def _run(options: argparse.Namespace) -> int:
    command = options.command[0] if len(options.command) == 1 else shlex.join(options.command)
    request = Request(
        options.arch,
        options.kernel,
        command,
        place_files(options.add),
        options.timeout,
        options.mem,
        options.smp,
        options.cpu,
        options.disk,
        options.append,
        tuple(options.qemu_arg),
        options.verbose,
    )
    outcome = run_guest(request, _write)
    _explain(outcome, options.timeout)
    if options.time:
        log(f"userspace after {outcome.boot_seconds:.1f} s, off after {outcome.seconds:.1f} s")
    return outcome.status


def _write(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.flush()


def _explain(outcome: Outcome, timeout: float) -> None:
    if outcome.status == TIMED_OUT and not outcome.boot_seconds:
        log(f"the guest did not boot within {timeout:.0f} s; its last messages:\n{outcome.messages}")
    elif outcome.status == TIMED_OUT:
        log(f"timed out after {timeout:.0f} s")
    elif outcome.status == DIED:
        log(f"the guest died; its last messages:\n{outcome.messages}" if outcome.messages else "the guest died")


def _fetch(options: argparse.Namespace) -> int:
    wanted = [
        guest for guest in GUESTS if options.arch in (None, guest.arch) and options.kernel in (None, guest.kernel)
    ]
    if not wanted and options.arch and options.kernel:
        wanted = [Guest(options.arch, options.kernel)]
    status = 0
    for guest in wanted:
        try:
            prepare_images(guest.arch, guest.kernel)
            log(f"{guest} is ready")
        except VmError as error:
            log(f"{guest}: {error}")
            status = 2
    return status


def _use_environment() -> None:
    """Go on with the Python that scripts/setup prepared, if this one cannot compile scripts."""
    python = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "python"
    if importlib.util.find_spec("llvmlite"):
        return
    if not python.exists() or Path(sys.prefix) == python.parents[1]:
        raise VmError("the compiler's packages are not installed: run scripts/setup")
    os.execv(python, [str(python), *sys.argv])


def _matrix(options: argparse.Namespace) -> int:
    _use_environment()
    from .matrix import format_matrix, problems, run_matrix, write_matrix
    from .probe_cells import CELLS, KERNELS

    cells = [cell for cell in CELLS if options.probe in cell.name]
    table = run_matrix(options.kernel or KERNELS, cells)
    print(format_matrix(table))
    for problem in problems(table):
        log(problem)
    if options.write:
        write_matrix(table)
    return int(bool(problems(table)))


def _list(options: argparse.Namespace) -> int:
    for guest in GUESTS:
        cached = "cached" if kernel_directory(guest.arch, guest.kernel).exists() else ""
        print(f"{guest.arch:12} {guest.kernel:6} {cached:7} {guest.note}")
    return 0
