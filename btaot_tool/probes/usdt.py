"""``usdt``: static probes of user programs.  Where their arguments lie is read from the binary on the host."""

from __future__ import annotations

from ..payload.layout import AttachFlag, ProbeKind
from ..sema.types import Space
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, wildcard_flag


class Usdt(ProbeType):
    """``BINARY:[PROVIDER:]PROBE``; ``:PROBE`` with an empty binary takes those of the process given with -p."""

    name, kind, space, preemptible, usdt_args = "usdt", ProbeKind.USDT, Space.USER, True, True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """One part alone is the name of a probe in the process given with -p."""
        self._expect(point, ctx, 1, 3, "2 or 3")
        parts = point.parts if len(point.parts) > 1 else ["", *point.parts]
        binary, name = parts[0], parts[-1]
        provider = parts[1] if len(parts) == 3 else ""
        text = ":".join((self.name, *point.parts))
        flags = wildcard_flag(binary, provider, name) | (AttachFlag(0) if provider else AttachFlag.OPEN)
        return AttachSpec(self, point, text, target=binary, name=name, ns=provider, flags=flags)


PROBES = (Usdt(),)
