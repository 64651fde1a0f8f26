"""``watchpoint``: programs run when an address is read, written or executed."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, positional


class Watchpoint(ProbeType):
    """``ADDRESS:LENGTH:MODE``; the mode is a combination of r, w and x."""

    name, kind = "watchpoint", ProbeKind.WATCHPOINT

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """What modes exist is the architecture's matter."""
        self._expect(point, ctx, 3, 3)
        parameter = positional(point.parts[0])
        address = 0
        if parameter is None:
            address = self._number(point, ctx, point.parts[0], "Invalid function/address argument")
        length = self._number(point, ctx, point.parts[1], "Invalid length argument")
        if parameter is None and not address:
            raise self._bad(point, ctx, "watchpoint must be attached to a non-zero address")
        if length not in (1, 2, 4, 8):
            raise self._bad(point, ctx, "watchpoint length must be one of (1,2,4,8)")
        mode = "".join(sorted(point.parts[2]))
        modes = ctx.target.watchpoint_modes
        if mode not in modes:
            if not mode or set(mode) - set("rwx"):
                ctx.diags.error(point.span, "watchpoint mode must be combination of (r,w,x)")
            if len(set(mode)) != len(mode):
                ctx.diags.error(point.span, "watchpoint modes may not be duplicated")
            raise self._bad(point, ctx, f"invalid watchpoint mode: {mode}", f"supported modes: {','.join(modes)}")
        text = ":".join((self.name, *point.parts))
        return AttachSpec(self, point, text, name=mode, value=address, value_symbol=parameter, length=length)


PROBES = (Watchpoint(),)
