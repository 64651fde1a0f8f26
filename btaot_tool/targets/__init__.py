"""The target architectures: one entry each.

To add one: this entry, ``toolchains/NAME.toml`` and ``runtime-c/src/arch/NAME.h``.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A CPU architecture that executables are made for.

    ``machine`` is the ELF ``e_machine``; ``bits`` the width of a long; ``linux`` the directory name of the
    architecture in the kernel's tree; ``zig`` the compiler's target triple; ``debian`` Debian's name;
    ``watchpoint_modes`` what its hardware watches for (arch/*/kernel/hw_breakpoint.c), in the order r, w, x;
    ``user_mode`` how registers tell that a program was interrupted (``user_mode()`` of its asm/ptrace.h): the register,
    the bits to look at, and their value then; ``return_words`` how many words a call leaves on the stack before
    arguments that lie there: the return address, or none.
    """

    name: str
    machine: int
    bits: int
    big_endian: bool
    zig: str
    linux: str
    debian: str
    user_mode: tuple[str, int, int]
    return_words: int
    watchpoint_modes: tuple[str, ...] = ()

    @property
    def bpf_triple(self) -> str:
        """LLVM target of the bytecode."""
        return "bpfeb" if self.big_endian else "bpfel"

    @property
    def byteorder(self) -> str:
        """Byte order as ``struct`` wants it."""
        return ">" if self.big_endian else "<"


TARGETS: dict[str, Target] = {
    t.name: t
    for t in (
        Target("x86_64", 62, 64, False, "x86_64-linux-musl", "x86", "amd64", ("cs", 3, 3), 1, ("x", "w", "rw")),
        Target(
            "aarch64",
            183,
            64,
            False,
            "aarch64-linux-musl",
            "arm64",
            "arm64",
            ("pstate", 15, 0),
            0,
            ("r", "w", "x", "rw"),
        ),
    )
}

ALIASES = {"amd64": "x86_64", "x86-64": "x86_64", "arm64": "aarch64"}


def find_target(name: str) -> Target:
    """Return the target with this name or alias; KeyError lists the known names."""
    try:
        return TARGETS[ALIASES.get(name, name)]
    except KeyError:
        raise KeyError(f"unknown target {name!r}; known: {', '.join(TARGETS)}") from None


def host_target() -> Target:
    """Return the target of the machine that this runs on."""
    return find_target(platform.machine())
