"""Make, check and list the kernel packs that the tree ships.

pack make --arch aarch64 --kernel 6.12 [-o FILE]   make a pack from Debian's kernel packages (boots the kernel once)
pack ship [--arch ARCH]...                         make the default packs again and write the manifest
pack check                                         compare the shipped packs with the manifest
pack show FILE                                     say what a pack holds
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vmlib.packages import VmError, log

from btaot_tool.kernel.pack import MANIFEST, PACKS, load_pack
from btaot_tool.kernel.packfile import SUFFIX, PackError
from btaot_tool.targets import TARGETS

from .constants import HeaderError
from .image import NoBtf
from .maker import Made, make_pack

# The kernel whose facts programs are compiled against unless something else is asked for: Debian stable's.
DEFAULT_KERNEL = "6.12"

_NOTE = (
    "Each pack holds interface facts of a kernel (names, types and layouts of its structures and functions, formats "
    "of its tracepoints, values of constants in its headers), taken from the Debian packages named here by "
    "scripts/pack. It holds no code."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="pack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("make", help="make a pack")
    make.set_defaults(run=_make)
    make.add_argument("--arch", required=True, choices=TARGETS)
    make.add_argument("--kernel", default=DEFAULT_KERNEL, metavar="VERSION")
    make.add_argument("-o", "--output", type=Path, metavar="FILE")
    ship = commands.add_parser("ship", help="make the default packs")
    ship.set_defaults(run=_ship)
    ship.add_argument("--arch", action="append", choices=TARGETS)
    commands.add_parser("check", help="check the shipped packs").set_defaults(run=_check)
    show = commands.add_parser("show", help="say what a pack holds")
    show.set_defaults(run=_show)
    show.add_argument("file")
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except (VmError, PackError, NoBtf, HeaderError) as error:
        log(error)
        return 2
    return status


def _name(arch: str, kernel: str) -> str:
    return f"linux-{kernel}-{arch}"


def _make(options: argparse.Namespace) -> int:
    output = options.output or Path(_name(options.arch, options.kernel) + SUFFIX)
    _report(output, make_pack(options.arch, options.kernel, output))
    return 0


def _ship(options: argparse.Namespace) -> int:
    manifest: dict[str, Any] = {"default": {}, "packs": {}}
    if MANIFEST.exists():
        manifest = json.loads(MANIFEST.read_text())
    manifest["note"] = _NOTE
    for arch in options.arch or TARGETS:
        name = _name(arch, DEFAULT_KERNEL)
        path = PACKS / f"{name}{SUFFIX}"
        made = make_pack(arch, DEFAULT_KERNEL, path)
        _report(path, made)
        identity = made.data.identity
        manifest["default"][arch] = name
        manifest["packs"][name] = {
            "package": identity.package,
            "version": identity.version,
            "uname": identity.uname,
            "architecture": arch,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    MANIFEST.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    wrong = check_manifest()
    for message in wrong:
        print(message)
    return 1 if wrong else 0


def check_manifest() -> list[str]:
    """Return what is wrong with the shipped packs."""
    packs = json.loads(MANIFEST.read_text())["packs"]
    files = {path.name.removesuffix(SUFFIX): path for path in PACKS.glob(f"*{SUFFIX}")}
    wrong = [f"{name} is not in the manifest" for name in sorted(files.keys() - packs.keys())]
    for name, entry in packs.items():
        if name not in files:
            wrong.append(f"{name} is in the manifest but not in the tree")
        elif hashlib.sha256(files[name].read_bytes()).hexdigest() != entry["sha256"]:
            wrong.append(f"{name} has another sha256 than the manifest says")
    return wrong


def _show(options: argparse.Namespace) -> int:
    kernel = load_pack(options.file)
    identity, columns = kernel.source, kernel.data.columns
    print(f"{identity.name}: {identity.uname}, {identity.package} {identity.version}".rstrip())
    for group in ("struct", "enum", "typedef", "func"):
        print(f"{group:12}{len(columns.data[f'{group}.name'])}")
    print(f"{'tracepoint':12}{sum(map(len, kernel.tracepoints().values()))}")
    constants = kernel.data.constants.count(b"\n")
    print(f"{'constant':12}{constants}")
    return 0


def _report(path: Path, made: Made) -> None:
    size, types = path.stat().st_size / 1e6, made.data.columns.total
    log(f"{path}: {size:.2f} MB, {types} types, {made.tracepoints} tracepoints, {made.constants} constants")
