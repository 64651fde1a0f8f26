"""Whether the host's kernel has a type or a field: `type_exists`, `field_exists`.  Enums have enumerators as fields.

What such a condition guards may name fields that the host lacks; the verifier drops it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codegen.values import Scalar, Value
from ..payload.layout import SymbolKind
from ..sema.types import Bool, Type
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker


def _question(name: str, kind: SymbolKind, operands: int) -> Entry:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        for arg in args:
            c.literal_str(node, arg, name)
        return Bool()

    def emit(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
        names = [arg.value for arg in args if isinstance(arg, tree.StringLiteral)]
        asked = SymbolKind.ENUM_EXISTS if names[1:] and names[0].startswith("enum ") else kind
        return Scalar(Bool(), g.symbol(Symbol(asked, names[0], "".join(names[1:]))))

    return Entry(name, (operands, operands), check, emit)


ENTRIES = (
    _question("type_exists", SymbolKind.TYPE_EXISTS, 1),
    _question("field_exists", SymbolKind.FIELD_EXISTS, 2),
)
