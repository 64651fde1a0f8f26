"""``btaot kernel``: kernel packs, which tell the compiler what types, tracepoints and constants a kernel has."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

from ..diagnostics import CompileError, Diagnostic, Severity
from . import common


def add(subparsers: common.Subparsers) -> None:
    """Register the subcommand and its own subcommands."""
    parser = subparsers.add_parser("kernel", help="list and make kernel packs", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the packs that come with btaot")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list, parser=listing)
    capture = actions.add_parser("capture", help="make a pack of the kernel that runs here (as root)")
    capture.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: linux-RELEASE-ARCH.btpack")
    capture.set_defaults(run=run_capture, parser=capture)


def run_list(args: argparse.Namespace) -> int:
    """Print one line per pack."""
    from ..kernel.pack import MANIFEST, shipped_packs
    from ..kernel.packfile import read_identity

    defaults = {name for names in json.loads(MANIFEST.read_text())["default"].values() for name in names}
    packs = [(name, read_identity(path)[0]) for name, path in shipped_packs().items()]
    if args.json:
        rows = [
            {"name": name, "arch": it.arch, "uname": it.uname, "package": it.package, "version": it.version,
             "default": name in defaults}
            for name, it in packs
        ]  # fmt: skip
        print(json.dumps(rows, indent=1))
        return 0
    for name, identity in packs:
        origin = f"{identity.package} {identity.version}".strip()
        print(f"{name:24} {identity.arch:10} {origin}{'  (default)' if name in defaults else ''}")
    return 0


def run_capture(args: argparse.Namespace) -> int:
    """Write a pack of the running kernel."""
    from ..kernel.capture import capture_host
    from ..kernel.packfile import SUFFIX, PackError

    output = args.output or Path(f"linux-{platform.release()}-{platform.machine()}{SUFFIX}")
    try:
        capture_host(output)
    except PackError as error:
        raise CompileError([Diagnostic(Severity.ERROR, str(error), code="kernel-pack")]) from None
    print(output)
    return 0
