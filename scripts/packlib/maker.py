"""Makes a kernel pack from a Debian kernel package."""

from __future__ import annotations

import base64
import gzip
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vmlib.images import find_kernel_package, get_kernel, kernel_package_name
from vmlib.machine import Request, run_guest
from vmlib.packages import VmError, cache_root, log

from btaot_tool.kernel.btf import read_btf
from btaot_tool.kernel.formats import encode_tracepoints, parse_field
from btaot_tool.kernel.packfile import PackData, PackIdentity, write_pack
from btaot_tool.kernel.types import Tracepoint, TracepointField
from btaot_tool.targets import TARGETS, Target

from .constants import kernel_flags, list_headers, read_constants
from .image import extract_btf

# All field lines with their files: one process, compressed, because the console is slow.
_LIST_FORMATS = """
cd /sys/kernel/tracing/events
find . -name format | xargs grep -H field: | gzip -9 | base64 -w 0
echo
uname -r
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A pack that was written, and how much it knows."""

    data: PackData
    tracepoints: int
    constants: int


def make_pack(arch: str, kernel: str, output: Path) -> Made:
    """Make the pack of one of the kernels that ``scripts/vm`` knows."""
    target = TARGETS[arch]
    log(f"types of {arch} {kernel}")
    columns = read_btf(extract_btf(get_kernel(arch, kernel).read_bytes()))
    log("tracepoints, from a booted guest")
    tracepoints, uname = read_tracepoints(arch, kernel)
    package, _, version = kernel_package_name(arch, kernel).partition("_")
    log("constants, from the header packages")
    constants = read_header_constants(arch, kernel, target)
    text = "".join(f"{name}={value}\n" for name, value in sorted(constants.items()))
    name = output.name.partition(".btpack")[0]
    identity = PackIdentity(name, target.name, uname, package, version)
    data = PackData(identity, columns, encode_tracepoints(tracepoints).encode(), text.encode())
    return Made(write_pack(output, data), len(tracepoints), len(constants))


def read_tracepoints(arch: str, kernel: str) -> tuple[list[Tracepoint], str]:
    """Return the formats of all tracepoints of a booted guest, and its ``uname -r``."""
    outcome = run_guest(Request(arch, kernel, _LIST_FORMATS))
    if outcome.status:
        raise VmError(f"the guest {arch} {kernel} failed with status {outcome.status}: {outcome.messages}")
    listing, uname = outcome.output.split()[-2:]
    return parse_listing(gzip.decompress(base64.b64decode(listing)).decode()), uname.decode()


def parse_listing(text: str) -> list[Tracepoint]:
    """Parse lines of ``./category/name/format:<field line>``."""
    found: dict[tuple[str, str], list[TracepointField]] = {}
    for line in text.splitlines():
        match = re.match(r"\./([^/]+)/([^/]+)/format:(.*)", line)
        if match is None:
            continue
        fields = found.setdefault((match[1], match[2]), [])
        field = parse_field(match[3])
        if field is not None and not field.name.startswith("common_"):
            fields.append(field)
    return [Tracepoint(category, name, tuple(fields)) for (category, name), fields in sorted(found.items())]


def read_header_constants(arch: str, kernel: str, target: Target) -> dict[str, int]:
    """Return the constants of the headers that belong to a kernel package."""
    archive, _ = find_kernel_package(arch, kernel)
    image = kernel_package_name(arch, kernel).partition("_")[0]
    flavoured = re.sub(r"^linux-(image|binary)-", "linux-headers-", image)
    common = re.sub(r"(-cloud)?-[a-z0-9]+$", "-common", flavoured)
    with tempfile.TemporaryDirectory(dir=cache_root()) as name:
        archive.unpack([common, flavoured], Path(name))
        sources = Path(name, "usr", "src")
        flags = kernel_flags(sources / common, sources / flavoured, target)
        return read_constants(list_headers(sources / common / "include"), flags)
