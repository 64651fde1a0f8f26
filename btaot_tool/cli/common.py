"""What several subcommands share: where the script comes from, the target, diagnostics on stderr."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, Source
from ..options import Options
from ..targets import Target, find_target, host_target
from ..worker.client import Compiled, WorkerPool

Subparsers = Any  # argparse's type for this is private


def target_argument(name: str) -> Target:
    """Turn the argument of --target into a target; argparse reports the error."""
    try:
        return find_target(name)
    except KeyError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add ``--target``."""
    parser.add_argument(
        "--target",
        type=target_argument,
        default=None,
        metavar="ARCH",
        help="architecture to build for (default: that of this machine)",
    )


def chosen_target(args: argparse.Namespace) -> Target:
    """Return the target of the command line."""
    return args.target or host_target()


def add_script(parser: argparse.ArgumentParser) -> None:
    """Add the script: a file, ``-`` or ``-e PROGRAM``."""
    parser.add_argument("-e", dest="program", metavar="PROGRAM", help="the script itself instead of a file")
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help='file with the script, "-" for standard input')


def read_script(args: argparse.Namespace) -> Source:
    """Read the script that the command line names; wrong usage ends the process with status 2."""
    if (args.program is None) == (args.script is None):
        args.parser.error("give a SCRIPT or -e PROGRAM" + (", not both" if args.script else ""))
    if args.program is not None:
        return Source("stdin", args.program)
    return read_source(args.script)


def read_source(name: str) -> Source:
    """Read a script; what is no UTF-8 in it survives as surrogates."""
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    return Source("stdin" if name == "-" else name, data.decode(errors="surrogateescape"))


def show(diagnostics: list[Diagnostic], options: Options) -> None:
    """Print warnings."""
    if options.warnings:
        for item in diagnostics:
            print(item.render(), file=sys.stderr)


def compile_and_import_lief(source: Source, options: Options) -> Compiled:
    """Compile in a worker while LIEF, which is needed next, is imported here: both take their time."""
    pool = WorkerPool()
    pool.start()
    importing = threading.Thread(target=_import_lief)
    importing.start()
    try:
        return pool.compile(source, options)
    finally:
        pool.close()
        importing.join()  # a C++ library does not survive the end of the interpreter while it is being loaded


def _import_lief() -> None:
    with contextlib.suppress(ImportError):  # said where the package is used, in one message
        import lief  # noqa: F401
