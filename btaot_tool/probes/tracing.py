"""Probes whose context is typed by the kernel's BTF: ``fentry``, ``fexit`` and ``iter``."""

from __future__ import annotations

from ..kernel.types import CFunc, CRef, CStruct, Member, strip_typedefs
from ..payload.layout import ProbeKind
from ..sema.ctypes import from_c
from ..sema.types import UINT64, Space, Type, Void
from ..syntax.tree import AttachPoint
from .base import ArgField, AttachSpec, ParseContext, ProbeType, has_wildcard, parse_number, wildcard_flag

RETVAL = "retval"


class FunctionTracing(ProbeType):
    """``[MODULE:]FUNCTION``, ``bpf:[ID:]PROGRAM``; parameters have their names and types from BTF."""

    space, pid_filter = Space.KERNEL, True

    def __init__(self, name: str, kind: ProbeKind, ret: bool) -> None:
        self.name, self.kind, self.has_retval = name, kind, ret

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """A pattern has no named arguments: its matches differ."""
        self._expect(point, ctx, 1, 3, "1 or 3")
        text = ":".join((self.name, *point.parts))
        if point.parts[0] == "bpf":
            return self._program(point, ctx, text)
        if len(point.parts) == 3:
            raise self._bad(point, ctx, "Only the 'bpf' variant of this probe supports 4 arguments")
        function = point.parts[-1]
        module = point.parts[0] if len(point.parts) == 2 else ""
        proto = None if has_wildcard(function) else ctx.kernel.function(function)
        return AttachSpec(
            self, point, text, target=module, name=function, flags=wildcard_flag(module, function),
            args=self._args(proto, ctx),
        )  # fmt: skip

    def _program(self, point: AttachPoint, ctx: ParseContext, text: str) -> AttachSpec:
        if len(point.parts) == 1:
            raise self._bad(point, ctx, "the 'bpf' variant of this probe requires a bpf program name and optional bpf"
                                        " program id")  # fmt: skip
        number = 0
        if len(point.parts) == 3 and point.parts[1] != "*":
            parsed = parse_number(point.parts[1])
            if parsed is None:
                raise self._bad(point, ctx, "bpf program id must be a number or '*'")
            number = parsed
        name = point.parts[-1]
        return AttachSpec(self, point, text, target="bpf", name=name, value=number, flags=wildcard_flag(name))

    def _args(self, proto: CFunc | None, ctx: ParseContext) -> dict[str, ArgField] | None:
        if proto is None:
            return None
        fields = {
            name: ArgField(name, _register(from_c(ctype, ctx.kernel, Space.KERNEL)), name)
            for name, ctype in proto.params
            if name
        }
        result = from_c(proto.result, ctx.kernel, Space.KERNEL)
        if self.has_retval and not isinstance(result, Void):
            fields[RETVAL] = ArgField(RETVAL, _register(result), RETVAL)
        return fields


def _register(typ: Type) -> Type:
    """Return the type of an argument as the context holds it: structs by value are only words."""
    return typ if typ.is_scalar else UINT64


class Iterator(ProbeType):
    """``NAME[:PIN]``; ``ctx`` is a struct bpf_iter__NAME."""

    name, kind, space, context_name = "iter", ProbeKind.ITER, Space.KERNEL, "ctx"
    nullable_context = True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """The members of the context come from the kernel pack."""
        if not 1 <= len(point.parts) <= 2:
            raise self._bad(point, ctx, "iter probe type takes 2 arguments (1 optional)")
        if any(map(has_wildcard, point.parts)):
            raise self._bad(point, ctx, "iter probe type does not support wildcards")
        name = point.parts[0]
        if not name:
            raise self._bad(point, ctx, "iter should specify a iterator's name")
        struct = ctx.kernel.struct(f"struct bpf_iter__{name}")
        args = None
        if struct:
            args = {
                m.name: ArgField(m.name, from_c(m.type, ctx.kernel, Space.KERNEL), m.name) for m in _flat(struct, ctx)
            }
        pin = point.parts[1] if len(point.parts) == 2 else ""
        return AttachSpec(self, point, ":".join((self.name, *point.parts)), name=name, pin=pin, args=args)


def _flat(struct: CStruct, ctx: ParseContext) -> list[Member]:
    """Return the members of a context: each is an anonymous union of a pointer and its 64-bit padding."""
    found: list[Member] = []
    for member in struct.members:
        inner = strip_typedefs(member.type)
        if member.name:
            found.append(member)
        elif isinstance(inner, CRef) and (definition := ctx.kernel.struct(inner.name)):
            found += _flat(definition, ctx)
    return found


PROBES = (
    FunctionTracing("fentry", ProbeKind.FENTRY, False),
    FunctionTracing("fexit", ProbeKind.FEXIT, True),
    Iterator(),
)
