"""``btaot inspect``: show what an executable carries: attach points, programs, maps, symbols, instructions."""

from __future__ import annotations

import argparse
import sys

from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("inspect", help="show what an executable carries", description=__doc__)
    parser.add_argument("file", metavar="FILE", help='executable that "btaot build" made')
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Print the description."""
    from ..inspect import inspect_file

    text = inspect_file(args.file, json=args.json)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    sys.stdout.flush()
    return 0
