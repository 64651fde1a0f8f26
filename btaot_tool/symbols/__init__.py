"""Load-time symbols as the compiler sees them: what a program wants to know of its host.

One ``Symbol`` is one row of the payload's table.  The IR names it by its number; the kinds and their
operands stand in ``payload/enums.py``, the resolvers in the runtime's ``symbols_*.c``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import Span
from ..payload.layout import Feature, SessionFact, SymbolKind, UsdtPart

_LOADS = frozenset({SymbolKind.CTX_LOAD, SymbolKind.REG})
_USDT_LOADS = frozenset({UsdtPart.BASE, UsdtPart.INDEX})


@dataclass(frozen=True, slots=True)
class Symbol:
    """A fact of the host: kind and operands."""

    kind: SymbolKind
    a: str | int = 0
    b: str | int = 0
    imm: int = 0

    @property
    def is_call(self) -> bool:
        """Whether it becomes the call of a kernel function instead of a constant."""
        return self.kind is SymbolKind.KFUNC and not self.imm

    @property
    def is_load(self) -> bool:
        """Whether it becomes one load instruction from the context instead of a constant."""
        return self.kind in _LOADS or (self.kind is SymbolKind.USDT_ARG and self.b in _USDT_LOADS)

    def __str__(self) -> str:
        operands = [str(x) for x in (self.a, self.b) if x != 0 and x != ""]
        if self.kind is SymbolKind.FEATURE:
            operands = [Feature(self.imm).name.lower()]
        elif self.kind is SymbolKind.SESSION:
            operands = [SessionFact(self.imm).name.lower()]
        elif self.imm:
            operands.append(str(self.imm))
        return f"{self.kind.name.lower()}({', '.join(operands)})"


@dataclass
class SymbolTable:
    """Numbers the symbols of one payload in the order of their first use."""

    rows: dict[Symbol, tuple[int, Span | None]] = field(default_factory=dict)

    def number(self, symbol: Symbol, span: Span | None) -> int:
        """Return the row of a symbol; the first use gives the place for messages."""
        if symbol not in self.rows:
            self.rows[symbol] = (len(self.rows), span)
        return self.rows[symbol][0]


def map_fd(index: int) -> Symbol:
    """Return the symbol of a map's descriptor."""
    return Symbol(SymbolKind.MAP_FD, index)


def map_value(index: int, offset: int = 0) -> Symbol:
    """Return the symbol of an address inside a single-entry array map."""
    return Symbol(SymbolKind.MAP_VALUE, index, imm=offset)


def feature(which: Feature, needed_for: str = "") -> Symbol:
    """Return the flag that tells whether the host's kernel can do something.

    ``needed_for``: what of the script cannot do without it; the runtime then refuses to start.
    """
    return Symbol(SymbolKind.FEATURE, needed_for, imm=int(which))


def session(fact: SessionFact) -> Symbol:
    """Return a fact of the run."""
    return Symbol(SymbolKind.SESSION, imm=int(fact))
