"""Which macro a call means: overloading by the number and kinds of arguments, the script's own before the library's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..diagnostics import Diagnostics, Span
from ..syntax import tree
from . import stdlib

#: Words that mean the same everywhere, so that no parameter can hide them.
_RESERVED = frozenset({"args", "ctx", "kstack", "nsecs", "pid", "tid", "ustack"})
_WRONG_COUNT = 1024  # outweighs any number of arguments of the wrong kind

Operand = tree.Expr | tree.TypeName | tree.TypeOf


@dataclass
class Mismatch:
    """There are macros of this name, but none takes these arguments; ``closest`` is the one that nearly does."""

    closest: tree.Macro


@dataclass
class Registry:
    """The macros of a script; those of the library are read when a script names them."""

    diags: Diagnostics
    own: dict[str, list[tree.Macro]] = field(default_factory=dict)

    def add(self, macro: tree.Macro) -> None:
        """Take in a macro of the script; a more special one must come before a more general one."""
        if not self._check_params(macro):
            return
        known = self.own.setdefault(macro.name, [])
        wanted = [_as_argument(param) for param in macro.params]
        for other in known:
            if distance(other, wanted) == 0:
                note = ((other.name_span or other.span, "This is the original definition."),)
                place = macro.name_span or macro.span
                self.diags.error(place, f"Redefinition of macro: {macro.name}", code="macro", notes=note)
                return
        known.append(macro)

    def _check_params(self, macro: tree.Macro) -> bool:
        seen: set[str] = set()
        good = True
        for param in macro.params:
            shown = f"${param.name}" if param.kind == "var" else param.name
            if param.kind == "ident" and (param.name in _RESERVED or param.name.startswith("__builtin_")):
                message = f"syntax: builtin '{param.name}' can't be used as a macro argument"
                self.diags.error(param.span, message, code="macro")
                good = False
            if shown in seen:
                what = {"var": "Variable", "map": "Map"}.get(param.kind, "Ident")
                message = f"{what} for macro argument has already been used: {shown}"
                self.diags.error(param.span, message, code="macro")
                good = False
            seen.add(shown)
        return good

    def find(self, name: str, args: Sequence[Operand], library_only: bool) -> tree.Macro | Mismatch | None:
        """Return the macro that a call means; macros of the library see only each other."""
        own = [] if library_only else self.own.get(name, [])
        library = stdlib.macros(name)
        for macro in (*own, *library):
            if distance(macro, args) == 0:
                return macro
        candidates = own or library
        if not candidates:
            return None
        return Mismatch(min(reversed(candidates), key=lambda macro: distance(macro, args)))


def _as_argument(param: tree.MacroParam) -> tree.Expr:
    if param.kind == "var":
        return tree.Variable(param.span, param.name)
    return tree.MapRef(param.span, param.name) if param.kind == "map" else tree.Name(param.span, param.name)


def distance(macro: tree.Macro, args: Sequence[Operand]) -> int:
    """Return how far arguments are from what a macro takes; 0 if they fit."""
    result = _WRONG_COUNT * abs(len(macro.params) - len(args))
    return result + sum(not fits(param, arg) for param, arg in zip(macro.params, args, strict=False))


def fits(param: tree.MacroParam, arg: Operand) -> bool:
    """Tell whether an argument is of the kind that a parameter takes."""
    if param.kind == "var":
        return isinstance(arg, tree.Variable)
    return param.kind != "map" or isinstance(arg, tree.MapRef)


def explain(diags: Diagnostics, mismatch: Mismatch, name: str, span: Span, args: Sequence[Operand]) -> None:
    """Note why no macro takes these arguments."""
    macro = mismatch.closest
    message = f"Call to {name}() has arguments that do not match any definition."
    if len(macro.params) != len(args):
        note = (
            f"The closest definition of {name}() has a different number of arguments. "
            f"Expected: {len(macro.params)} but got {len(args)}"
        )
        diags.error(span, message, code="macro", notes=((macro.name_span or macro.span, note),))
        return
    diags.error(span, message, code="macro")
    for param, arg in zip(macro.params, args, strict=True):
        if fits(param, arg):
            continue
        want, shown = ("a map", param.name) if param.kind == "map" else ("a variable", f"${param.name}")
        got = "a map" if isinstance(arg, tree.MapRef) else "a variable" if isinstance(arg, tree.Variable) else ""
        text = f"Mismatched arg. {name}() expects {want} for arg {shown} but got {got or 'an expression'}."
        origin = ((param.span, "This is the argument in the closest definition."),)
        diags.error(arg.span, text, code="macro", notes=origin)
