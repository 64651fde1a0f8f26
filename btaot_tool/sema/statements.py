"""Checking of statements and whole blocks."""

from __future__ import annotations

from dataclasses import replace

from .. import library
from ..diagnostics import Span, Stage
from ..expand import constants, stdlib
from ..payload.layout import TypeKind
from ..syntax import tree
from . import comptime, operators
from .checker import ExpressionChecker
from .convert import convert
from .env import MapInfo, Variable
from .types import INT8, INT64, NOTHING, Agg, Bool, Int, Tuple, Type, Unknown, Void, Wrong
from .widening import join

_AGGREGATE_EXAMPLES = {
    TypeKind.COUNT: "count()",
    TypeKind.SUM: "sum(retval)",
    TypeKind.MIN: "min(retval)",
    TypeKind.MAX: "max(retval)",
    TypeKind.AVG: "avg(retval)",
    TypeKind.HIST: "hist(retval)",
    TypeKind.LHIST: "lhist(rand %10, 0, 10, 1)",
    TypeKind.TSERIES: "tseries(rand %10, 10s, 1)",
    TypeKind.STATS: "stats(arg2)",
}


class Checker(ExpressionChecker):
    """Checks one program template."""

    _is_last = False  # of the statements in its block

    def check(self) -> None:
        """Check predicate and body of the template."""
        probe = self.template.node
        if probe.predicate is not None:
            place = tree.Node(probe.predicate_span) if probe.predicate_span else probe.predicate
            self.condition(place, self.expr(probe.predicate))
        self.expr(probe.body)

    def statement(self, node: tree.Stmt) -> None:
        """Check one statement."""
        getattr(self, f"_{type(node).__name__}")(node)

    def _Block(self, node: tree.Block) -> Type:
        self.scopes.push()
        for stmt in node.body:
            self._is_last = stmt is node.body[-1] and node.value is None
            self.statement(stmt)
        result = self.expr(node.value) if node.value is not None else NOTHING
        self.scopes.pop()
        return result

    def _IfExpr(self, node: tree.IfExpr) -> Type:
        if isinstance(node.cond, tree.Comptime):
            return self._comptime_if(node, node.cond)
        self.condition(node, self.expr(node.cond))
        return self._host_if(node) if comptime.is_hosts(self, node.cond) else self._if_branches(node)

    def _host_if(self, node: tree.IfExpr) -> Type:
        self.host_branches += 1
        result = self._if_branches(node)
        self.host_branches -= 1
        return result

    def _if_branches(self, node: tree.IfExpr) -> Type:
        then = self.expr(node.then)
        if node.otherwise is None:
            return NOTHING
        return self._branches(node, then, self.expr(node.otherwise))

    def _comptime_if(self, node: tree.IfExpr, cond: tree.Comptime) -> Type:
        """Check only the branch that is taken: the other may be wrong for this probe or these types."""
        self.condition(cond, self.expr(cond))
        value = comptime.evaluate(self, cond)
        if value is None:
            return self._host_if(node) if comptime.is_hosts(self, cond) else Unknown()
        chosen = node.then if constants.truth(value) else node.otherwise
        self.template.lowered[node] = chosen if chosen is not None else tree.Block(node.span, [])
        return self.expr(self.template.lowered[node])

    def _ExprStmt(self, node: tree.ExprStmt) -> None:
        is_last = self._is_last
        self.expr(node.expr)
        counts = isinstance(node.expr, tree.Unary) and node.expr.op in ("++x", "--x", "x++", "x--")
        if node.implied or counts or stdlib.is_library(node.span):
            return
        if is_last and isinstance(node.expr, tree.Ternary):
            for branch in (node.expr.then or node.expr.cond, node.expr.otherwise):
                if self._has_value(branch):
                    self._discarded(branch.span)
        elif self._discards(node.expr) or self._has_value(node.expr):
            self._discarded(_last_span(node) if is_last else node.span)

    def _discarded(self, span: Span) -> None:
        """Warn of a value that nobody uses; what else was said of this place is said again, as bpftrace does."""
        notes = next((d.notes for d in self.diags.items if d.span == span and d.notes), ())
        self.diags.warning(span, "Return value discarded.", notes=notes)

    def _has_value(self, node: tree.Expr) -> bool:
        found = self.template.types[node]
        return isinstance(found, Wrong) or not isinstance(found, Void | Unknown)

    def _discards(self, node: tree.Node | None) -> bool:
        """Tell whether a block or if that stands as a statement has a value all the same."""
        if isinstance(node, tree.IfExpr):
            return node.otherwise is not None and self._discards(node.then) and self._discards(node.otherwise)
        last = node.body[-1] if isinstance(node, tree.Block) and node.body else None
        if not isinstance(last, tree.ExprStmt) or not last.implied:
            return False
        return self._discards(last.expr) or (last.expr in self.template.types and self._has_value(last.expr))

    def _Assign(self, node: tree.Assign) -> None:
        target, value = node.target, node.value
        if isinstance(target, tree.Name):
            if target.name != "_":
                self.error(
                    target, f"cannot assign to '{target.name}'", "assign to a $variable or a @map", stage=Stage.SHAPE
                )
            self.expr(value)
        elif isinstance(target, tree.Variable):
            self._assign_to_variable(node, target)
        elif isinstance(target, (tree.MapRef, tree.MapAccess)):
            self._assign_to_map(node, target)
        else:
            self.expr(target)
            self.error(target, "cannot assign to this expression", "assign to a $variable or a @map", stage=Stage.SHAPE)

    def _assign_to_variable(self, node: tree.Assign, target: tree.Variable) -> None:
        if node.op == "=":
            self.assign_variable(node, target, self._variable_value(node, node.value))
            return
        self.assign_variable(node, target, self._compound(node, self.expr(target)))

    def _compound(self, node: tree.Assign, left: Type) -> Type:
        """Type of the operation in ``target op= value``."""
        operation = tree.Binary(node.op_span or node.span, node.op[:-1], node.target, node.value)
        return operators.binary(self, operation, left, self.expr(node.value))

    def _variable_value(self, node: tree.Stmt, value: tree.Expr) -> Type:
        """Return the type of a value for a scratch variable."""
        found = self.expr(value)
        if found is NOTHING:
            return NOTHING
        if isinstance(found, Void) or (isinstance(found, Agg) and not found.castable):
            self.error(node, f"Value '{found}' cannot be assigned to a scratch variable.", stage=Stage.TYPES)
            return Wrong()
        return self.value_type(value, found)

    def assign_variable(self, node: tree.Node, target: tree.Variable, value: Type) -> None:
        """Join a value into the type of a scratch variable, which it declares if it is new."""
        variable = self.scopes.find(target.name)
        if variable is None:
            variable = self.scopes.declare(Variable(target.name, target))
        self.template.variables[target] = variable
        self._join_variable(node, variable, value)
        found = self.template.types[target] = self.shared.variables.get(self.variable_key(variable), Unknown())
        if self.final and isinstance(found, Unknown) and not isinstance(found, Wrong):
            self.error(node, "Invalid expression for assignment")

    def _join_variable(self, node: tree.Node, variable: Variable, value: Type) -> None:
        key = self.variable_key(variable)
        known = self.shared.variables.get(key, Unknown())
        if isinstance(value, Unknown):
            if isinstance(known, Unknown) and isinstance(value, Wrong):
                self.shared.variables[key] = value
            return
        if value is NOTHING:
            if not isinstance(known, Unknown):
                self._mismatch(node, variable, value, known, Stage.CONVERSIONS)
            return
        joined = known if variable.fixed and not isinstance(known, Unknown) else join(known, value)
        place = self.variable_key(variable)
        if joined is None or (joined == known and not convert(self, _value_of(node), value, known)):

            def say(where: tree.Node, found: Type, known: Type) -> None:
                self._mismatch(where, variable, found, known, Stage.TYPES)

            self.shared.waves.blame(place, node, (value, known), self.wave(_value_of(node)), say)
            return
        self.shared.waves.note(place, node, value, self.wave(_value_of(node)))
        if joined != known:
            self.shared.variables[key] = joined
            self.shared.changed = True

    def _mismatch(self, node: tree.Node, variable: Variable, value: Type, known: Type, stage: Stage) -> None:
        self.error(
            node,
            f"Type mismatch for ${variable.name}: trying to assign value of type '{value}' when"
            f" variable already has a type '{known}'",
            stage=stage,
        )

    def _assign_to_map(self, node: tree.Assign, target: tree.MapRef | tree.MapAccess) -> None:
        info = self.map_of(target if isinstance(target, tree.MapRef) else target.map)
        if isinstance(target, tree.MapRef):
            self.use_key(info, target, None)
        else:
            self.use_key(info, target, self.expr(target.key), target.key)
        call = aggregation(node.value)
        if call is not None:
            value = self._aggregate_in(node, node.value, call)
        elif node.op == "=":
            value = self._map_value_of(info, node)
        else:
            left = info.value if not isinstance(info.value, Unknown) else INT64
            value = self._compound(node, left)
        if isinstance(info.value, Agg) and not isinstance(value, (Agg, Unknown)):
            self.error(
                node,
                f"Type mismatch for {info.name}: trying to assign value of type '{value}' when map"
                f" already has a type '{info.value}'",
                stage=Stage.TYPES,
            )
            value = info.value
        self.use_value(info, call or node, value, _value_of(node))
        self._check_kind(info, target)
        self.template.types[target] = info.value

    def _check_kind(self, info: MapInfo, target: tree.MapRef | tree.MapAccess) -> None:
        """A map that is declared is of a kind that its values need."""
        if info.decl is None or isinstance(info.value, Unknown):
            return
        wanted = "percpuhash" if isinstance(info.value, Agg) else "hash"
        if info.decl.kind.startswith("percpu") is not wanted.startswith("percpu"):
            name = target if isinstance(target, tree.MapRef) else target.map
            what = f"Type from declaration: {info.decl.kind}. Type from value/key type: {wanted}"
            self.error(name, f"Incompatible map types. {what}")

    def _map_value_of(self, info: MapInfo, node: tree.Assign) -> Type:
        """Return the type of a value for a map: the whole of an aggregation stays in its own map."""
        found = self.expr(node.value)
        if found is NOTHING:
            return self._nothing_for_map(info, node)
        if isinstance(found, Void):
            return self.error(node, "Value 'void' cannot be assigned to a map.", stage=Stage.TYPES)
        if isinstance(found, Agg) and not (found.castable and info.value.is_integer):
            info.copied = True
            example = _AGGREGATE_EXAMPLES.get(found.kind, "count()")
            message = (
                f"Map value '{found}' cannot be assigned from one map to another. The function that returns this type"
                f" must be called directly e.g. `{info.name} = {example};`."
            )
            hint = "Add a cast to integer if you want the value of the aggregate, e.g. "
            name = node.value.name if isinstance(node.value, tree.MapRef) else "@"
            return self.error(
                node, message, f"{hint}`{info.name} = (int64){name};`." if found.castable else "", stage=Stage.TYPES
            )
        return self.value_type(node.value, found)

    def _nothing_for_map(self, info: MapInfo, node: tree.Assign) -> Type:
        known = INT8 if isinstance(info.value, Unknown) else info.value
        self.error(
            node,
            f"Type mismatch for {info.name}: trying to assign value of type 'none' when map already has a value type"
            f" '{known}'",
            stage=Stage.CONVERSIONS,
        )
        return Wrong()

    def _aggregate_in(self, node: tree.Assign, value: tree.Expr, call: tree.Call | tree.Name) -> Type:
        """Check an aggregation, with the block around it if there is one."""
        if isinstance(value, tree.Block):
            self.scopes.push()
            for stmt in value.body:
                self.statement(stmt)
            assert value.value is not None
            found = self._aggregate_in(node, value.value, call)
            self.scopes.pop()
        else:
            entry = library.find(call.name)
            assert entry is not None
            self._aggregate(node, call, entry)
            found = self.template.types[call]
        self.template.types[value] = found
        return found

    def _aggregate(self, node: tree.Assign, call: tree.Call | tree.Name, entry: library.Entry) -> None:
        if node.op != "=":
            self.error(node, f"{entry.name}() can only be assigned with =", stage=Stage.TYPES)
        args = list(call.args) if isinstance(call, tree.Call) else []
        self.template.types[call] = self._apply(entry, call, args)

    def _Let(self, node: tree.Let) -> None:
        value = self._variable_value(node, node.value) if node.value is not None else None
        declared = self.type_name(node.type) if node.type is not None else None
        if node.type is not None and isinstance(declared, Agg | Void):
            self.error(node.type, f"Invalid variable declaration type: {declared}")
            declared = None
        variable = self.scopes.declare(Variable(node.name, node, fixed=declared is not None and declared.size > 0))
        self.template.variables[node] = variable
        if declared is not None and declared.size and self.variable_key(variable) not in self.shared.variables:
            self.shared.variables[self.variable_key(variable)] = declared
            self.shared.changed = True
        if value is not None:
            self._join_variable(node, variable, value)

    def _loop(self, body: tree.Block, callback: bool = False) -> None:
        self.loops += 1
        self.callbacks += callback
        self.expr(body)
        self.loops -= 1
        self.callbacks -= callback

    def _While(self, node: tree.While) -> None:
        self.condition(node.cond, self.expr(node.cond))
        self._loop(node.body)

    def _Unroll(self, node: tree.Unroll) -> None:
        if isinstance(node.count, tree.Positional):
            self.expr(node.count)  # known when the program is loaded: no more than the maximum are run
            self._loop(node.body)
            return
        count = self.literal_int(node, node.count, "unroll", "invalid unroll value")
        if count is not None and not 1 <= count <= 100:
            self.error(
                node, "unroll " + ("minimum value is 1" if count < 1 else "maximum value is 100"), stage=Stage.SHAPE
            )
        self.template.constants[node] = count or 1
        self._loop(node.body)

    def _ForRange(self, node: tree.ForRange) -> None:
        start, end = self.expr(node.start), self.expr(node.end)
        for what, found in (("start", start), ("end", end)):
            if isinstance(found, Bool) or not (found.is_integer or isinstance(found, Unknown)):
                place = node.range_span or node.span
                self.error(place, f"Loop range requires an integer for the {what} value", stage=Stage.TYPES)
        wider = start if start.size > end.size else end
        for limit, found in ((node.start, start), (node.end, end)):
            convert(self, limit, found, wider)
        self.scopes.push()
        variable = self.scopes.declare(Variable(node.name, node))
        self.template.variables[node] = variable
        self._join_variable(node, variable, _range_type(start, end))
        self._loop(node.body, callback=True)
        self.scopes.pop()

    def _ForMap(self, node: tree.ForMap) -> None:
        info = self.map_of(node.map)
        if info.keyed is False:
            self.error(
                node.map,
                f"{info.name} has no explicit keys (scalar map), and cannot be used for iteration",
                stage=Stage.TYPES,
            )
        self.scopes.push()
        variable = self.scopes.declare(Variable(node.name, node))
        self.template.variables[node] = variable
        self._set_pair(node, info, variable)
        self._loop(node.body, callback=True)
        self.scopes.pop()

    def _set_pair(self, node: tree.ForMap, info: MapInfo, variable: Variable) -> None:
        """Give the variable of a loop over a map its type: the tuple (key, value)."""
        if isinstance(info.key, Unknown) or isinstance(info.value, Unknown):
            if self.final and info.keyed is not False:
                self.error(node.map, f"Undefined map: {info.name}")
            return
        value = info.value
        if isinstance(value, Agg):
            if not value.castable:
                self.error(node.map, f"Loop expression does not support type: {value}", stage=Stage.TYPES)
            value = Int(8, value.signed)
        pair = Tuple((info.key, value))
        if self.shared.variables.get(self.variable_key(variable)) != pair:
            self.shared.variables[self.variable_key(variable)] = pair
            self.shared.changed = True

    def _Jump(self, node: tree.Jump) -> None:
        if node.kind != "return" and not self.loops:
            self.error(node, f"{node.kind} statement has to be within a loop context", stage=Stage.SHAPE)
        if node.value is not None:
            found = self.expr(node.value)
            if not (found.is_integer or isinstance(found, Unknown)):
                self.error(node, f"Probe return values can only be integers. Found {found}")

    def _ImportStmt(self, node: tree.ImportStmt) -> None:
        self.error(node, "import is not supported yet")


