"""Make, check and list the kernel packs that the tree ships.

pack make --arch aarch64 --kernel 6.12 [-o FILE]   make a pack from Debian's kernel packages (boots the kernel once)
pack ship [NAME]...                                make shipped packs again and write the manifest
pack check                                         compare the shipped packs with the manifest
pack show FILE                                     say what a pack holds
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vmlib.packages import VmError, log

from btaot_tool.kernel.pack import MANIFEST, PACKS, load_pack, merge, pack_path
from btaot_tool.kernel.packfile import SUFFIX, PackError, read_pack
from btaot_tool.targets import TARGETS

from .constants import HeaderError
from .image import NoBtf
from .maker import Layer, Made, make_pack

# The kernel whose facts programs are compiled against unless something else is asked for: Debian stable's.
DEFAULT_KERNEL = "6.12"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A pack of the tree; ``over`` and ``differing`` as in ``Layer``."""

    arch: str
    kernel: str
    over: tuple[str, ...] = ()
    differing: bool = False

    @property
    def name(self) -> str:
        """Return the name of the pack."""
        return _name(self.arch, self.kernel)


_MAIN = f"linux-{DEFAULT_KERNEL}-x86_64"

# In the order in which they are made.
SHIPPED = (
    Recipe("x86_64", DEFAULT_KERNEL),
    Recipe("aarch64", DEFAULT_KERNEL, (_MAIN,), differing=True),
    Recipe("x86_64", "7.2", (_MAIN,)),
    Recipe("x86_64", "5.10", (_MAIN,)),
    Recipe("x86_64", "6.1", (_MAIN, "linux-7.2-x86_64", "linux-5.10-x86_64")),
)
_OTHER_KERNELS = ["linux-7.2-x86_64", "linux-6.1-x86_64", "linux-5.10-x86_64"]
DEFAULTS = {
    "x86_64": [_MAIN, *_OTHER_KERNELS],
    "aarch64": [f"linux-{DEFAULT_KERNEL}-aarch64", _MAIN, *_OTHER_KERNELS],
}

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
    ship.add_argument("name", nargs="*", help="such as linux-6.12-x86_64; default: all")
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
    manifest: dict[str, Any] = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {"packs": {}}
    unknown = set(options.name) - {recipe.name for recipe in SHIPPED}
    if unknown:
        raise PackError(f"no such pack is shipped: {', '.join(sorted(unknown))}")
    for recipe in SHIPPED:
        if not options.name or recipe.name in options.name:
            path = PACKS / f"{recipe.name}{SUFFIX}"
            made = make_pack(recipe.arch, recipe.kernel, path, _layer(recipe))
            _report(path, made)
            manifest["packs"][recipe.name] = _entry(path, made)
    manifest["note"] = _NOTE
    known = manifest["packs"] = {r.name: manifest["packs"][r.name] for r in SHIPPED if r.name in manifest["packs"]}
    manifest["default"] = {arch: [name for name in names if name in known] for arch, names in DEFAULTS.items()}
    MANIFEST.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return 0


def _layer(recipe: Recipe) -> Layer | None:
    if not recipe.over:
        return None
    kernel = merge([load_pack(PACKS / f"{name}{SUFFIX}") for name in recipe.over])
    return Layer(recipe.over, kernel, recipe.differing)


def _entry(path: Path, made: Made) -> dict[str, Any]:
    """Return what the manifest says of a pack."""
    identity = made.data.identity
    return {
        "architecture": identity.arch,
        "over": identity.over,
        "packages": [asdict(source) for source in identity.sources],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "tracepoints derived": sorted(made.derived),
        "modules not loaded": sorted(made.refused),
        "uname": identity.uname,
    }


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
    data = read_pack(pack_path(options.file))
    identity = data.identity
    print(f"{identity.name}: {identity.uname}".rstrip())
    for source in identity.sources:
        print(f"{'package':12}{source.package} {source.version}")
    for below in identity.over:
        print(f"{'over':12}{below}")
    for group in ("struct", "enum", "typedef", "func"):
        print(f"{group:12}{len(data.columns.data[f'{group}.name'])}")
    for title, text in (("tracepoint", data.tracepoints), ("constant", data.constants)):
        count = text.count(b"\n")
        print(f"{title:12}{count}")
    return 0


def _report(path: Path, made: Made) -> None:
    size, data = path.stat().st_size / 1e6, made.data
    tracepoints, constants = data.tracepoints.count(b"\n"), data.constants.count(b"\n")
    log(f"{path}: {size:.2f} MB, {data.columns.total} types, {tracepoints} tracepoints, {constants} constants")
    if made.refused:
        log(f"modules that did not load: {', '.join(made.refused)}; {len(made.derived)} tracepoints were derived")
