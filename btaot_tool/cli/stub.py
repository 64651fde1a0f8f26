"""``btaot stub``: compile the runtime that all executables of a target share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..stub import KINDS, cached_stub, install
from ..variants import PLAIN, VARIANTS, find_variant
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("stub", help="compile the runtime of a target", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="copy it there (default: print where it is)")
    common.add_target(parser)
    parser.add_argument("--toolchain", choices=KINDS, default="zig", help="C compiler (default: zig)")
    parser.add_argument(
        "--variant",
        choices=[v.name for v in VARIANTS],
        default=PLAIN.name,
        help="the one with the parts that a script uses (default: plain)",
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Compile unless the cache has it."""
    target = common.chosen_target(args)
    path = cached_stub(target, args.toolchain, find_variant(args.variant, target))
    if args.output is None:
        print(path)
    else:
        install(path, args.output)
    return 0
