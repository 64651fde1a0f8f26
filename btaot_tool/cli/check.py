"""``btaot check``: compile scripts without writing anything, and say what is wrong with them."""

from __future__ import annotations

import argparse
import os
import sys

from ..diagnostics import CompileError
from ..flags import add_compile_flags, options_from
from ..worker.client import WorkerPool
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("check", help="look for mistakes in scripts", description=__doc__)
    parser.add_argument("scripts", nargs="+", metavar="SCRIPT", help='files, "-" for standard input')
    common.add_target(parser)
    add_compile_flags(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Check all scripts; the status is 1 if any of them has an error."""
    options = options_from(args, common.chosen_target(args), os.environ)
    pool = WorkerPool()
    status = 0
    for name in args.scripts:
        try:
            common.show(pool.compile(common.read_source(name), options).diagnostics, options)
        except CompileError as error:
            print(error, file=sys.stderr)
            status = 1
    return status
