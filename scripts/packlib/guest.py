"""Tracepoint formats from a booted guest with its modules loaded."""

from __future__ import annotations

import base64
import gzip
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmlib.machine import Request, run_guest
from vmlib.packages import VmError

from btaot_tool.kernel.formats import parse_field
from btaot_tool.kernel.types import Tracepoint, TracepointField

from .modules import Module

# All field lines with their files: one process, compressed, because the console is slow.
_LIST_FORMATS = """
for name in $(cat /t/order); do
    insmod /m/$name.ko 2>/dev/null || echo "refused $name"
done
cd /sys/kernel/tracing/events
find . -name format | xargs grep -H field: | gzip -9 | base64 -w 0
echo
uname -r
"""
_MEMORY = 3072
_TIMEOUT = 500.0


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """What a guest told: tracepoints, ``uname -r`` and the modules that it refused to load."""

    tracepoints: list[Tracepoint]
    uname: str
    refused: list[str]


def ask_guest(arch: str, kernel: str, image: Path, modules: Sequence[Module]) -> GuestFacts:
    """Boot a kernel, load modules in their order, and return what it knows."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        files = {"/t/order": scratch / "order"}
        files["/t/order"].write_text("".join(f"{module.name}\n" for module in modules))
        for module in modules:
            path = files[f"/m/{module.name}.ko"] = scratch / f"{module.name}.ko"
            path.write_bytes(module.data)
        request = Request(arch, kernel, _LIST_FORMATS, files, timeout=_TIMEOUT, memory=_MEMORY, image=image)
        outcome = run_guest(request)
    if outcome.status:
        raise VmError(f"the guest {arch} {kernel} failed with status {outcome.status}: {outcome.messages}")
    return parse_answer(outcome.output.decode())


def parse_answer(text: str) -> GuestFacts:
    """Read what the guest printed."""
    *lines, listing, uname = text.split("\n")[: text.rstrip().count("\n") + 1]
    refused = [line.split()[1] for line in lines if line.startswith("refused ")]
    formats = gzip.decompress(base64.b64decode(listing)).decode()
    return GuestFacts(parse_listing(formats), uname.strip(), refused)


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
