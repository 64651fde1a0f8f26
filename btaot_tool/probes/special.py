"""``begin``, ``end`` and ``self``: programs that the runtime itself runs."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType


class Special(ProbeType):
    """begin or end; any number of each, run in their order."""

    guarded = False

    def __init__(self, name: str, kind: ProbeKind) -> None:
        self.name, self.kind = name, kind

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """These have no operands."""
        if point.parts:
            raise self._bad(point, ctx, f"{self.name} probes should not have a target")
        return AttachSpec(self, point, self.name)


class SelfSignal(ProbeType):
    """``self:signal:SIGUSR1``: runs when the tracer gets the signal."""

    name, kind, guarded = "self", ProbeKind.SELF_SIGNAL, False

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """Only ``signal:NAME`` exists."""
        self._expect(point, ctx, 2, 2)
        if point.parts[0] != "signal":
            raise self._bad(point, ctx, f"self probe does not support {point.parts[0]}", "use self:signal:SIGUSR1")
        if point.parts[1] != "SIGUSR1":
            raise self._bad(point, ctx, f"{point.parts[1]} is not supported by self:signal", "use SIGUSR1")
        return AttachSpec(self, point, ":".join((self.name, *point.parts)), target="signal", name=point.parts[1])


PROBES = (Special("begin", ProbeKind.BEGIN), Special("end", ProbeKind.END), SelfSignal())
