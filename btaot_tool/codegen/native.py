"""Calls of C functions: of imported sources and objects, and of the kernel (kfuncs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bpf.link import PREFIX
from ..kernel.types import CFunc, CInt, CPtr, CType, CVoid, strip_typedefs
from ..payload.layout import SymbolKind
from ..sema.native import find_function
from ..sema.widening import integer_sign
from ..symbols import Symbol
from ..syntax import tree
from .llvm import I1, I32, I64, PTR, ir
from .values import Nothing, Scalar, Value

if TYPE_CHECKING:
    from .gen import Gen


def emit_call(g: Gen, node: tree.Call) -> Value:
    """Call a C function."""
    function = find_function(g.checked.native.functions, g.checked.kernel, node.name)
    assert function is not None
    values = []
    for arg, (_, ctype) in zip(node.args, function.params, strict=True):
        assert isinstance(arg, tree.Expr)
        values.append(_narrow(g, g.scalar(arg), _ir_type(ctype)))
    result = g.b.call(_declared(g, node.name, function), values)
    if isinstance(strip_typedefs(function.result), CVoid):
        return Nothing()
    typ = g.template.types[node]
    if result.type == PTR:
        return Scalar(typ, g.b.ptrtoint(result, I64))
    if result.type == I64:
        return Scalar(typ, result)
    return Scalar(typ, g.b.sext(result, I64) if integer_sign(typ) else g.b.zext(result, I64))


def _ir_type(ctype: CType) -> Any:
    match strip_typedefs(ctype):
        case CVoid():
            return ir.VoidType()
        case CPtr():
            return PTR
        case CInt(size=size, is_bool=is_bool):
            return I1 if is_bool else ir.IntType(8 * size)
    return I32  # an enum


def _narrow(g: Gen, value: Any, typ: Any) -> Any:
    if typ == PTR:
        return g.b.inttoptr(value, PTR)
    if typ == I1:
        return g.truth(value)
    return value if typ == I64 else g.b.trunc(value, typ)


def _declared(g: Gen, name: str, function: CFunc) -> Any:
    module = g.mod.module
    if name in g.checked.native.functions:
        name = PREFIX + name
    else:
        name = f"s{g.mod.symbols.number(Symbol(SymbolKind.KFUNC, name), g.span)}"
    if name not in module.globals:
        signature = ir.FunctionType(_ir_type(function.result), [_ir_type(ctype) for _, ctype in function.params])
        ir.Function(module, signature, name)
    return module.globals[name]
