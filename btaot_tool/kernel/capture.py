"""Captures the kernel that this runs on: a pack for ``kernel=host`` and for ``btaot kernel capture``.

Types come from /sys/kernel/btf, tracepoint formats from tracefs.  A running kernel does not carry the constants of
its headers: those of the pack that is shipped for the architecture stand in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from pathlib import Path

from ..targets import host_target
from .btf import BtfError, read_btf
from .formats import encode_tracepoints
from .pack import PackKernel, default_pack
from .packfile import PackData, PackError, PackIdentity, image_path, read_pack, write_pack
from .tracefs import read_tracepoints

_BTF = Path("/sys/kernel/btf")


def capture_host(output: Path | None = None) -> PackData:
    """Return what is known of the running kernel; write it to a pack file if one is given."""
    base, modules = _read_btf_files()
    data = _capture(base, modules)
    return write_pack(output, data) if output is not None else data


def load_host() -> PackKernel:
    """Return the running kernel; what was captured is cached until kernel or modules change."""
    base, modules = _read_btf_files()
    cache = _cache_path(base, modules)
    if cache.exists():
        return PackKernel(read_pack(cache))
    data = _capture(base, modules)
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(f".{os.getpid()}")
        write_pack(temporary, data, fast=True)
        temporary.replace(cache)
        return PackKernel(read_pack(cache))
    return PackKernel(data)


def _capture(base: bytes, modules: dict[str, bytes]) -> PackData:
    try:
        columns = read_btf(base, list(modules.values()))
    except BtfError as error:
        raise PackError(f"cannot read the BTF of this kernel: {error}") from None
    system = platform.uname()
    arch = host_target().name
    try:
        constants = default_pack(arch).constants()
    except PackError:
        constants = b""
    identity = PackIdentity(f"host-{system.release}", arch, f"{system.release} {system.version}")
    digest = _digest(base, modules)
    return PackData(identity, columns, encode_tracepoints(read_tracepoints()).encode(), constants, digest)


def _read_btf_files() -> tuple[bytes, dict[str, bytes]]:
    """Return the BTF of the kernel and of its loaded modules."""
    try:
        base = (_BTF / "vmlinux").read_bytes()
        names = sorted(entry.name for entry in _BTF.iterdir() if entry.name != "vmlinux")
        modules = {name: (_BTF / name).read_bytes() for name in names}
    except FileNotFoundError:
        raise PackError(
            "this kernel has no BTF (/sys/kernel/btf/vmlinux): give a kernel pack instead of 'host'"
        ) from None
    except OSError as error:
        raise PackError(f"cannot read {error.filename}: {error.strerror}") from None
    return base, modules


def _digest(base: bytes, modules: dict[str, bytes]) -> str:
    digest = hashlib.sha256(base)
    for name, data in modules.items():
        digest.update(name.encode() + data)
    # Tracepoints come and go with modules that have no BTF, too.
    with contextlib.suppress(OSError):
        listing = Path("/proc/modules").read_text().splitlines()
        digest.update(" ".join(sorted(line.split()[0] for line in listing)).encode())
    digest.update(" ".join(platform.uname()[2:4]).encode())
    return digest.hexdigest()


def _cache_path(base: bytes, modules: dict[str, bytes]) -> Path:
    return image_path("").parent / f"host-{_digest(base, modules)}.btpack"
