"""``software`` and ``hardware``: programs run every N events of a perf counter."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, has_wildcard, positional

SOFTWARE = frozenset(
    {
        "alignment-faults", "bpf-output", "context-switches", "cs", "cpu-clock", "cpu", "cpu-migrations", "dummy",
        "emulation-faults", "major-faults", "minor-faults", "page-faults", "faults", "task-clock",
    }
)  # fmt: skip
HARDWARE = frozenset(
    {
        "backend-stalls", "branch-instructions", "branches", "branch-misses", "bus-cycles", "cache-misses",
        "cache-references", "cpu-cycles", "cycles", "frontend-stalls", "instructions", "ref-cycles",
    }
)  # fmt: skip


class Counter(ProbeType):
    """``EVENT[:COUNT]``; without a count the runtime has a default for each event."""

    def __init__(self, name: str, kind: ProbeKind, events: frozenset[str]) -> None:
        self.name, self.kind, self.events = name, kind, events

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """An empty count (``EVENT:``) is none."""
        self._expect(point, ctx, 1, 2)
        event = point.parts[0]
        if has_wildcard(event):
            raise self._bad(point, ctx, f"wildcards are not allowed for {self.name} probe type")
        if event not in self.events and positional(event) is None:
            known = ", ".join(sorted(self.events))
            raise self._bad(point, ctx, f"{event} is not a {self.name} probe", f"known: {known}")
        text = point.parts[1] if len(point.parts) == 2 else ""
        name = ":".join((self.name, *point.parts))
        parameter = positional(text)
        if parameter is not None:
            return AttachSpec(self, point, name, target=event, value_symbol=parameter)
        count = 0 if text in ("", "*") else self._number(point, ctx, text, f"Invalid count for {self.name} probe")
        return AttachSpec(self, point, name, target=event, value=count)


PROBES = (
    Counter("software", ProbeKind.SOFTWARE, SOFTWARE),
    Counter("hardware", ProbeKind.HARDWARE, HARDWARE),
)
