"""The parameters of a program's functions, with their names, types and places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..kernel.types import CType
from .calls import Place, place_parameters
from .forms import At, Tag
from .names import find_function, find_named
from .reader import Die, Info
from .types import ProgramTypes

_SUBPROGRAMS = frozenset({Tag.SUBPROGRAM})
_NOCALL = 3  # DW_CC_nocall: the compiler changed the calling convention
_GO = 0x16
_CLONES = (".isra.", ".constprop.", ".part.", ".cold")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function."""

    name: str
    type: CType
    place: Place


@dataclass(frozen=True, slots=True)
class Signature:
    """What is known of a function; ``problem`` says why its parameters cannot be told."""

    params: tuple[Parameter, ...] = ()
    problem: str = ""


def find_die(infos: list[Info], symbol: str, address: int | None) -> Die | None:
    """Return the entry of a function by the address of its code, else by its symbol's name."""
    for info in infos if address is not None else ():
        die = find_function(info, address or 0)
        if die is not None:
            return die
    for info in infos:
        for attribute in (At.NAME, At.LINKAGE_NAME, At.MIPS_LINKAGE_NAME):
            dies = list(find_named(info, symbol, _SUBPROGRAMS, attribute))
            if dies:
                return next((die for die in dies if At.LOW_PC in die.attrs), dies[0])
    return None


def signature(die: Die, symbol: str, types: ProgramTypes, target: str) -> Signature:
    """Return the parameters of a function for the calling convention of a target."""
    clone = next((mark for mark in _CLONES if mark in symbol), "")
    if clone:
        return Signature(problem=f"{symbol} is a part or a copy of a function that the compiler made")
    family = list(_family(die))
    if any(d.number(At.CALLING_CONVENTION) == _NOCALL for d in family):
        return Signature(problem=f"the compiler changed the calling convention of {symbol}")
    if die.unit.top.number(At.LANGUAGE) == _GO:
        return Signature(problem="functions of Go have a calling convention of their own")
    params = _parameters(family)
    result = next((d.reference(At.TYPE) for d in family if At.TYPE in d.attrs), None)
    ctypes = [types.convert(_inherited(param, At.TYPE)) for param in params]
    places = place_parameters(target, types.convert(result), ctypes, types, types.passed_by_reference)
    names = [_inherited_name(param) for param in params]
    return Signature(tuple(Parameter(*parts) for parts in zip(names, ctypes, places, strict=True)))


def _family(die: Die) -> Iterator[Die]:
    """Yield an entry, the one that it is an instance of, and the declaration of that."""
    for _ in range(8):
        yield die
        origin = die.reference(At.ABSTRACT_ORIGIN) or die.reference(At.SPECIFICATION)
        if origin is None:
            return
        die = origin


def _parameters(family: list[Die]) -> list[Die]:
    """Return the parameters: those of the abstract instance are complete, an instance may have lost some."""
    lists = [[child for child in die.children() if child.tag == Tag.PARAMETER] for die in family]
    return max(lists, key=len)


def _inherited(param: Die, name: At) -> Die | None:
    return next((d.reference(name) for d in _family(param) if name in d.attrs), None)


def _inherited_name(param: Die) -> str:
    return next((text for d in _family(param) if (text := d.text(At.NAME))), "")
