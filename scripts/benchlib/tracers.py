"""The tracers that are compared: how a script becomes a command line, and what has to be there for it to run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

_TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


@dataclass(frozen=True)
class Prepared:
    """A script that is ready to run: ``argv``, and the bytes of all files that it needs."""

    argv: list[str]
    size: int


@dataclass(frozen=True)
class Tracer:
    """``command`` is the path of bpftrace, or empty for btaot."""

    name: str
    command: str = ""

    def prepare(self, script: str, folder: Path, name: str) -> Prepared:
        """Compile the script, or write it for the interpreter."""
        path = folder / f"{name}.bt"
        path.write_text(script)
        if self.command:
            argv = [*_mounting_tracefs("tracepoint:" in script), self.command, str(path)]
            return Prepared(argv, _size_with_libraries(self.command))
        output = folder / name
        build = [sys.executable, "-m", "btaot_tool", "build", str(path), "-o", str(output)]
        subprocess.run(build, cwd=ROOT, check=True)
        return Prepared([str(output)], output.stat().st_size)


def _mounting_tracefs(needed: bool) -> list[str]:
    """Return a prefix that mounts tracefs where bpftrace looks, for it alone, if the machine has it not mounted."""
    if not needed or any(Path(place, "events").exists() for place in _TRACEFS):
        return []
    mounts = "mount -t debugfs none /sys/kernel/debug; mount -t tracefs none /sys/kernel/tracing"
    return ["unshare", "--mount", "sh", "-c", f'{mounts}; exec "$@"', "sh"]


def installed() -> Iterator[Tracer]:
    """Yield btaot, and bpftrace if it is there."""
    yield Tracer("btaot")
    found = shutil.which("bpftrace")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.split()
        yield Tracer(f"bpftrace {version[-1].lstrip('v')}" if version else "bpftrace", found)


def _size_with_libraries(command: str) -> int:
    linked = subprocess.run(["ldd", command], capture_output=True, text=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", linked)
    return sum(Path(name).stat().st_size for name in (command, *libraries))
