"""The identity of this compiler: two compilers with the same identity produce the same bytes."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from . import __version__

#: Packages whose version can change the output.
_BACKENDS = ("llvmlite", "lark", "lief", "ziglang")
#: Folders of this package that only move results around.
_NEUTRAL = frozenset({"cli", "scons", "inspect", "worker", "__pycache__"})
_SUFFIXES = frozenset({".py", ".lark", ".bt", ".h", ".json"})


def package_dir() -> Path:
    """Return the directory of the package."""
    return Path(__file__).resolve().parent


def backend_version(package: str) -> str:
    """Return the version of an installed package without importing it, '' if it is not installed."""
    import importlib.metadata  # takes long itself

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@functools.cache
def compiler_identity() -> str:
    """Return the version, a digest of the compiler's own files, and the versions of what it stands on."""
    root = package_dir()
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in _SUFFIXES and not _NEUTRAL.intersection(path.relative_to(root).parts):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    backends = " ".join(f"{name}={backend_version(name)}" for name in _BACKENDS)
    return f"btaot={__version__} {digest.hexdigest()[:16]} {backends}"
