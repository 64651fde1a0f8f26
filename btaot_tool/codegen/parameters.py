"""Parameters of user functions: in registers, on the stack or behind a pointer, as the calling convention has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dwarf.calls import WORD
from ..dwarf.calls import Place as ParameterPlace
from ..payload.layout import SymbolKind
from ..sema.types import Space, Type
from ..symbols import Symbol
from .llvm import const
from .values import Memory, Place, Scalar, Value

if TYPE_CHECKING:
    from .gen import Gen


def parameter(g: Gen, typ: Type, place: ParameterPlace) -> Value:
    """Return a parameter of the function that was just entered."""
    if place.stack is not None:
        address = g.b.add(g.context_load(Symbol(SymbolKind.REG, "sp")), const(place.stack))
        if place.reference:
            cell = g.bytes(WORD)
            g.b.store(const(0), cell)
            g.probe_read(cell, WORD, address, Space.USER)
            address = g.b.load(cell, typ=address.type)
        return g.read(Place(typ, address, Space.USER))
    words = [g.context_load(Symbol(SymbolKind.REG, f"arg{number}")) for number in place.registers]
    if place.reference:
        return g.read(Place(typ, words[0], Space.USER))
    if typ.is_scalar:
        return Scalar(typ, g.fit(words[0], typ))
    memory = g.temp(typ, WORD * len(words))
    for index, word in enumerate(words):
        g.b.store(word, g.offset(memory.ptr, WORD * index), align=WORD)
    return Memory(typ, memory.ptr)
