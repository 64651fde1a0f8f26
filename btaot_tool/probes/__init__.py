"""The probe types.  To add one: a module with ``PROBES``, its name in ``_MODULES``, a provider in the runtime."""

from __future__ import annotations

from ..syntax.tree import AttachPoint
from . import counters, functions, special, timers, tracepoints, tracing, usdt, watchpoint
from .base import ArgField, AttachSpec, ParseContext, ProbeType

_MODULES = (special, timers, tracepoints, functions, counters, watchpoint, usdt, tracing)

PROBE_TYPES: dict[str, ProbeType] = {probe.name: probe for module in _MODULES for probe in module.PROBES}


def parse_attach_point(point: AttachPoint, ctx: ParseContext) -> AttachSpec:
    """Return the parsed attach point; raises CompileError for unknown or malformed ones."""
    probe = PROBE_TYPES.get(point.provider)
    if probe is None:
        hint = f"probe types are: {', '.join(sorted(PROBE_TYPES))}"
        if "$" in point.provider:
            hint = "the probe type is needed when the script is compiled, a parameter has a value only when it runs"
        raise ctx.diags.fatal(point.span, f"Invalid probe type: {point.provider}", hint, code="probe-type")
    return probe.parse(point, ctx)


__all__ = ["PROBE_TYPES", "ArgField", "AttachSpec", "ParseContext", "ProbeType", "parse_attach_point"]
