"""``tracepoint`` and ``rawtracepoint``."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from ..kernel.types import Tracepoint
from ..payload.layout import AttachFlag, ProbeKind
from ..sema.ctypes import from_c, from_tracepoint
from ..sema.types import UINT64, Array, Int, Ptr, Space, Str
from ..syntax.tree import AttachPoint
from .base import ArgField, AttachSpec, ParseContext, ProbeType, has_wildcard, wildcard_flag


class TracepointProbe(ProbeType):
    """``CATEGORY:EVENT``; the fields' places come from the host's format file."""

    name, kind, space, pid_filter = "tracepoint", ProbeKind.TRACEPOINT, Space.KERNEL, True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """Both parts may be patterns; a pattern has the fields that all its matches share."""
        if len(point.parts) == 1 and has_wildcard(point.parts[0]):
            point = replace(point, parts=["*", *point.parts])
        self._expect(point, ctx, 2, 2)
        category, event = point.parts
        if not category or not event:
            raise self._bad(point, ctx, "tracepoint probe must have a target")
        found = self._known(category, event, ctx)
        args = self._fields(found[0], ctx) if found else None
        for other in found[1:]:
            mine = self._fields(other, ctx)
            args = {n: f for n, f in (args or {}).items() if n in mine and mine[n].type == f.type}
        return AttachSpec(
            self,
            point,
            f"tracepoint:{category}:{event}",
            target=category,
            name=event,
            flags=wildcard_flag(category, event),
            args=args,
        )

    @staticmethod
    def _known(category: str, event: str, ctx: ParseContext) -> list[Tracepoint]:
        if not wildcard_flag(category, event):
            one = ctx.kernel.tracepoint(category, event)
            return [one] if one else []
        return [
            tp
            for cat, events in sorted(ctx.kernel.tracepoints().items())
            if fnmatchcase(cat, category)
            for name in sorted(events)
            if fnmatchcase(name, event) and (tp := ctx.kernel.tracepoint(cat, name))
        ]

    @staticmethod
    def _fields(tp: Tracepoint, ctx: ParseContext) -> dict[str, ArgField]:
        space = Space.USER if tp.category == "syscalls" else Space.KERNEL
        fields = {}
        for f in tp.fields:
            ctype = from_tracepoint(f, ctx.kernel, space)
            dynamic = f.form != "inline" or (not isinstance(ctype, Int | Ptr) and not ctype.is_scalar)
            if dynamic and isinstance(ctype, Str | Array) and ctype.size == 0:
                ctype = Ptr(Int(1, True) if isinstance(ctype, Str) else ctype.elem, Space.KERNEL)
            fields[f.name] = ArgField(f.name, ctype, f.name, dynamic)
        return fields


class RawTracepointProbe(ProbeType):
    """``[MODULE:]EVENT``; arguments by number and, from BTF, by name."""

    name, kind, space, positional = "rawtracepoint", ProbeKind.RAW_TRACEPOINT, Space.KERNEL, True
    pid_filter = True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """The module is a filter only: the kernel finds a raw tracepoint by its name."""
        self._expect(point, ctx, 1, 2, "2 or 1")
        event = point.parts[-1]
        module = point.parts[0] if len(point.parts) == 2 else ""
        proto = None if wildcard_flag(event) else ctx.kernel.raw_tracepoint(event)
        args = None
        if proto:
            args = {
                name: ArgField(name, from_c(ctype, ctx.kernel, Space.KERNEL), f"arg{i}")
                for i, (name, ctype) in enumerate(proto.params)
                if name
            }
            args = {n: f if f.type.is_scalar else ArgField(n, UINT64, f.symbol) for n, f in args.items()}
        text = ":".join((self.name, *point.parts))
        flags = wildcard_flag(*point.parts) | (AttachFlag(0) if module else AttachFlag.OPEN)
        return AttachSpec(self, point, text, target=module, name=event, flags=flags, args=args)


PROBES = (TracepointProbe(), RawTracepointProbe())
