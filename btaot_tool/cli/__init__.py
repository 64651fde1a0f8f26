"""The ``btaot`` command.  Each subcommand is a file in this folder with ``add(subparsers)``; this is their list."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from .. import __version__
from ..diagnostics import CompileError

#: To add a subcommand: a file whose ``add(subparsers)`` sets ``run`` as a default of its parser, and its name here.
COMMANDS = ("build", "run", "check", "fmt", "inspect", "kernel", "list", "stub")

EXIT_OK, EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

Run = Callable[[argparse.Namespace], int]


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    words = sys.argv[1:] if argv is None else argv
    named = words[:1] if words and words[0] in COMMANDS else COMMANDS  # the others take time to import
    args = _parser(named).parse_args(words)
    run: Run = args.run
    try:
        return run(args)
    except CompileError as error:
        for item in error.diagnostics:
            print(item.render(), file=sys.stderr)
        return EXIT_ERROR
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_ERROR
    except OSError as error:
        what = f"failed to open file '{error.filename}': " if error.filename else ""
        print(f"ERROR: {what}{error.strerror or error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="btaot",
        description="Compile bpftrace scripts ahead of time into static executables.",
        epilog="Exit status: 0 done, 1 the script is wrong or a file cannot be used, 2 wrong usage.",
    )
    parser.add_argument("--version", action="version", version=f"btaot {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        importlib.import_module(f".{name}", __name__).add(subparsers)
    return parser
