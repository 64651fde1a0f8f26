"""``--min-kernel``: what of a script the oldest kernel of a fleet cannot run, found when the script is compiled.

The versions are those of the kernel's releases in which BPF programs that trace got a feature.  A host is never
judged by its version: it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Set

from ..diagnostics import Diagnostics, Span
from ..payload.layout import Feature, SymbolKind
from . import SymbolTable

SINCE: dict[Feature, tuple[int, int]] = {
    Feature.FETCHING_ATOMICS: (5, 12),
    Feature.BPF_LOOP: (5, 17),
    Feature.FOR_EACH_MAP_ELEM: (5, 13),
    Feature.ATTACH_COOKIE: (5, 15),
    Feature.GET_FUNC_IP: (5, 15),
    Feature.GET_CURRENT_TASK_BTF: (5, 11),
    Feature.KTIME_GET_TAI_NS: (6, 1),
    Feature.KTIME_GET_BOOT_NS: (5, 8),
    Feature.PROBE_READ_KERNEL: (5, 5),
    Feature.JIFFIES64: (5, 6),
    Feature.GET_NS_CURRENT_PID_TGID: (5, 7),
    Feature.D_PATH: (5, 10),
    Feature.STRNCMP: (5, 17),
    Feature.MAP_LOOKUP_PERCPU: (5, 19),
    Feature.OVERRIDE_RETURN: (4, 16),
    Feature.GET_SOCKET_COOKIE: (5, 12),
    Feature.SKB_OUTPUT: (5, 5),
}


def kernel_version(text: str) -> tuple[int, int]:
    """Return the numbers of a version such as "5.15"; raise ValueError for anything else."""
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    if match is None:
        raise ValueError(f"{text!r} is no version of a kernel such as 5.15")
    return int(match[1]), int(match[2])


def check_minimum(symbols: SymbolTable, oldest: str | None, driven: Set[Span], diags: Diagnostics) -> None:
    """Report what the script cannot do without and kernels of version ``oldest`` do not have.

    ``driven``: loops that the runtime takes over where the kernel has no callbacks.
    """
    if oldest is None:
        return
    version = kernel_version(oldest)
    for symbol, (_, span) in symbols.rows.items():
        if symbol.kind is not SymbolKind.FEATURE or not symbol.a or span in driven:
            continue  # without a purpose it is a question, and the script goes on either way
        since = SINCE[Feature(symbol.imm)]
        if since > version:
            message = f"{symbol.a} needs Linux {since[0]}.{since[1]}, and --min-kernel is {oldest}"
            diags.error(span, message, code="min-kernel")
    diags.check()
