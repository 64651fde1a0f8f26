"""``btaot run``: compile a script and run it at once, without leaving a file."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

from ..flags import add_compile_flags, options_from
from ..stub import cached_stub, stub_for
from ..targets import host_target
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "run",
        help="compile a script and run it",
        description=__doc__,
        epilog='Options and parameters of the program follow after "--"; "-- --help" lists them.',
    )
    common.add_script(parser)
    parser.add_argument("arguments", nargs="*", metavar="ARG", help="for the program")
    add_compile_flags(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Replace this process by the program."""
    if args.program is not None and args.script is not None:  # with -e every word is for the program
        args.arguments.insert(0, args.script)
        args.script = None
    options = options_from(args, host_target(), os.environ)
    source = common.read_script(args)
    done = common.compile_and_import_lief(source, options)
    common.show(done.diagnostics, options)
    execute(done.meta, done.text, [source.name, *args.arguments])
    return 1  # not reached


def execute(meta: bytes, text: bytes, argv: list[str]) -> None:
    """Run the executable from memory; a file that has no name any more serves where memory files are forbidden."""
    from ..inject import inject

    with tempfile.TemporaryDirectory(prefix="btaot-") as scratch:
        path = Path(scratch) / "program"
        inject(stub_for(cached_stub(host_target()), meta, text), meta, text, path)
        unnamed = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        os.execve(_in_memory(unnamed), argv, os.environ)
    os.execve(unnamed, argv, os.environ)


def _in_memory(descriptor: int) -> int:
    copy = os.memfd_create("btaot", os.MFD_CLOEXEC)
    os.sendfile(copy, descriptor, 0, os.fstat(descriptor).st_size)
    return copy
