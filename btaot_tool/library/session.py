"""Facts of the run: ncpus, cpid, has_cpid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I64, const
from ..payload.layout import SessionFact
from ..sema.types import UINT32, UINT64, Bool
from ..symbols import session
from .simple import symbol_entry, value_entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen


def _has_child(g: Gen) -> Any:
    return g.b.zext(g.b.icmp_unsigned("!=", g.symbol(session(SessionFact.CHILD_PID)), const(0)), I64)


ENTRIES = (
    symbol_entry("ncpus", UINT64, session(SessionFact.CPU_COUNT)),
    symbol_entry("cpid", UINT32, session(SessionFact.CHILD_PID)),
    value_entry("has_cpid", Bool(), _has_child),
)
