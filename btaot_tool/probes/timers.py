"""``interval`` and ``profile``: programs run by a timer."""

from __future__ import annotations

import re

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, parse_number, positional

UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


class Timer(ProbeType):
    """``UNIT:COUNT`` with us, ms, s or hz; or one duration such as ``1s`` (plain numbers are nanoseconds)."""

    def __init__(self, name: str, kind: ProbeKind) -> None:
        self.name, self.kind = name, kind

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """Return unit and count; the unit "ns" stands for one duration."""
        self._expect(point, ctx, 1, 2)
        if len(point.parts) == 2:
            unit, text = point.parts
            value = parse_number(text)
            if unit not in ("us", "ms", "s", "hz"):
                raise self._bad(point, ctx, f"Invalid unit '{unit}' of {self.name} probe", "use us, ms, s or hz")
        else:
            unit, value = "ns", self._duration(point.parts[0])
        text, parameter = ":".join((self.name, *point.parts)), positional(point.parts[-1])
        if parameter is not None:
            return AttachSpec(self, point, text, name=unit, value_symbol=parameter)
        if value is None:
            raise self._bad(point, ctx, f"Invalid rate of {self.name} probe: '{point.parts[-1]}'")
        if value <= 0:
            raise self._bad(point, ctx, f"{self.name} frequency should be a positive integer")
        if unit == "ns":
            text = f"{self.name}:us:{value // UNITS['us']}"  # what `probe` is in bpftrace
        return AttachSpec(self, point, text, name=unit, value=value)

    @staticmethod
    def _duration(text: str) -> int | None:
        match = re.fullmatch(r"([0-9][0-9_xXa-fA-Fe]*?)(ns|us|ms|s|m|h)?", text)
        number = parse_number(match[1]) if match else None
        return None if not match or number is None else number * UNITS[match[2] or "ns"]


PROBES = (Timer("interval", ProbeKind.INTERVAL), Timer("profile", ProbeKind.PROFILE))
