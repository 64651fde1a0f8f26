"""What is known of maps and variables while types are inferred."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import Span
from ..syntax import tree
from .types import Type, Unknown
from .waves import Waves

#: Words for the kinds of maps in ``let @a = hash(N)``, and the kernel's map types.
DECLARED_KINDS = {
    "hash": "hash",
    "lruhash": "lru_hash",
    "percpuhash": "percpu_hash",
    "percpulruhash": "lru_percpu_hash",
}


@dataclass
class MapInfo:
    """A map of the script.  ``keyed`` is None until a use shows whether it has keys."""

    name: str
    span: Span
    keyed: bool | None = None
    key: Type = Unknown()
    value: Type = Unknown()
    decl: tree.MapDecl | None = None
    writers: set[int] = field(default_factory=set)  # templates that write it
    written: bool = False
    read: bool = False  # an element or the value, not the map as a whole
    copied: bool = False  # from an aggregation, which is refused


@dataclass
class Globals:
    """Types that outlive a round of inference; ``changed`` tells whether the round added anything."""

    maps: dict[str, MapInfo] = field(default_factory=dict)
    variables: dict[tuple[int, int], Type] = field(default_factory=dict)
    waves: Waves = field(default_factory=Waves)
    copies: dict[Span, list[Span]] = field(
        default_factory=dict
    )  # places that bpftrace copies into casts, inner ones first
    changed: bool = False

    def map(self, name: str, span: Span) -> MapInfo:
        """Return the map with this name, made on first mention."""
        if name not in self.maps:
            self.maps[name] = MapInfo(name, span)
            self.changed = True
        return self.maps[name]


@dataclass(eq=False)
class Variable:
    """A scratch variable: ``decl`` is the node that brought it into scope; ``fixed`` if its type was declared."""

    name: str
    decl: tree.Node
    fixed: bool = False


class Scopes:
    """Lexical scopes of one program template."""

    def __init__(self) -> None:
        self._stack: list[dict[str, Variable]] = [{}]

    def push(self) -> None:
        """Enter a block."""
        self._stack.append({})

    def pop(self) -> None:
        """Leave a block."""
        self._stack.pop()

    def find(self, name: str) -> Variable | None:
        """Return the innermost variable of this name."""
        for scope in reversed(self._stack):
            if name in scope:
                return scope[name]
        return None

    def declare(self, variable: Variable) -> Variable:
        """Bring a variable into the innermost scope."""
        self._stack[-1][variable.name] = variable
        return variable