def aggregation(value: tree.Expr) -> tree.Call | tree.Name | None:
    """Return the call of a map value function that an assigned expression is, or is the value of a block of."""
    while isinstance(value, tree.Block) and value.value is not None:
        value = value.value
    if not isinstance(value, (tree.Call, tree.Name)):
        return None
    entry = library.find(value.name)
    return value if entry is not None and entry.aggregate else None


def _last_span(node: tree.ExprStmt) -> Span:
    """Return the place of the last statement of a block, whose semicolon could as well not be there."""
    span = node.span
    if node.expr.span.parent == span.parent:
        return node.expr.span
    if span.source.line(span.end_line)[: span.end_column - 1].endswith(";"):
        return replace(span, end_column=span.end_column - 1)
    return span


def _value_of(node: tree.Node) -> tree.Node:
    """Return what a statement assigns."""
    if isinstance(node, tree.Let) and node.value is not None:
        return node.value
    if isinstance(node, tree.Assign):
        return node.value if node.op == "=" else tree.Node(node.op_span or node.span)
    return node


def _range_type(start: Type, end: Type) -> Type:
    """Return the type of a loop's variable: one that holds both bounds."""
    if not (isinstance(start, Int) and isinstance(end, Int)):
        return INT64
    joined = join(start, end)
    same_width = start.bytes == end.bytes and start.signed != end.signed
    return INT64 if same_width or not isinstance(joined, Int) else Int(joined.bytes, joined.signed)
