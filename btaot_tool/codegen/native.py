"""Functions of imported C sources: how they are called, and how their bitcode becomes a part of the module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..diagnostics import Diagnostics
from ..kernel.types import CFunc, CInt, CPtr, CType, CVoid, strip_typedefs
from ..sema.types import integer_sign
from ..syntax import tree
from .llvm import I1, I32, I64, PTR, binding, ir
from .values import Nothing, Scalar, Value

if TYPE_CHECKING:
    from .gen import Gen


def emit_call(g: Gen, node: tree.Call, function: CFunc) -> Value:
    """Call a C function."""
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
    if name not in module.globals:
        signature = ir.FunctionType(_ir_type(function.result), [_ir_type(ctype) for _, ctype in function.params])
        ir.Function(module, signature, name)
    return module.globals[name]


def link_bitcode(module: binding.ModuleRef, bitcode: Sequence[bytes], diags: Diagnostics) -> None:
    """Put compiled C into a module; its functions are inlined where they are called."""
    for data in bitcode:
        # Every function is inlined: a program has one section.
        other = binding.parse_assembly(re.sub(r"\b(noinline|optnone) ", "", str(binding.parse_bitcode(data))))
        _check(other, diags)
        other.triple, other.data_layout = module.triple, module.data_layout
        defined = [function.name for function in other.functions if not function.is_declaration]
        module.link_in(other)
        for name in defined:
            function = module.get_function(name)
            function.linkage = binding.Linkage.internal
            function.add_function_attribute("alwaysinline")
    diags.check()


def _check(module: binding.ModuleRef, diags: Diagnostics) -> None:
    """Refuse what has no place in the result."""
    for variable in module.global_variables:
        if not re.search(r"\bconstant\b", str(variable).partition("=")[2]):
            message = f"imported C source: the global variable '{variable.name}' is not supported"
            diags.error(None, message, "keep the state of a script in its maps", "import")
    for function in module.functions:
        if function.is_declaration and not function.name.startswith("llvm."):
            message = f"imported C source: the function '{function.name}' is not defined"
            hint = "a BPF helper is a pointer with its number: static long (*helper)(void) = (void *)5;"
            diags.error(None, message, hint, "import")
