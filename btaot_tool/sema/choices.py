"""Attach points whose probe type is a parameter: ``$1 { ... }``.

The block is compiled once for every probe type that it can be, each as a row of its own; the executable takes the
parameter apart and keeps the row that it names.  In the strings of such a row ``$1``, ``$2`` are what stands between
the colons of the text that the parameters give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..diagnostics import CompileError
from ..syntax import tree
from ..syntax.providers import PROVIDERS

#: Probe types and the numbers of parts behind them.
_FORMS = {
    "begin": (0,), "end": (0,), "interval": (1, 2), "profile": (1, 2), "software": (1, 2), "hardware": (1, 2),
    "tracepoint": (2,), "rawtracepoint": (1, 2), "kprobe": (1, 2), "kretprobe": (1, 2), "fentry": (1, 2),
    "fexit": (1, 2), "uprobe": (2,), "uretprobe": (2,), "usdt": (2, 3),
}  # fmt: skip


def choose_probe_types(program: tree.Program, check: Callable[[tree.Program], object]) -> tree.Program:
    """Return the script with all that such attach points can be; ``check`` raises CompileError for a wrong script."""
    open_types = [probe for probe in program.probes if any("$" in point.provider for point in probe.attach_points)]
    if not open_types:
        return program
    others = [probe for probe in program.probes if probe not in open_types]
    probes = {
        probe: _choose(probe, lambda trial: check(replace(program, probes=[*others, trial]))) for probe in open_types
    }
    return replace(program, probes=[probes.get(probe, probe) for probe in program.probes])


def _choose(probe: tree.Probe, check: Callable[[tree.Probe], object]) -> tree.Probe:
    points: list[tree.AttachPoint] = []
    for point in probe.attach_points:
        if "$" not in point.provider:
            points.append(point)
            continue
        fit, first = [], None
        for candidate in _candidates(point):
            try:
                check(replace(probe, attach_points=[candidate]))
                fit.append(candidate)
            except CompileError as error:
                first = first or error
        if not fit and first:
            raise first
        points += fit
    return replace(probe, attach_points=points)


def _candidates(point: tree.AttachPoint) -> list[tree.AttachPoint]:
    raw = point.raw.split("=", 1)[1].strip() if point.name else point.raw
    found = []
    for provider, counts in _FORMS.items():
        names = " ".join((provider, provider.upper(), *PROVIDERS[provider]))
        for count in counts:
            parts = [f"${n}" for n in range(1, count + 1)]
            found.append(replace(point, provider=provider, parts=parts, quoted=(), choice=f"{raw}\t{count} {names} "))
    return found
