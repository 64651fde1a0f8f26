"""``watchpoint``: programs run when an address is read, written or executed."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, parse_number, positional


class Watchpoint(ProbeType):
    """``ADDRESS:LENGTH:MODE``; what lengths and modes exist is the host's matter."""

    name, kind = "watchpoint", ProbeKind.WATCHPOINT

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """The mode is any combination of r, w and x, each once."""
        self._expect(point, ctx, 3, 3)
        address, length = (parse_number(part) for part in point.parts[:2])
        parameter = positional(point.parts[0])
        if address is None and parameter is None:
            raise self._bad(point, ctx, f"Invalid function/address argument: '{point.parts[0]}'")
        if length is None:
            raise self._bad(point, ctx, f"Invalid length argument: '{point.parts[1]}'")
        if length not in (1, 2, 4, 8):
            raise self._bad(point, ctx, f"watchpoint length {length} is not possible", "use 1, 2, 4 or 8")
        mode = "".join(sorted(point.parts[2]))
        if not mode or set(mode) - set("rwx") or len(set(mode)) != len(mode):
            raise self._bad(point, ctx, "watchpoint mode must be combination of (r,w,x)")
        text = ":".join((self.name, *point.parts))
        return AttachSpec(self, point, text, name=mode, value=address or 0, value_symbol=parameter, length=length)


PROBES = (Watchpoint(),)
