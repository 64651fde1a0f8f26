"""Where btaot keeps what takes long to make: stubs, expanded kernel packs, what zig has compiled.

Everything there may be deleted at any time.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path


def cache_dir() -> Path:
    """Return $BTAOT_CACHE, else ``btaot`` below $XDG_CACHE_HOME or ~/.cache; without a home a directory of this run.

    It need not exist yet, and it may be that nothing can be written there.
    """
    if chosen := os.environ.get("BTAOT_CACHE"):
        return Path(chosen)
    root = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(root):
        return Path(root, "btaot")
    home = os.path.expanduser("~")
    return Path(home, ".cache", "btaot") if os.path.isabs(home) else temporary_cache()


@functools.cache
def temporary_cache() -> Path:
    """Return a private directory that is gone when this process ends."""
    path = tempfile.mkdtemp(prefix="btaot-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)
