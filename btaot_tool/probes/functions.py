"""Probes on functions: ``kprobe``, ``kretprobe``, ``uprobe``, ``uretprobe``."""

from __future__ import annotations

from ..payload.layout import ProbeKind
from ..sema.types import Space
from ..syntax.tree import AttachPoint
from .base import AttachSpec, ParseContext, ProbeType, has_wildcard, parse_number, wildcard_flag


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

    space = Space.KERNEL

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """A module restricts where the function is looked for."""
        self._expect(point, ctx, 1, 2)
        name, value = self._function(point, point.parts[-1], ctx)
        if not name and not ctx.unsafe:
            raise self._bad(point, ctx, "Probing by address requires --unsafe", "build with --unsafe")
        module = point.parts[0] if len(point.parts) == 2 else ""
        text = ":".join((self.name, *point.parts))
        return AttachSpec(self, point, text, target=module, name=name, value=value, flags=wildcard_flag(module, name))


class UserFunctionProbe(FunctionProbe):
    """``BINARY:FUNCTION[+OFFSET]``, ``BINARY:ADDRESS``, ``BINARY:cpp:NAME``."""

    space, preemptible = Space.USER, True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """The binary is found on the host: a path, a program on PATH, or a library's name."""
        self._expect(point, ctx, 2, 3)
        lang = point.parts[1] if len(point.parts) == 3 else ""
        if lang not in ("", "cpp"):
            raise self._bad(point, ctx, f"unsupported language type: {lang}", "only cpp is known")
        if "@" in point.parts[0] and len(point.parts) >= 2:
            raise self._bad(point, ctx, "uprobes at FILE:LINE are not supported yet", "name the function instead")
        binary = point.parts[0]
        if not binary:
            what = f"{self.name} should have a target"
            raise self._bad(point, ctx, what, f"write {self.name}:/path/to/binary:function")
        name, value = (point.parts[-1], 0) if lang else self._function(point, point.parts[-1], ctx)
        if not name and has_wildcard(binary):
            raise self._bad(point, ctx, "Cannot use wildcards with absolute address")
        text = ":".join((self.name, *point.parts))
        return AttachSpec(
            self, point, text, target=binary, name=name, ns=lang, value=value, flags=wildcard_flag(binary, name)
        )


PROBES = (
    KernelFunctionProbe("kprobe", ProbeKind.KPROBE, False),
    KernelFunctionProbe("kretprobe", ProbeKind.KRETPROBE, True),
    UserFunctionProbe("uprobe", ProbeKind.UPROBE, False),
    UserFunctionProbe("uretprobe", ProbeKind.URETPROBE, True),
)
