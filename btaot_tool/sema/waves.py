"""Which of two uses that do not fit together is named: bpftrace learns types in waves, those of literals first.

A tuple's type comes after those of its items, a variable's after that of what it was assigned, and so on.  The use
whose type comes later is the one that is wrong, wherever it stands in the script.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..expand.stdlib import is_library
from ..syntax import tree
from .types import Type
from .widening import join

#: What gets a type: the key of a variable, or ("key" or "value", name of a map).
Place = tuple[object, object]
#: Says that the use at a node, of the first type, does not fit the second type.
Say = Callable[[tree.Node, Type, Type], None]
PlaceWave = Callable[[tree.Variable | tree.MapRef | tree.MapAccess], int]


@dataclass(frozen=True, slots=True)
class _Use:
    node: tree.Node
    type: Type
    wave: int


@dataclass
class Waves:
    """The uses that were seen in a round of inference."""

    _uses: dict[Place, list[_Use]] = field(default_factory=dict)

    def clear(self) -> None:
        """Begin a round."""
        self._uses.clear()

    def first(self, place: Place) -> int:
        """Return the wave in which a place gets its type."""
        return min((use.wave for use in self._uses.get(place, [])), default=0)

    def note(self, place: Place, node: tree.Node, found: Type, wave: int) -> None:
        """Remember a use."""
        self._uses.setdefault(place, []).append(_Use(node, found, wave))

    def blame(self, place: Place, node: tree.Node, types: tuple[Type, Type], wave: int, say: Say) -> None:
        """Name the uses that are wrong: this one, whose type and the place's are given, or those of later waves."""
        found, known = types
        late = [use for use in self._uses.get(place, []) if use.wave > wave and join(found, use.type) is None]
        for use in late:
            say(use.node, use.type, found)
        if not late:
            say(node, found, known)


def wave_of(node: tree.Node | None, place_wave: PlaceWave) -> int:
    """Return the wave of an expression; ``place_wave`` knows those of variables and maps."""
    match node:
        case tree.Variable() | tree.MapRef() | tree.MapAccess():
            return 1 + place_wave(node)
        case tree.Block():
            return 1 if is_library(node.span) else wave_of(node.value, place_wave)
        case tree.Unary() if node.op in ("-", "~", "!") and not isinstance(node.expr, tree.Variable):
            return wave_of(node.expr, place_wave)
    parts = _parts(node)
    return 1 + max(wave_of(part, place_wave) for part in parts) if parts else 0


def _parts(node: tree.Node | None) -> list[tree.Expr]:
    match node:
        case tree.Binary():
            return [node.left, node.right]
        case tree.Ternary() | tree.IfExpr():
            return [part for part in (node.then, node.otherwise) if part is not None]
        case tree.Tuple() | tree.Record():
            return list(node.items)
        case tree.FieldAccess() | tree.Unary():
            return [node.expr]
        case tree.Index():
            return [node.expr, node.index]
    return []
