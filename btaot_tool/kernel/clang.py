"""Runs clang: the one inside the ``ziglang`` package (``zig cc``), for C definitions and header constants."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..targets import Target
from ..zig import zig_command, zig_directory, zig_environment


@dataclass(frozen=True, slots=True)
class _Machine:
    """Where zig has a target's UAPI headers, and what its own compiler predefines that headers test."""

    headers: str
    macros: tuple[str, ...]


_SYSTEM = ("__linux__", "__linux", "__unix__", "__unix")  # for any machine: headers such as drm/drm.h ask
_MACHINES = {
    "x86_64": _Machine("x86", ("__x86_64__", "__x86_64")),
    "aarch64": _Machine("aarch64", ("__aarch64__",)),
    "riscv64": _Machine("riscv", ("__riscv", "__riscv_xlen=64")),
    "s390x": _Machine("s390x", ("__s390__", "__s390x__")),
    "ppc64le": _Machine("powerpc", ("__powerpc__", "__powerpc64__", "_CALL_ELF=2")),
    "loongarch64": _Machine(
        "loongarch", ("__loongarch__", "__loongarch64", "__loongarch_lp64", "__loongarch_grlen=64")
    ),
}


def target_options(target: Target) -> list[str]:
    """Return the options that compile C definitions for the BPF machine as the target's own compiler would read
    them."""
    macros = [f"-D{macro}" for macro in (*_SYSTEM, *_MACHINES[target.name].macros)]
    return ["-target", f"{target.bpf_triple}-freestanding", "-std=gnu11", "-w", "-nostdinc", *macros]


def kernel_headers(target: Target) -> list[Path]:
    """Return where clang's own headers and the kernel's UAPI headers are."""
    lib = zig_directory() / "lib"
    names = (f"{_MACHINES[target.name].headers}-linux-any", "any-linux-any")
    return [lib / "include", *(lib / "libc" / "include" / name for name in names)]


def library_headers(target: Target) -> list[Path]:
    """Return where the headers of the C library are."""
    return [zig_directory() / "lib" / "libc" / "include" / name for name in (target.zig, "generic-musl")]


def run_clang(arguments: Sequence[str], *, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``clang`` and return what it printed; messages are in English."""
    command = [*zig_command(), "cc", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=cwd, env=zig_environment(), check=False
    )
