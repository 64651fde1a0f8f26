"""Code for expressions and statements of one template."""

from __future__ import annotations

from typing import Any

from .. import library
from ..payload.layout import ParamForm, SymbolKind
from ..probes.base import ArgField
from ..sema.operators import COMPARISONS
from ..sema.statements import aggregation
from ..sema.types import UINT64, Agg, Array, Bool, Enum, Int, Ptr, Record, Space, Str, Struct, Tuple, Type, Void
from ..sema.widening import integer_sign
from ..symbols import Symbol
from ..syntax import tree
from . import native
from .base import GO_ON
from .llvm import I64, const
from .loops import Loops
from .parameters import parameter
from .values import Memory, Nothing, Place, Scalar, Text, Value

OUT_OF_BOUNDS = "Array access out of bounds. This can lead to unexpected results."


class Gen(Loops):
    """Generates the function of one template; ``generate`` is the entry point."""

    def generate(self) -> str:
        """Generate predicate and body; returns the section that holds the code."""
        probe = self.template.node
        if probe.predicate is not None and self.template.part <= 1:
            self.at(probe.predicate.span)
            with self.lifetime():
                truth = self.condition(probe.predicate)
            run = self.block("run")
            self.b.cbranch(truth, run, self.done)
            self.b.position_at_end(run)
        if self.template.part:
            for stmt in self.template.statements:
                self.statement(stmt)
            self.b.store(const(GO_ON), self.result)
        else:
            self.expr(probe.body)
        return self.finish()

    # ---- statements ----------------------------------------------------------------------------

    def statement(self, node: tree.Stmt) -> None:
        """Generate one statement; its temporary memory is free after it."""
        self.at(node.span)
        with self.lifetime():
            getattr(self, f"_{type(node).__name__}")(node)

    def _ExprStmt(self, node: tree.ExprStmt) -> None:
        if isinstance(node.expr, tree.Unary) and "x" in node.expr.op:
            self._increment(node.expr, wanted=False)
        else:
            self.discarded.add(node.expr)
            self.expr(node.expr)

    def _Assign(self, node: tree.Assign) -> None:
        target = node.target
        if isinstance(target, tree.Name):
            self.expr(node.value)
        elif isinstance(target, tree.Variable):
            self._assign_variable(node, target)
        elif isinstance(target, (tree.MapRef, tree.MapAccess)):
            self._assign_map(node, target)

    def _assign_map(self, node: tree.Assign, target: tree.MapRef | tree.MapAccess) -> None:
        call = aggregation(node.value)
        if call is not None:
            self._assign_aggregation(target, node.value, call)
            return
        if node.op == "=":
            self.assign_map(target, node.value)
            return
        op = node.op[:-1]
        right = self.scalar(node.value)
        info = self.map_info(target)
        signed = integer_sign(info.value)
        amount = right if op == "+" else self.b.sub(const(0), right) if op == "-" else None
        if isinstance(info.value, Ptr) and amount is not None:
            amount = self.b.mul(amount, self.sizeof(info.value.target))
        if amount is not None:
            self.modify_map(target, lambda old: self.b.add(old, amount), amount, "")
        else:
            self.modify_map(target, lambda old: self.arithmetic(op, old, right, signed), None, "")

    def _assign_aggregation(
        self, target: tree.MapRef | tree.MapAccess, value: tree.Expr, call: tree.Call | tree.Name
    ) -> None:
        while isinstance(value, tree.Block) and value.value is not None:
            for stmt in value.body:
                self.statement(stmt)
            value = value.value
        entry = library.find(call.name)
        assert entry is not None
        self.aggregate_target = target
        entry.emit(self, call, list(call.args) if isinstance(call, tree.Call) else [])

    def _assign_variable(self, node: tree.Assign, target: tree.Variable) -> None:
        variable = self.template.variables[target]
        typ = self.checked.variable_type(self.template, variable)
        cell = self.variable(variable)
        if node.op == "=":
            self._set(cell, typ, node.value)
            return
        old = Scalar(typ, self.load_variable(variable))
        op = node.op[:-1]
        new = self._operate(op, old, node.value, self.template.types[target])
        self.b.store(self.fit(self.as_scalar(new), typ), cell)

    def set_variable(self, target: tree.Variable, value: Value) -> None:
        """Store a value in a scratch variable."""
        variable = self.template.variables[target]
        typ = self.checked.variable_type(self.template, variable)
        cell = self.variable(variable)
        if typ.is_scalar:
            self.b.store(self.fit(self.as_scalar(value), typ), cell)
        else:
            self.put(value, Memory(typ, cell), fresh=True)

    def clear_variable(self, target: tree.Variable) -> None:
        """Make a scratch variable zero."""
        variable = self.template.variables[target]
        typ = self.checked.variable_type(self.template, variable)
        cell = self.variable(variable)
        if typ.is_scalar or (isinstance(typ, Struct) and typ.kernel):
            self.b.store(const(0), cell)
        else:
            self.zero(cell, typ.size)

    def _set(self, cell: Any, typ: Type, node: tree.Expr) -> None:
        if typ.is_scalar:
            self.b.store(self.fit(self.scalar(node), typ), cell)
        elif isinstance(typ, Struct) and typ.kernel:
            value = self.expr(node)
            assert isinstance(value, Place)
            self.b.store(self.address(value), cell)
        else:
            self.emit_to(node, Memory(typ, cell), fresh=True)

    def _Let(self, node: tree.Let) -> None:
        variable = self.template.variables[node]
        key = (self.template.index, id(variable.decl))
        if key not in self.checked.variables:
            return
        typ = self.checked.variables[key]
        cell = self.variable(variable)
        if node.value is not None:
            self._set(cell, typ, node.value)
        elif typ.is_scalar:
            self.b.store(const(0), cell)
        elif not (isinstance(typ, Struct) and typ.kernel):
            self.zero(cell, typ.size)

    # ---- expressions ---------------------------------------------------------------------------

    def expr(self, node: tree.Expr) -> Value:
        """Return the value of an expression."""
        outer, self.place = self.place, node.span
        value: Value = getattr(self, f"_{type(node).__name__}")(node)
        self.place = outer
        return value

    def condition(self, node: tree.Expr) -> Any:
        """Return the truth of an expression, i1."""
        return self.truth(self.scalar(node))

    def _Block(self, node: tree.Block) -> Value:
        for stmt in node.body:
            self.statement(stmt)
        return self.expr(node.value) if node.value is not None else Nothing()

    def _Comptime(self, node: tree.Comptime) -> Value:
        return self.expr(self.template.lowered[node])

    def _TypeInfo(self, node: tree.TypeInfo) -> Value:
        return self.expr(self.template.lowered[node])

    def _IfExpr(self, node: tree.IfExpr) -> Value:
        if node in self.template.lowered:
            return self.expr(self.template.lowered[node])
        with self.lifetime():
            truth = self.condition(node.cond)
        otherwise = node.otherwise
        if isinstance(self.template.types[node], Void):
            self.when(truth, lambda: self._run(node.then), (lambda: self._run(otherwise)) if otherwise else None)
            return Nothing()
        assert otherwise is not None
        return self._select(node, truth, node.then, otherwise)

    def _run(self, node: tree.Expr) -> None:
        self.expr(node)

    def _Ternary(self, node: tree.Ternary) -> Value:
        if node.then is None:
            first = self.expr(node.cond)
            number = self.as_scalar(first)
            value = self.choose(self.truth(number), lambda: number, lambda: self.scalar(node.otherwise))
            return Scalar(self.template.types[node], value)
        return self._select(node, self.condition(node.cond), node.then, node.otherwise)

    def _select(self, node: tree.Expr, truth: Any, then: tree.Expr, otherwise: tree.Expr) -> Value:
        typ = self.template.types[node]
        if isinstance(typ, Void):
            self.when(truth, lambda: self._run(then), lambda: self._run(otherwise))
            return Nothing()
        if typ.is_scalar:
            return Scalar(typ, self.choose(truth, lambda: self.scalar(then), lambda: self.scalar(otherwise)))
        place = self.temp(typ)
        self.when(
            truth, lambda: self.emit_to(then, place, fresh=True), lambda: self.emit_to(otherwise, place, fresh=True)
        )
        return place

    def _IntLiteral(self, node: tree.IntLiteral) -> Value:
        return Scalar(self.template.types[node], const(node.value))

    def _BoolLiteral(self, node: tree.BoolLiteral) -> Value:
        return Scalar(Bool(), const(int(node.value)))

    def _StringLiteral(self, node: tree.StringLiteral) -> Value:
        return Text(self.template.types[node], node.value.encode("utf-8", "surrogateescape"))

    def _Positional(self, node: tree.Positional) -> Value:
        if node in self.template.lowered:
            return self.expr(self.template.lowered[node])
        form = ParamForm.NUMBER_OR_ZERO if node.lenient else ParamForm.NUMBER
        return Scalar(self.template.types[node], self.symbol(Symbol(SymbolKind.PARAM_INT, b=int(form), imm=node.index)))

    def _PositionalCount(self, node: tree.PositionalCount) -> Value:
        return Scalar(self.template.types[node], self.symbol(Symbol(SymbolKind.PARAM_COUNT)))

    def _Name(self, node: tree.Name) -> Value:
        entry = library.find(node.name)
        if entry is not None and entry.is_name:
            return entry.emit(self, node, [])
        typ = self.template.types[node]
        if isinstance(typ, Enum) and node.name in typ.varying:
            enum = "" if "(anon" in typ.name else typ.name
            value = int(self.template.constants[node])
            return Scalar(typ, self.symbol(Symbol(SymbolKind.ENUM_VALUE, enum, node.name, value)))
        return Scalar(typ, const(int(self.template.constants[node])))

    def _Call(self, node: tree.Call) -> Value:
        entry = library.find(node.name)
        if entry is None:
            return native.emit_call(self, node)
        return entry.emit(self, node, list(node.args))

    def _Variable(self, node: tree.Variable) -> Value:
        variable = self.template.variables[node]
        typ = self.checked.variable_type(self.template, variable)
        cell = self.variable(variable)
        if isinstance(typ, Struct) and typ.kernel:
            return Place(typ, self.b.load(cell, typ=I64), typ.space)
        if typ.is_scalar:
            return Scalar(typ, self.load_variable(variable))
        return Memory(typ, cell)

    def _MapRef(self, node: tree.MapRef) -> Value:
        return self.read_map(node)

    def _MapAccess(self, node: tree.MapAccess) -> Value:
        return self.read_map(node)

    def _Unary(self, node: tree.Unary) -> Value:
        typ = self.template.types[node]
        if "x" in node.op:
            return Scalar(typ, self._increment(node, wanted=True))
        if node.op == "*":
            return self._dereference(node)
        if node.op == "&":
            return Scalar(typ, self.b.ptrtoint(self._address_of(node.expr), I64))
        value = self.scalar(node.expr)
        if node.op == "!":
            return Scalar(typ, self.b.zext(self.b.not_(self.truth(value)), I64))
        if node.op == "+":
            return Scalar(typ, value)
        value = self.b.sub(const(0), value) if node.op == "-" else self.b.xor(value, const(-1))
        operand = self.template.types[node.expr]
        return Scalar(typ, value if integer_sign(operand) else self.fit(value, operand))  # as wide as the operand

    def _address_of(self, target: tree.Expr) -> Any:
        if isinstance(target, tree.MapRef):
            return self.map_ptr(self.map_info(target))
        assert isinstance(target, tree.Variable)
        return self.variable(self.template.variables[target])

    def _dereference(self, node: tree.Unary) -> Value:
        value = self.expr(node.expr)
        pointer = value.type if isinstance(value.type, Ptr) else Ptr(UINT64, self.template.probe.space)
        place = Place(pointer.target, self.as_scalar(value), pointer.space)
        return self.read(place) if pointer.target.is_scalar else place

    def _increment(self, node: tree.Unary, wanted: bool) -> Any:
        target = node.expr
        typ = self.template.types[node]
        step: Any = self.sizeof(typ.target) if isinstance(typ, Ptr) else const(1)
        if "-" in node.op:
            step = self.b.sub(const(0), step)
        want = "" if not wanted else "new" if node.op.endswith("x") else "old"
        if isinstance(target, (tree.MapRef, tree.MapAccess)):
            return self.modify_map(target, lambda old: self.b.add(old, step), step, want)
        assert isinstance(target, tree.Variable)
        variable = self.template.variables[target]
        cell = self.variable(variable)
        old = self.load_variable(variable)
        new = self.fit(self.b.add(old, step), self.checked.variable_type(self.template, variable))
        self.b.store(new, cell)
        return old if want == "old" else new

    def _Binary(self, node: tree.Binary) -> Value:
        if node.op in ("&&", "||"):
            return self._logical(node)
        left = self.expr(node.left)
        if isinstance(left, Place) and left.type.is_scalar:
            left = self.read(left)
        return self._operate(node.op, left, node.right, self.template.types[node])

    def _logical(self, node: tree.Binary) -> Value:
        def other() -> Any:
            return self.b.zext(self.condition(node.right), I64)

        left = self.condition(node.left)
        if node.op == "&&":
            return Scalar(Bool(), self.choose(left, other, lambda: const(0)))
        return Scalar(Bool(), self.choose(left, lambda: const(1), other))

    def _operate(self, op: str, left: Value, right_node: tree.Expr, typ: Type) -> Value:
        right_type = self.template.types[right_node]
        if op in ("==", "!=") and not (_numeric(left.type) and _numeric(right_type)):
            equal = self.equal(left, self.expr(right_node))
            return Scalar(Bool(), self.b.zext(equal if op == "==" else self.b.not_(equal), I64))
        a, b = self.as_scalar(left), self.scalar(right_node)
        if op in COMPARISONS:
            return Scalar(Bool(), self.compare(op, a, b, _compare_signed(left.type, right_type)))
        if isinstance(typ, Ptr):
            step = self.sizeof(typ.target)
            if isinstance(left.type, Ptr):
                b = self.b.mul(b, step)
            else:
                a = self.b.mul(a, step)
        result = self.arithmetic(op, a, b, integer_sign(typ))
        return Scalar(typ, self.fit(result, typ) if isinstance(typ, Bool) else result)

    def _Cast(self, node: tree.Cast) -> Value:
        return self.convert(self.expr(node.expr), self.template.types[node])

    def _Tuple(self, node: tree.Tuple) -> Value:
        place = self.temp(self.template.types[node])
        self.emit_to(node, place, fresh=True)
        return place

    def _Record(self, node: tree.Record) -> Value:
        place = self.temp(self.template.types[node])
        self.emit_to(node, place, fresh=True)
        return place

    def _FieldAccess(self, node: tree.FieldAccess) -> Value:
        if node in self.template.lowered:
            return self.expr(self.template.lowered[node])
        if isinstance(node.expr, tree.Name) and node.expr.name == self.template.probe.context_name:
            assert self.template.args.args is not None
            return self.probe_arg(self.template.args.args[node.field], node)
        base = self.expr(node.expr)
        if isinstance(base.type, (Tuple, Record)):
            index = int(node.field) if isinstance(base.type, Tuple) else base.type.names.index(node.field)
            return self.item(self.as_memory(base), index)
        typ = self.template.types[node]
        if isinstance(base.type, Ptr):
            base = Place(base.type.target, self.as_scalar(base), base.type.space)
        if isinstance(base, Place):
            place = self.member(base, node.field, typ)
            return self.read(place) if typ.is_scalar else place
        assert isinstance(base, Memory)
        return self.member_in_memory(base, node.field, typ)

    def probe_arg(self, field: ArgField, node: tree.Expr) -> Value:
        """Return a named argument of the probe; where it lies is the host's."""
        typ = field.type
        if field.place is not None:
            return parameter(self, typ, field.place)
        if not field.dynamic:
            value = self.context_load(Symbol(SymbolKind.CTX_LOAD, field.symbol))
            if self.template.probe.nullable_context and isinstance(typ, Ptr):
                # The last run of an iterator has no object; the verifier wants the test before any arithmetic.
                self.when(self.b.icmp_unsigned("==", value, const(0)), self.leave)
            if isinstance(typ, Ptr) or (typ.size == 8 and not integer_sign(typ)):
                return Scalar(typ, value)
            shift = self.symbol(Symbol(SymbolKind.CTX_LSHIFT, field.symbol))
            value = self.b.shl(value, shift)
            value = self.b.ashr(value, shift) if integer_sign(typ) else self.b.lshr(value, shift)
            return Scalar(typ, self.fit(value, typ))
        address = self._dynamic_address(field)
        if isinstance(typ, Ptr):
            return Scalar(typ, address)
        return Place(typ, address, Space.KERNEL)

    def _dynamic_address(self, field: ArgField) -> Any:
        """Return the address of an array of a tracepoint: inline, or where its loc word points to."""
        form = self.symbol(Symbol(SymbolKind.CTX_FORM, field.symbol))
        offset = self.symbol(Symbol(SymbolKind.CTX_OFFSET, field.symbol))
        context = self.b.ptrtoint(self.ctx, I64)

        def located() -> Any:
            word = self.b.and_(self.context_load(Symbol(SymbolKind.CTX_LOAD, field.symbol)), const(0xFFFF))
            relative = self.b.icmp_unsigned("==", form, const(2))
            base = self.b.select(relative, self.b.add(offset, const(4)), const(0))
            return self.b.add(word, base)

        where = self.choose(self.b.icmp_unsigned("==", form, const(0)), lambda: offset, located)
        return self.b.add(context, where)

    def _Index(self, node: tree.Index) -> Value:
        base = self.expr(node.expr)
        typ = self.template.types[node]
        constant = node.index.value if isinstance(node.index, tree.IntLiteral) else None
        if isinstance(base.type, Tuple) and constant is not None:
            return self.item(self.as_memory(base), constant)
        index = self.scalar(node.index)
        if isinstance(base.type, Array) and base.type.count and constant is None:
            self.warn_when(self.b.icmp_unsigned(">=", index, const(base.type.count)), OUT_OF_BOUNDS)
        if isinstance(base.type, Ptr):
            step = self.b.mul(index, self.sizeof(base.type.target))
            base = Place(typ, self.b.add(self.as_scalar(base), step), base.type.space)
            return self.read(base) if typ.is_scalar else base
        if isinstance(base, Place):
            place = self.element(base, index, typ, constant)
            return self.read(place) if typ.is_scalar else place
        memory = self.as_memory(base)
        return self._element_in_memory(memory, index, typ)

    def _element_in_memory(self, memory: Memory, index: Any, typ: Type) -> Value:
        count = memory.type.count if isinstance(memory.type, Array) else memory.type.size
        index = self.b.select(self.b.icmp_unsigned("<", index, const(count)), index, const(count - 1))
        pointer = self.offset(memory.ptr, self.small_offset(self.b.mul(index, const(typ.size)), memory.type.size))
        return self.at_pointer(typ, pointer, min(memory.align, typ.align))

    def _Sizeof(self, node: tree.Sizeof) -> Value:
        found = self.template.types[node.operand]
        return Scalar(UINT64, const(found.shown_size) if isinstance(found, Str) else self.sizeof(found))

    def _Offsetof(self, node: tree.Offsetof) -> Value:
        base = self.template.types[node.operand]
        base = base.target if isinstance(base, Ptr) else base
        place = Place(base, const(0), Space.NONE)
        for name in node.fields:
            typ = self._member_type(place.type, name)
            place = self.member(place, name, typ)
        return Scalar(UINT64, self.address(place))

    def _member_type(self, base: Type, name: str) -> Type:
        from ..sema.ctypes import from_c
        from ..sema.operators import lookup_member

        definition = self.mod.types.struct(base.name) if isinstance(base, Struct) else None
        found = lookup_member(definition, name, self.mod.types) if definition else None
        assert found is not None
        return from_c(found.type, self.mod.types, Space.NONE)


def _numeric(t: Type) -> bool:
    return t.is_integer or isinstance(t, (Ptr, Agg))


def _compare_signed(left: Type, right: Type) -> bool:
    """Signed unless an operand is unsigned and cannot be taken as signed."""
    if isinstance(left, Ptr) or isinstance(right, Ptr):
        return False
    lsign, rsign = integer_sign(left), integer_sign(right)
    if isinstance(left, Int) and left.flexible:
        return rsign
    if isinstance(right, Int) and right.flexible:
        return lsign
    return lsign or rsign
