"""The compiler that the ``ziglang`` package brings: it compiles the runtime, and C for the BPF machine."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from pathlib import Path

from .cache import cache_dir, temporary_cache

ZIG_HINT = "pip install ziglang"


class ZigMissing(Exception):
    """There is no zig."""


@functools.cache
def zig_directory() -> Path:
    """Return the directory that has the ``zig`` program and its ``lib``; ZigMissing if there is none."""
    spec = importlib.util.find_spec("ziglang")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if found := shutil.which("zig"):
        return Path(found).resolve().parent
    raise ZigMissing("the Python package ziglang is not installed")


def zig_command() -> tuple[str, ...]:
    """Return argv of zig, up to its subcommand."""
    return (str(zig_directory() / "zig"),)


def zig_environment() -> dict[str, str]:
    """Return the environment to run zig in: English messages, and its cache inside btaot's unless it has its own."""
    environment = {**os.environ, "LC_ALL": "C"}
    if "ZIG_GLOBAL_CACHE_DIR" not in environment:
        cache = cache_dir() / "zig"
        try:
            cache.mkdir(parents=True, exist_ok=True)
            usable = os.access(cache, os.W_OK)
        except OSError:
            usable = False
        environment["ZIG_GLOBAL_CACHE_DIR"] = str(cache if usable else temporary_cache() / "zig")
    return environment
