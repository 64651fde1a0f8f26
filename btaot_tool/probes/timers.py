"""``interval`` and ``profile``: programs run by a timer."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, positional

UNITS = ("us", "ms", "s", "hz")
MICROSECOND = 1000  # in nanoseconds


class Timer(ProbeType):
    """``UNIT:COUNT`` with us, ms, s or hz; or one duration such as ``1s`` (plain numbers are nanoseconds)."""

    def __init__(self, name: str, kind: ProbeKind) -> None:
        self.name, self.kind = name, kind

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """Return unit and count; the unit "ns" stands for one duration."""
        self._expect(point, ctx, 1, 2)
        text, parameter = ":".join((self.name, *point.parts)), positional(point.parts[-1])
        unit = point.parts[0] if len(point.parts) == 2 else "ns"
        if len(point.parts) == 2 and unit not in UNITS and positional(unit) is None:
            raise self._bad(point, ctx, f"{unit} is not an accepted unit of time", "use us, ms, s or hz")
        if parameter is not None:
            return AttachSpec(self, point, text, name=unit, value_symbol=parameter)
        value = self._number(point, ctx, point.parts[-1], f"Invalid rate of {self.name} probe")
        if unit == "ns" and value < MICROSECOND:
            rate = f"Minimum is 1000 or 1us. Found: {value} nanoseconds"
            raise self._bad(point, ctx, f"Invalid rate of {self.name} probe. {rate}")
        if value <= 0:
            raise self._bad(point, ctx, f"{self.name} frequency should be a positive integer")
        if unit == "ns":
            text = f"{self.name}:us:{value // MICROSECOND}"  # what `probe` is in bpftrace
        return AttachSpec(self, point, text, name=unit, value=value)


PROBES = (Timer("interval", ProbeKind.INTERVAL), Timer("profile", ProbeKind.PROFILE))
