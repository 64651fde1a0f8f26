"""The probe types.  To add one: a module with ``PROBES``, its name in ``_MODULES``, a provider in the runtime."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from fnmatch import fnmatchcase

from ..diagnostics import CompileError, Diagnostics
from ..payload.layout import AttachFlag
from ..syntax.tree import AttachPoint
from . import counters, functions, special, timers, tracepoints, tracing, uprobes, usdt, watchpoint
from .base import ArgField, AttachSpec, ParseContext, ProbeType, has_wildcard

_MODULES = (special, timers, tracepoints, functions, uprobes, counters, watchpoint, usdt, tracing)

_PARAMETER = re.compile(r"\$[1-9]")

PROBE_TYPES: dict[str, ProbeType] = {probe.name: probe for module in _MODULES for probe in module.PROBES}


def parse_attach_point(point: AttachPoint, ctx: ParseContext) -> list[AttachSpec]:
    """Return the attach point, parsed: mostly one; raises CompileError for unknown or malformed ones."""
    probe = PROBE_TYPES.get(point.provider)
    if not point.provider:
        raise ctx.diags.fatal(point.span, "No attach points for probe", code="probe-type")
    if probe is None:
        hint = f"probe types are: {', '.join(sorted(PROBE_TYPES))}"
        raise ctx.diags.fatal(point.span, f"Invalid probe type: {point.provider}", hint, code="probe-type")
    spec = probe.parse(point, ctx)
    if _has_parameters(point, ctx):
        spec = replace(spec, flags=spec.flags | AttachFlag.PARAMS)
    if point.choice:
        spec = replace(spec, flags=spec.flags | AttachFlag.PARAMS | AttachFlag.CHOICE, pin=point.choice)
    return probe.expand(spec, ctx)


def _has_parameters(point: AttachPoint, ctx: ParseContext) -> bool:
    """Whether the host puts positional parameters into the texts of an attach point."""
    quoted = point.quoted or (False,) * len(point.parts)
    found = any(_PARAMETER.search(part) and not q for part, q in zip(point.parts, quoted, strict=True))
    if found and any(quoted):
        hint = "write the parts that are in quotes without a dollar sign, or give them as parameters too"
        raise ctx.diags.fatal(point.span, "a positional parameter beside a quoted dollar sign is not supported", hint)
    return found


def expand_provider(point: AttachPoint, ctx: ParseContext) -> list[AttachPoint]:
    """Return an attach point for each probe type that a pattern such as ``k*:f`` means and that can be so written."""
    if not has_wildcard(point.provider):
        return [point]
    found = []
    for name in PROBE_TYPES:
        if fnmatchcase(name, point.provider):
            with contextlib.suppress(CompileError):
                candidate = replace(point, provider=name)
                parse_attach_point(candidate, replace(ctx, diags=Diagnostics()))
                found.append(candidate)
    return found or [point]


__all__ = [
    "PROBE_TYPES", "ArgField", "AttachSpec", "ParseContext", "ProbeType", "expand_provider", "parse_attach_point",
]  # fmt: skip
