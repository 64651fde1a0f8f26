"""``begin``, ``end``, ``self``, ``test`` and ``bench``: programs that the runtime itself runs."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType


class Special(ProbeType):
    """begin or end; any number of each, run in their order."""

    guarded = False
    type_name = "special"

    def __init__(self, name: str, kind: ProbeKind) -> None:
        self.name, self.kind = name, kind

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """These have no operands."""
        self._expect(point, ctx, 0, 0)
        return AttachSpec(self, point, self.name)


class SelfSignal(ProbeType):
    """``self:signal:SIGUSR1``: runs when the tracer gets the signal."""

    name, kind, guarded = "self", ProbeKind.SELF_SIGNAL, False

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """Only ``signal:NAME`` exists."""
        self._expect(point, ctx, 2, 2)
        if point.parts[0] != "signal":
            raise self._bad(point, ctx, f"{point.parts[0]} is not a supported trigger", "use self:signal:SIGUSR1")
        if point.parts[1] != "SIGUSR1":
            raise self._bad(point, ctx, f"{point.parts[1]} is not a supported signal", "use SIGUSR1")
        return AttachSpec(self, point, ":".join((self.name, *point.parts)), target="signal", name=point.parts[1])


class Trial(ProbeType):
    """``test:NAME`` and ``bench:NAME``: run by ``--test`` and ``--bench``, one after the other."""

    guarded, returns = False, True

    def __init__(self, name: str, kind: ProbeKind, type_name: str) -> None:
        self.name, self.kind, self.type_name = name, kind, type_name

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """The name is what the results are listed by."""
        self._expect(point, ctx, 1, 1)
        if not point.parts[0]:
            raise self._bad(point, ctx, f"{self.name} probes must have a name")
        return AttachSpec(self, point, f"{self.name}:{point.parts[0]}", target=point.parts[0])


PROBES = (
    Special("begin", ProbeKind.BEGIN),
    Special("end", ProbeKind.END),
    SelfSignal(),
    Trial("test", ProbeKind.TEST, "test"),
    Trial("bench", ProbeKind.BENCH, "benchmark"),
)
