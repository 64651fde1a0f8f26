"""Checking of statements and whole blocks."""

from __future__ import annotations

from .. import library
from ..expand import constants
from ..syntax import tree
from . import comptime, operators
from .checker import ExpressionChecker
from .env import MapInfo, Variable
from .types import INT64, Agg, Int, Tuple, Type, Unknown, Void, fits, join


class Checker(ExpressionChecker):
    """Checks one program template."""

    loops = 0

    def check(self) -> None:
        """Check predicate and body of the template."""
        probe = self.template.node
        if probe.predicate is not None:
            self.condition(probe.predicate, self.expr(probe.predicate))
        self.expr(probe.body)

    def statement(self, node: tree.Stmt) -> None:
        """Check one statement."""
        getattr(self, f"_{type(node).__name__}")(node)

    def _Block(self, node: tree.Block) -> Type:
        self.scopes.push()
        for i, stmt in enumerate(node.body):
            if i and _ends(node.body[i - 1]):
                self.warning(stmt, "Unreachable statement", "what stands after exit() or return never runs")
            self.statement(stmt)
        result = self.expr(node.value) if node.value is not None else Void()
        self.scopes.pop()
        return result

    def _IfExpr(self, node: tree.IfExpr) -> Type:
        if isinstance(node.cond, tree.Comptime):
            return self._comptime_if(node, node.cond)
        self.condition(node.cond, self.expr(node.cond))
        return self._host_if(node) if comptime.is_hosts(self, node.cond) else self._if_branches(node)

    def _host_if(self, node: tree.IfExpr) -> Type:
        self.host_branches += 1
        result = self._if_branches(node)
        self.host_branches -= 1
        return result

    def _if_branches(self, node: tree.IfExpr) -> Type:
        then = self.expr(node.then)
        if node.otherwise is None:
            return Void()
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
        self.expr(node.expr)

    def _Assign(self, node: tree.Assign) -> None:
        target, value = node.target, node.value
        if isinstance(target, tree.Name):
            if target.name != "_":
                self.error(target, f"cannot assign to '{target.name}'", "assign to a $variable or a @map")
            self.expr(value)
        elif isinstance(target, tree.Variable):
            self._assign_to_variable(node, target)
        elif isinstance(target, (tree.MapRef, tree.MapAccess)):
            self._assign_to_map(node, target)
        else:
            self.expr(target)
            self.error(target, "cannot assign to this expression", "assign to a $variable or a @map")

    def _assign_to_variable(self, node: tree.Assign, target: tree.Variable) -> None:
        if node.op == "=":
            self.assign_variable(node, target, self.value_type(node.value, self.expr(node.value)))
            return
        left = self.expr(target)
        right = self.expr(node.value)
        self.assign_variable(node, target, operators.binary(self, node, node.op[:-1], target, left, right))

    def assign_variable(self, node: tree.Node, target: tree.Variable, value: Type) -> None:
        """Join a value into the type of a scratch variable, which it declares if it is new."""
        variable = self.scopes.find(target.name)
        if variable is None:
            variable = self.scopes.declare(Variable(target.name, target))
        self.template.variables[target] = variable
        self._join_variable(node, variable, value)
        self.template.types[target] = self.shared.variables.get(self._key(variable), Unknown())

    def _key(self, variable: Variable) -> tuple[int, int]:
        return (self.template.index, id(variable.decl))

    def _join_variable(self, node: tree.Node, variable: Variable, value: Type) -> None:
        if isinstance(value, Unknown):
            return
        key = self._key(variable)
        known = self.shared.variables.get(key, Unknown())
        if variable.fixed and not isinstance(known, Unknown):
            if not (fits(value, known) or _narrow_ok(value, known) or _literal_fits(node, known)):
                self.error(
                    node,
                    f"Type mismatch for ${variable.name}: trying to assign value of type '{value}' when"
                    f" variable already has a type '{known}'",
                )
            return
        joined = join(known, value)
        if joined is None:
            self.error(
                node,
                f"Type mismatch for ${variable.name}: trying to assign value of type '{value}' when"
                f" variable already has a type '{known}'",
            )
        elif joined != known:
            self.shared.variables[key] = joined
            self.shared.changed = True

    def _assign_to_map(self, node: tree.Assign, target: tree.MapRef | tree.MapAccess) -> None:
        info = self.map_of(target if isinstance(target, tree.MapRef) else target.map)
        self.use_key(info, target, None if isinstance(target, tree.MapRef) else self.expr(target.key))
        call = aggregation(node.value)
        if call is not None:
            value = self._aggregate_in(node, node.value, call)
        elif node.op == "=":
            value = self.value_type(node.value, self.expr(node.value))
        else:
            left = info.value if not isinstance(info.value, Unknown) else INT64
            value = operators.binary(self, node, node.op[:-1], target, left, self.expr(node.value))
        if isinstance(info.value, Agg) and not isinstance(value, (Agg, Unknown)):
            self.error(
                node,
                f"Type mismatch for {info.name}: trying to assign value of type '{value}' when map"
                f" already has a type '{info.value}'",
            )
            value = info.value
        self.use_value(info, node, value)
        self.template.types[target] = info.value

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
            self.error(node, f"{entry.name}() can only be assigned with =")
        args = list(call.args) if isinstance(call, tree.Call) else []
        self.template.types[call] = self._apply(entry, call, args)

    def _Let(self, node: tree.Let) -> None:
        value = self.value_type(node.value, self.expr(node.value)) if node.value is not None else None
        if self.scopes.local(node.name):
            self.error(node, f"Variable ${node.name} was already declared. Variable shadowing is not allowed.")
        declared = self.type_name(node.type) if node.type is not None else None
        variable = self.scopes.declare(Variable(node.name, node, fixed=declared is not None and declared.size > 0))
        self.template.variables[node] = variable
        if declared is not None and declared.size and self._key(variable) not in self.shared.variables:
            self.shared.variables[self._key(variable)] = declared
            self.shared.changed = True
        if value is not None:
            self._join_variable(node, variable, value)

    def _loop(self, body: tree.Block) -> None:
        self.loops += 1
        self.expr(body)
        self.loops -= 1

    def _While(self, node: tree.While) -> None:
        self.condition(node.cond, self.expr(node.cond))
        self._loop(node.body)

    def _Unroll(self, node: tree.Unroll) -> None:
        if isinstance(node.count, tree.Positional):
            self.expr(node.count)  # known when the program is loaded: no more than the maximum are run
            self._loop(node.body)
            return
        count = self.literal_int(node.count, "the count of unroll")
        if count is not None and not 1 <= count <= 100:
            self.error(node.count, "unroll " + ("minimum value is 1" if count < 1 else "maximum value is 100"))
        self.template.constants[node] = count or 1
        self._loop(node.body)

    def _ForRange(self, node: tree.ForRange) -> None:
        start, end = self.expr(node.start), self.expr(node.end)
        for part, found in ((node.start, start), (node.end, end)):
            if not (found.is_integer or isinstance(found, Unknown)):
                self.error(part, f"Loop range requires an integer, got {found}")
        self.scopes.push()
        variable = self.scopes.declare(Variable(node.name, node))
        self.template.variables[node] = variable
        self._join_variable(node, variable, INT64)
        self._loop(node.body)
        self.scopes.pop()

    def _ForMap(self, node: tree.ForMap) -> None:
        info = self.map_of(node.map)
        if info.keyed is False:
            self.error(node.map, f"{info.name} has no explicit keys (scalar map), and cannot be used for iteration")
        self.scopes.push()
        variable = self.scopes.declare(Variable(node.name, node))
        self.template.variables[node] = variable
        self._set_pair(node, info, variable)
        self._loop(node.body)
        self.scopes.pop()

    def _set_pair(self, node: tree.ForMap, info: MapInfo, variable: Variable) -> None:
        """Give the variable of a loop over a map its type: the tuple (key, value)."""
        if isinstance(info.key, Unknown) or isinstance(info.value, Unknown):
            if self.final:
                self.error(node.map, f"Undefined map: {info.name}")
            return
        value = info.value
        if isinstance(value, Agg):
            if not value.castable:
                self.error(node.map, f"Loop expression does not support type: {value}")
            value = Int(8, value.signed)
        pair = Tuple((info.key, value))
        if self.shared.variables.get(self._key(variable)) != pair:
            self.shared.variables[self._key(variable)] = pair
            self.shared.changed = True

    def _Jump(self, node: tree.Jump) -> None:
        if node.kind != "return" and not self.loops:
            self.error(node, f"{node.kind} statement has to be within a loop context")
        if node.value is not None:
            found = self.expr(node.value)
            if not (found.is_integer or isinstance(found, Unknown)):
                self.error(node, f"return value must be an integer, got '{found}'")

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


def _ends(stmt: tree.Stmt) -> bool:
    """Whether a statement ends the run or the round of a loop."""
    if isinstance(stmt, tree.ExprStmt) and isinstance(stmt.expr, (tree.Call, tree.Name)):
        return stmt.expr.name == "exit"
    return isinstance(stmt, tree.Jump)


def _narrow_ok(value: Type, place: Type) -> bool:
    """Whether an integer literal's flexible sign lets it into a declared place."""
    return place.is_integer and isinstance(value, Int) and value.flexible and value.size <= place.size


def _literal_fits(node: tree.Node, place: Type) -> bool:
    """Whether the number that is assigned is in the range of a declared integer type."""
    if not isinstance(node, (tree.Assign, tree.Let)) or not isinstance(place, Int):
        return False
    value, sign = node.value, 1
    if isinstance(value, tree.Unary) and value.op == "-":
        value, sign = value.expr, -1
    if not isinstance(value, tree.IntLiteral):
        return False
    bits = 8 * place.size - place.signed
    return (-(1 << bits) if place.signed else 0) <= sign * value.value < 1 << bits
