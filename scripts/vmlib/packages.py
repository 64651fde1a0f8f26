"""Fetches Debian packages with apt, without touching the machine's own package state.

Each (suite, architecture) has a private apt state in the cache; packages are downloaded, the wanted members are taken
out, and the package is forgotten.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from btaot_tool.cache import cache_dir

_INDEX_AGE = 86400.0


class VmError(Exception):
    """The guest cannot be prepared or started; the message says what to do."""


def log(*words: object) -> None:
    """Print progress for the person at the terminal."""
    print("vm:", *words, file=sys.stderr, flush=True)


def cache_root() -> Path:
    """Return the directory of kernels and tools: ``$BTAOT_VM_CACHE``, else ``vm`` in btaot's cache."""
    if own := os.environ.get("BTAOT_VM_CACHE"):
        return Path(own)
    return cache_dir() / "vm"


def require_tool(program: str, package: str) -> str:
    """Return the path of a program, or say which package has it."""
    path = shutil.which(program)
    if path is None:
        raise VmError(f"{program} is not installed; on Debian and Ubuntu: apt-get install {package}")
    return path


def find_mirror() -> str:
    """Return the Debian archive: ``$BTAOT_VM_MIRROR``, or the one that this machine's own apt uses."""
    if own := os.environ.get("BTAOT_VM_MIRROR"):
        return own
    require_tool("apt-get", "apt")
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    targets = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    for line in targets:
        if line.startswith("Debian ") and "security" not in line:
            return line.split()[1]
    raise VmError(
        "no Debian archive is known here: run 'apt-get update' first, or set BTAOT_VM_MIRROR to a Debian mirror"
    )


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The file of a package that was unpacked, and its sha256."""

    name: str
    digest: str


class Archive:
    """One suite of Debian for one of its architectures."""

    def __init__(self, suite: str, deb: str) -> None:
        self.suite, self.deb = suite, deb
        self._state = cache_root() / "apt" / f"{suite}-{deb}"
        self._names: list[str] | None = None

    def names(self) -> list[str]:
        """Return the names of the packages that begin with "linux-"."""
        if self._names is None:
            command = ["apt-cache", *self._options(), "pkgnames", "linux-"]
            self._names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return self._names

    def has(self, package: str) -> bool:
        """Tell whether the package itself exists (names are also known from dependencies)."""
        if package not in self.names():
            return False
        shown = subprocess.run(["apt-cache", *self._options(), "show", package], capture_output=True, check=False)
        return bool(shown.stdout)

    def newest(self, pattern: str) -> str | None:
        """Return the package of the highest version whose name matches."""
        found = [name for name in self.names() if re.fullmatch(pattern, name)]
        return max(found, key=lambda name: [int(n) for n in re.findall(r"\d+", name)], default=None)

    def download(self, packages: Sequence[str], directory: Path) -> list[Path]:
        """Download packages and return their files."""
        log(f"downloading {' '.join(packages)} ({self.deb}) from {self.suite}")
        command = ["apt-get", *self._options(), "download", *packages]
        if subprocess.run(command, cwd=directory, stdout=2, check=False).returncode:
            raise VmError(f"cannot download {' '.join(packages)} from {self.suite}; is the network there?")
        files = sorted(directory.glob("*.deb"))
        for file in files:
            log(f"  {file.name} {file.stat().st_size / 1e6:.1f} MB")
        return files

    def extract(self, package: str, members: Sequence[str], destination: Path) -> None:
        """Put the members of a package that match one of the patterns into a directory, flat, and note the package
        there."""
        with tempfile.TemporaryDirectory(dir=cache_root()) as name:
            scratch = Path(name)
            [file] = self.download([package], scratch)
            listing = subprocess.run(["dpkg-deb", "-c", file], check=True, capture_output=True, text=True).stdout
            names = [line.split(None, 5)[5].split(" -> ")[0] for line in listing.splitlines()]
            wanted = [name for name in names if any(re.search(member, name) for member in members)]
            archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", file], check=True, capture_output=True).stdout
            subprocess.run(["tar", "-xf", "-", "-C", scratch, *wanted], input=archive, check=True)
            for member in wanted:
                shutil.copy(scratch / member, destination / Path(member).name)
            with (destination / "packages").open("a") as notes:
                notes.write(file.name + "\n")

    def unpack(self, packages: Sequence[str], destination: Path) -> list[Unpacked]:
        """Unpack packages whole; return their files."""
        unpacked = []
        with tempfile.TemporaryDirectory(dir=cache_root()) as name:
            for file in self.download(packages, Path(name)):
                subprocess.run(["dpkg-deb", "-x", file, destination], check=True)
                unpacked.append(Unpacked(file.name, hashlib.sha256(file.read_bytes()).hexdigest()))
        return unpacked

    def _options(self) -> list[str]:
        state, deb = self._state, self.deb
        settings = {
            "Dir::Etc::sourcelist": state / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::Lists": state / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "APT::Architecture": deb,
            "APT::Architectures": deb,
        }
        options = ["-qq"]
        for name, value in settings.items():
            options += ["-o", f"{name}={value}"]
        self._refresh(options)
        return options

    def _refresh(self, options: Sequence[str]) -> None:
        stamp = self._state / "ok"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < _INDEX_AGE:
            return
        (self._state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        source = f"deb [arch={self.deb} trusted=yes] {find_mirror()} {self.suite} main\n"
        (self._state / "sources.list").write_text(source)
        if subprocess.run(["apt-get", *options, "update"], stdout=2, check=False).returncode:
            raise VmError(f"cannot read the package index of Debian {self.suite}; is the network there?")
        stamp.touch()
