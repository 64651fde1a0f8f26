"""Parts of begin and end: what stands for loops over maps where the kernel has no bpf_for_each_map_elem.

There the runtime drives the block from user space.  A block with such loops among its outermost statements is generated
a second time, in parts: each loop is a program that is run once for each row of the map, which lies in the map of the
role ROW then; what stands between loops is run once.  Variables lie in the map of the role LOCALS, so that they outlive
a part.  A part returns GO_ON, STOP (``break``: no more rows) or LEFT (``return``, exit(): no more parts).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..diagnostics import Span
from ..payload.layout import MapRole, ProbeKind, TypeKind
from ..sema.env import Variable
from ..sema.result import Checked, Template
from ..sema.types import Agg, Int
from ..symbols import map_value
from ..syntax import tree
from ..syntax.walk import walk
from .base import STOP
from .llvm import I64, const
from .module import ModuleGen
from .values import Scalar

if TYPE_CHECKING:
    from .loops import Loops as Gen

_DRIVEN = (ProbeKind.BEGIN, ProbeKind.END)
_READABLE = (TypeKind.COUNT, TypeKind.SUM, TypeKind.AVG, TypeKind.STATS, TypeKind.MIN, TypeKind.MAX)


def with_parts(checked: Checked) -> list[Template]:
    """Return the templates, each followed by its parts if it has any."""
    found = []
    for template in checked.templates:
        found += [template, *_parts(checked, template)]
    return found


def _parts(checked: Checked, template: Template) -> list[Template]:
    body = template.node.body
    statements: list[tree.Stmt] = list(body.body)
    if body.value is not None:
        statements.append(tree.ExprStmt(body.value.span, body.value))
    loops = [s for s in statements if isinstance(s, tree.ForMap)]
    inner = [n for loop in loops for n in walk(loop.body) if isinstance(n, tree.ForMap)]
    others = [n for s in statements if s not in loops for n in walk(s) if isinstance(n, tree.ForMap)]
    if template.probe.kind not in _DRIVEN or not loops or inner or others:
        return []
    if not all(_is_readable(checked, loop) for loop in loops):
        return []
    groups: list[list[tree.Stmt]] = [[]]
    for statement in statements:
        if isinstance(statement, tree.ForMap):
            groups += [[statement], []]
        else:
            groups[-1].append(statement)
    if template.node.predicate is None and not groups[0]:
        del groups[0]
    kept = [group for i, group in enumerate(groups) if group or not i]
    return [replace(template, part=i, statements=tuple(group)) for i, group in enumerate(kept, 1)]


def driven_loops(templates: list[Template]) -> frozenset[Span]:
    """Return the places of the loops that the runtime can drive from user space."""
    return frozenset(s.span for t in templates if t.part for s in t.statements if isinstance(s, tree.ForMap))


def _is_readable(checked: Checked, loop: tree.ForMap) -> bool:
    value = checked.maps[loop.map.name].value
    return not isinstance(value, Agg) or value.kind in _READABLE


def driving_map(template: Template) -> tree.MapRef | None:
    """Return the map whose rows run a part; None for a part that is run once."""
    first = template.statements[0] if template.statements else None
    return first.map if isinstance(first, tree.ForMap) else None


# ---- code -----------------------------------------------------------------------------------------


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8


def _row(mod: ModuleGen, size: int) -> int:
    """Return the map that holds a row, with at least that much room."""
    index = mod.internal_map(MapRole.ROW)
    mod.maps[index].value_size = max(mod.maps[index].value_size, size)
    return index


def shared_cell(g: Gen, variable: Variable) -> Any:
    """Return the place of a variable that the parts of a block share."""
    index, key = g.mod.internal_map(MapRole.LOCALS), (g.template.index, id(variable.decl))
    plan = g.mod.maps[index]
    if key not in g.mod.locals:
        typ = g.checked.variable_type(g.template, variable)
        g.mod.locals[key] = plan.value_size
        plan.value_size += _aligned(8 if typ.is_scalar else max(typ.size, 8))
    return g.symbol_ptr(map_value(index, g.mod.locals[key]))


def emit_row(g: Gen, node: tree.ForMap) -> None:
    """Generate a loop's body for the row that the runtime gives, unless its key is gone."""
    info = g.map_info(node.map)
    values = _aligned(info.key.size)
    row = _row(g.mod, values + _aligned(info.value.size))
    key = g.symbol_ptr(map_value(row))
    body, stop, following = g.block("row"), g.block("stop"), g.block("following")
    pointer = g.lookup(info, key)
    g.b.cbranch(g.is_null(pointer), following, body)
    g.b.position_at_end(body)
    if isinstance(info.value, Agg):
        total = _summed(g, info.value, g.symbol_ptr(map_value(row, values)))
        g.set_pair(info, g.template.variables[node], key, pointer, total)
    else:
        g.set_pair(info, g.template.variables[node], key, pointer)
    g.loop_body(node.body, following, stop)
    if not g.ended():
        g.b.branch(following)
    g.b.position_at_end(stop)
    g.b.store(const(STOP), g.result)
    g.b.branch(g.done)
    g.b.position_at_end(following)


def _summed(g: Gen, agg: Agg, place: Any) -> Scalar:
    """Return an aggregation that the runtime has put together as one number."""
    value = g.b.load(place, typ=I64, align=8)
    if agg.kind in (TypeKind.AVG, TypeKind.STATS):
        value = g.arithmetic("/", value, g.b.load(g.offset(place, 8), typ=I64, align=8), agg.signed)
    return Scalar(Int(8, agg.signed), value)
