"""``btaot build``: a script becomes an executable."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..flags import add_compile_flags, options_from
from ..stub import KINDS, cached_stub, stub_for
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("build", help="compile a script to an executable", description=__doc__)
    common.add_script(parser)
    where = "the executable (default: the script's name without .bt, in the current directory)"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=where)
    common.add_target(parser)
    parser.add_argument("--stub", type=Path, metavar="FILE", help="use this stub (default: compiled once and cached)")
    parser.add_argument("--toolchain", choices=KINDS, default="zig", help="C compiler of the stub (default: zig)")
    add_compile_flags(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Compile and write the executable."""
    source = common.read_script(args)
    output = args.output or _default_output(args, source.name)
    options = options_from(args, common.chosen_target(args), os.environ)
    done = common.compile_and_import_lief(source, options)
    common.show(done.diagnostics, options)
    stub = args.stub or cached_stub(options.target, args.toolchain)

    from ..inject import inject

    inject(stub_for(stub, done.meta, done.text), done.meta, done.text, output)
    return 0


def _default_output(args: argparse.Namespace, name: str) -> Path:
    if args.script in (None, "-"):
        args.parser.error("-o FILE is needed when the script is no file")
    if not name.endswith(".bt"):
        args.parser.error(f"-o FILE is needed: {name} has no .bt to remove")
    return Path(Path(name).stem)
