"""Which optional parts of the runtime a script uses: they decide which variant of the stub it gets."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from operator import or_

from ..codegen.module import MapPlan
from ..sema.result import Template
from ..sema.types import USYM, Agg, Stack, Type
from ..targets import Target
from ..variants import available
from .layout import AttachFlag, MapRole, ProbeKind, StackMode, StubPart, TypeKind

_USER_PROBES = (ProbeKind.UPROBE, ProbeKind.URETPROBE)
_BY_STACK_MODE = {
    StackMode.BPFTRACE: StubPart.SYMBOLS | StubPart.LINES,
    StackMode.PERF: StubPart.SYMBOLS | StubPart.LINES,
}
_BY_MAP = {MapRole.UNWIND: StubPart.UNWIND, MapRole.PERF: StubPart.PACKETS}
_BY_PROBE = {ProbeKind.TEST: StubPart.TRIALS, ProbeKind.BENCH: StubPart.TRIALS, ProbeKind.ITER: StubPart.ITERS}
_NONE = StubPart(0)


def used_parts(
    target: Target, types: Iterable[Type], maps: Iterable[MapPlan], templates: Iterable[Template]
) -> StubPart:
    """Return the parts that a compiled script uses, of those that there are for its target."""
    parts = [
        *map(_of_type, types),
        *(_BY_MAP.get(plan.role, _NONE) for plan in maps),
        *map(_of_template, templates),
    ]
    return functools.reduce(or_, parts, _NONE) & available(target)


def _of_type(typ: Type) -> StubPart:
    if isinstance(typ, Stack) and typ.user:
        return _BY_STACK_MODE.get(typ.mode, _NONE)
    if isinstance(typ, Agg) and typ.kind is TypeKind.TSERIES:
        return StubPart.TSERIES
    if isinstance(typ, Agg) and any(typ.given):
        return StubPart.GIVEN
    return StubPart.SYMBOLS if typ == USYM else _NONE


def _of_template(template: Template) -> StubPart:
    """C++ names in attach points are compared on the host."""
    cpp = template.kind in _USER_PROBES and any(spec.ns for spec in template.attaches)
    given = any(spec.flags & AttachFlag.CHOICE for spec in template.attaches)
    return (
        _BY_PROBE.get(template.kind, _NONE)
        | (StubPart.SYMBOLS if cpp else _NONE)
        | (StubPart.GIVEN if given else _NONE)
    )
