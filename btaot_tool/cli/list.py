"""``btaot list``: what there is to probe, as kernel packs and programs tell it; with -v also arguments and types."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..diagnostics import CompileError, Diagnostics, Source
from ..flags import add_compile_flags, options_from
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("list", help="list what there is to probe", description=__doc__)
    parser.add_argument("-e", dest="program", metavar="PROGRAM", help="list the probes of this script")
    parser.add_argument("-v", "--verbose", action="store_true", help="with the arguments of each probe")
    parser.add_argument("what", nargs="?", metavar="WHAT",
                        help='a script, or patterns with commas between them, such as "t:syscalls:*open*", '
                        '"uprobe:/bin/bash:*", "struct file" (default: everything but what programs have)')  # fmt: skip
    common.add_target(parser)
    add_compile_flags(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Print one line for each probe; nothing to print is no error, as in bpftrace."""
    from ..compiler import read_kernel
    from ..dwarf.programs import Programs
    from ..dwarf.reader import DwarfError
    from ..listing import find

    options = options_from(args, common.chosen_target(args), os.environ)
    kernel, programs = read_kernel(options, Diagnostics()), Programs(options)
    for pattern in _patterns(args):
        try:
            for line in find(pattern, kernel, programs, args.verbose):
                print("\n    ".join((line.text, *line.args)))
        except DwarfError as error:
            raise Diagnostics().fatal(None, str(error)) from None
    return 0


def _patterns(args: argparse.Namespace) -> list[str]:
    from ..listing import patterns
    from ..syntax import parse

    if args.program is not None:
        source = Source("stdin", args.program)
    elif args.what is not None and (args.what == "-" or Path(args.what).is_file()):
        source = common.read_source(args.what)
    else:
        if args.what and args.what.endswith(".bt"):
            what = f"It appears that '{args.what}' is a filename but the file does not exist."
            print(f"WARNING: {what} Treating '{args.what}' as a search pattern.", file=sys.stderr)
        return str(args.what or "*").split(",")
    diagnostics = Diagnostics()
    program = parse(source, diagnostics)
    if diagnostics.failed:
        raise CompileError(diagnostics.items)
    return patterns([point for probe in program.probes for point in probe.attach_points])
