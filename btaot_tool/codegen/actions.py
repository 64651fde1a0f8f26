"""Asynchronous actions: what the runtime does with an event."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import Span
from ..payload.layout import NONE, ActionKind, Conv, ConvFlag
from ..sema.types import Type


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal text, then one conversion of argument ``arg`` (None: text only)."""

    text: bytes
    conv: Conv = Conv.NONE
    arg: int | None = None
    flags: ConvFlag = ConvFlag(0)
    width: int = 0
    precision: int = -1


@dataclass(slots=True)
class EventField:
    """One argument in an event: its type there and its offset from the record's start."""

    type: Type
    offset: int
    dynamic: bool = False  # VSTRING or VBUFFER


@dataclass(slots=True)
class Action:
    """A row of the action table; ``fields`` is filled when the event's layout is known."""

    kind: ActionKind
    span: Span
    fmt: str = ""
    pieces: list[Piece] = field(default_factory=list)
    fields: list[EventField] = field(default_factory=list)
    map: int = NONE
    aux: int = 0
