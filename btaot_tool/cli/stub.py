"""``btaot stub``: compile the runtime that all executables of a target share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..stub import KINDS, cached_stub, compile_stub, find_toolchain, install, unwinding
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("stub", help="compile the runtime of a target", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="copy it there (default: print where it is)")
    common.add_target(parser)
    parser.add_argument("--toolchain", choices=KINDS, default="zig", help="C compiler (default: zig)")
    parser.add_argument("--unwind", action="store_true", help="the one for scripts with dw_ustack (FILE-unwind)")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Compile unless the cache has it."""
    if args.unwind and args.output:
        compile_stub(unwinding(find_toolchain(common.chosen_target(args), args.toolchain)), args.output.absolute())
        return 0
    path = cached_stub(common.chosen_target(args), args.toolchain)
    if args.output is None:
        print(path)
    else:
        install(path, args.output)
    return 0
