"""Reads this host's tracepoint formats, from tracefs where it is mounted or through a private mount of it.

The private mount (``fsopen``, ``fsmount``; Linux 5.2) is attached nowhere: nobody else sees it and it is gone with
its descriptor.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

from .formats import parse_format
from .packfile import PackError
from .types import Tracepoint

_PLACES = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")

# The same on every architecture that we know.
_SYS_FSOPEN, _SYS_FSCONFIG, _SYS_FSMOUNT = 430, 431, 432
_FSCONFIG_CMD_CREATE = 6


def read_tracepoints() -> list[Tracepoint]:
    """Return the formats of all tracepoints of this host."""
    root = open_tracefs()
    try:
        return list(_read_events(root))
    except PermissionError:
        raise PackError("tracepoint formats are readable by root only: run this as root") from None
    finally:
        os.close(root)


def open_tracefs() -> int:
    """Return a descriptor of the root of tracefs."""
    for place in _PLACES:
        try:
            if os.path.isdir(f"{place}/events"):
                return os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
    return _mount_privately()


def _mount_privately() -> int:
    context = -1
    try:
        context = _syscall(_SYS_FSOPEN, ctypes.c_char_p(b"tracefs"), 1)
        _syscall(_SYS_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0)
        return _syscall(_SYS_FSMOUNT, context, 1, 0)
    except OSError as error:
        raise PackError(f"cannot read tracefs ({error.strerror}): run this as root, on Linux 5.2 or newer") from None
    finally:
        if context >= 0:
            os.close(context)


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _read_events(root: int) -> Iterator[Tracepoint]:
    events = os.open("events", os.O_RDONLY | os.O_DIRECTORY, dir_fd=root)
    try:
        for category in sorted(_directories(events)):
            directory = os.open(category, os.O_RDONLY | os.O_DIRECTORY, dir_fd=events)
            try:
                yield from _read_category(category, directory)
            finally:
                os.close(directory)
    finally:
        os.close(events)


def _read_category(category: str, directory: int) -> Iterator[Tracepoint]:
    for name in sorted(_directories(directory)):
        try:
            handle = os.open(f"{name}/format", os.O_RDONLY, dir_fd=directory)
        except FileNotFoundError:
            continue
        with os.fdopen(handle) as file:
            yield parse_format(category, name, file.read())


def _directories(handle: int) -> list[str]:
    with os.scandir(handle) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
