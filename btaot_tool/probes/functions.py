"""Probes on functions of the kernel, ``kprobe`` and ``kretprobe``, and what those of programs share with them."""

from __future__ import annotations

from ..payload.layout import AttachFlag, ProbeKind
from ..sema.types import Space
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, parse_number, wildcard_flag


class FunctionProbe(ProbeType):
    """Shared by kernel and user functions: arguments come from registers."""

    reg_args = True

    def __init__(self, name: str, kind: ProbeKind, ret: bool) -> None:
        self.name, self.kind, self.has_retval = name, kind, ret

    def _function(self, point: AttachPoint, text: str, ctx: ParseContext) -> tuple[str, int]:
        """Return (symbol, offset), or ("", address) for a bare number."""
        address = parse_number(text)
        if address is not None:
            return "", address
        if not text:
            raise self._bad(point, ctx, f"{self.name} should be attached to a function and/or address")
        name, plus, offset = text.partition("+")
        if not plus:
            return name, 0
        if self.has_retval:
            raise self._bad(point, ctx, "Offset not allowed")
        if "+" in offset:
            raise self._bad(point, ctx, "Cannot take more than one offset")
        if not name or not offset:
            raise self._bad(point, ctx, "Invalid offset")
        return name, self._number(point, ctx, offset, "Invalid offset")


class KernelFunctionProbe(FunctionProbe):
    """``[MODULE:]FUNCTION[+OFFSET]`` or an address."""

    space, pid_filter = Space.KERNEL, True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """A module restricts where the function is looked for."""
        self._expect(point, ctx, 1, 2)
        name, value = self._function(point, point.parts[-1], ctx)
        if not name and not ctx.unsafe:
            raise self._bad(point, ctx, "Probing by address requires --unsafe", "build with --unsafe")
        module = point.parts[0] if len(point.parts) == 2 else ""
        text = ":".join((self.name, *point.parts[:-1], point.parts[-1] if name else str(value)))
        flags = wildcard_flag(module, name) | (AttachFlag.UNCHECKED if ctx.unsafe else AttachFlag(0))
        return AttachSpec(self, point, text, target=module, name=name, value=value, flags=flags)


PROBES = (
    KernelFunctionProbe("kprobe", ProbeKind.KPROBE, False),
    KernelFunctionProbe("kretprobe", ProbeKind.KRETPROBE, True),
)
