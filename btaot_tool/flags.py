"""Compiler flags: the same words on the command line of ``btaot build`` and in the construction variable BTAOTFLAGS."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import NoReturn

from .config import environment_config
from .options import DUMPS, Options
from .targets import Target


class FlagError(Exception):
    """A flag that does not exist or misses its value."""


class _Parser(argparse.ArgumentParser):
    """Raises FlagError instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        """Raise FlagError."""
        raise FlagError(message)


def _version(text: str) -> str:
    from .symbols.minimum import kernel_version

    try:
        kernel_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def add_compile_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that become ``Options``."""
    group = parser.add_argument_group("compilation")
    group.add_argument(
        "--kernel",
        action="append",
        default=[],
        metavar="PACK",
        help='kernel pack: a name (see "btaot kernel list"), a file, or "host"; may be given several times: '
        "types merge, the first wins (default: the pack of the target)",
    )
    group.add_argument(
        "--min-kernel",
        metavar="VERSION",
        type=_version,
        help='refuse what a kernel of this version cannot run, such as "5.15"',
    )
    group.add_argument("--unsafe", action="store_true", help="allow functions that change the system, such as system()")
    group.add_argument("-I", dest="include_dirs", action="append", default=[], metavar="DIR",
                       help="look for imports and included files here too")  # fmt: skip
    group.add_argument("--include", dest="includes", action="append", default=[], metavar="FILE",
                       help="include FILE before the C definitions of the script")  # fmt: skip
    group.add_argument("-D", dest="defines", action="append", default=[], metavar="NAME[=VALUE]",
                       help="define a macro for the C definitions of the script")  # fmt: skip
    group.add_argument("--debuginfo", action="append", default=[], metavar="DIR[:DIR]",
                       help="look for debug information of traced programs here: directories (relative ones beside the "
                       "program) or files")  # fmt: skip
    group.add_argument("--sysroot", default="", metavar="DIR",
                       help="look for traced programs and libraries below DIR instead of on this machine")  # fmt: skip
    group.add_argument("-w", "--no-warnings", dest="warnings", action="store_false", help="print no warnings")
    group.add_argument("--Werror", dest="warnings_as_errors", action="store_true", help="treat warnings as errors")
    group.add_argument("--dump", action="append", default=[], choices=DUMPS, metavar="STAGE",
                       help=f"print an intermediate result on stderr: {', '.join(DUMPS)}")  # fmt: skip


def options_from(args: argparse.Namespace, target: Target, environ: Mapping[str, str] | None = None) -> Options:
    """Build options from what ``add_compile_flags`` parsed, and from the BPFTRACE_* variables of an environment."""
    return Options(
        target=target,
        kernel=tuple(args.kernel),
        unsafe=args.unsafe,
        warnings=args.warnings,
        warnings_as_errors=args.warnings_as_errors,
        min_kernel=args.min_kernel,
        include_dirs=tuple(args.include_dirs),
        includes=tuple(args.includes),
        defines=tuple(args.defines),
        debuginfo=tuple(place for text in args.debuginfo for place in text.split(":") if place),
        sysroot=args.sysroot.rstrip("/"),
        config=environment_config(environ or {}),
        dump=frozenset(args.dump),
    )


def parse_flags(words: Sequence[str], target: Target) -> Options:
    """Parse flags that came as a list of words; FlagError says what is wrong."""
    parser = _Parser(prog="BTAOTFLAGS", add_help=False)
    add_compile_flags(parser)
    return options_from(parser.parse_args(list(words)), target)


def format_flags(options: Options) -> list[str]:
    """Return the words that ``parse_flags`` turns into these options."""
    words = [word for pack in options.kernel for word in ("--kernel", pack)]
    if options.min_kernel:
        words += ["--min-kernel", options.min_kernel]
    words += ["--unsafe"] * options.unsafe
    words += [f"-I{directory}" for directory in options.include_dirs]
    words += [f"--include={name}" for name in options.includes]
    words += [f"-D{define}" for define in options.defines]
    words += [f"--debuginfo={place}" for place in options.debuginfo]
    words += [f"--sysroot={options.sysroot}"] * bool(options.sysroot)
    words += ["-w"] * (not options.warnings)
    words += ["--Werror"] * options.warnings_as_errors
    words += [word for stage in sorted(options.dump) for word in ("--dump", stage)]
    return words
