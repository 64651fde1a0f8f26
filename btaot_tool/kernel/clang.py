"""Runs clang: the one inside the ``ziglang`` package (``zig cc``), for C definitions and header constants."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path


class ClangMissing(Exception):
    """No clang is at hand."""


@lru_cache(maxsize=1)
def zig_directory() -> Path:
    """Return the directory that has the ``zig`` program and its ``lib``."""
    spec = importlib.util.find_spec("ziglang")
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0])
    if found := shutil.which("zig"):
        return Path(found).resolve().parent
    raise ClangMissing("C definitions need zig: pip install ziglang")


def uapi_includes(linux_arch: str) -> list[str]:
    """Return the options that make clang find the kernel's UAPI headers of an architecture, and clang's own."""
    lib = zig_directory() / "lib"
    headers = lib / "libc" / "include"
    directories = [lib / "include", headers / f"{linux_arch}-linux-any", headers / "any-linux-any"]
    return [option for directory in directories for option in ("-isystem", str(directory))]


def run_clang(arguments: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``clang`` and return what it printed; messages are in English."""
    environment = {**os.environ, "LC_ALL": "C"}
    command = [str(zig_directory() / "zig"), "cc", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
