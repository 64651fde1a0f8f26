"""``btaot fmt``: print scripts formatted, or format the files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..diagnostics import CompileError
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("fmt", help="format scripts", description=__doc__)
    parser.add_argument("scripts", nargs="+", metavar="SCRIPT", help='files, "-" for standard input')
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-i", "--in-place", action="store_true", help="write the result to the file")
    how.add_argument("--check", action="store_true", help="print the names of files that are not formatted; status 1")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Format each script; a wrong one is reported and left alone."""
    status = 0
    for name in args.scripts:
        try:
            status |= _format(name, args)
        except CompileError as error:
            print(error, file=sys.stderr)
            status = 1
    return status


def _format(name: str, args: argparse.Namespace) -> int:
    from ..syntax.format import format_program

    source = common.read_source(name)
    text = format_program(source)
    if args.check:
        if text != source.text:
            print(source.name)
        return int(text != source.text)
    data = text.encode(errors="surrogateescape")
    if args.in_place and name != "-":
        if text != source.text:
            Path(name).write_bytes(data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    return 0
