"""What a builtin or function is to the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..syntax import tree

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..codegen.values import Value
    from ..sema.checker import ExpressionChecker as Checker
    from ..sema.types import Type

#: An argument as written: an expression, or a type where the function takes one.
Arg = tree.Expr | tree.TypeName | tree.TypeOf
Check = Callable[["Checker", tree.Expr, list[Arg]], "Type"]
Emit = Callable[["Gen", tree.Expr, list[Arg]], "Value"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A builtin or function: its name, the number of arguments (low, high), its typing and its code.

    ``check`` sees the arguments unchecked, so that it decides how to look at them.  ``aggregate`` ones may
    only be assigned to a map; ``unsafe`` ones need --unsafe; ``hosts`` ones are constants that only the host knows.
    """

    name: str
    arity: tuple[int, int]
    check: Check
    emit: Emit
    aggregate: bool = False
    unsafe: bool = False
    hosts: bool = False

    @property
    def is_name(self) -> bool:
        """Whether the name alone, without parentheses, is a value."""
        return self.arity[0] == 0 and not self.aggregate and self.name not in ("exit", "time")


def expression(arg: Arg) -> tree.Expr:
    """Return an argument that was checked to be an expression."""
    assert isinstance(arg, tree.Expr)
    return arg


def table(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Index entries by name."""
    return {e.name: e for e in entries}
