"""Probes on functions and source lines of user programs: ``uprobe``, ``uretprobe``.

What a script wants of a program's debug information, its types and the parameters of its functions, is read from the
program as it is where the script is compiled; without such wishes the program is not looked at.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

from ..dwarf.functions import Signature
from ..dwarf.lines import NoSuchLine
from ..dwarf.program import Program
from ..dwarf.programs import guarded
from ..dwarf.reader import DwarfError
from ..payload.layout import AttachFlag, ProbeKind
from ..sema.ctypes import from_c
from ..sema.types import Space, Void
from ..syntax.tree import AttachPoint
from .base import ArgField, AttachSpec, ParseContext, has_wildcard, wildcard_flag
from .functions import FunctionProbe

_UNSAFE = "Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target process."
_FORMAT = "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]"


class UserFunctionProbe(FunctionProbe):
    """``BINARY:FUNCTION[+OFFSET]``, ``BINARY:ADDRESS``, ``BINARY:cpp:NAME``, ``BINARY@FILE:LINE[:COLUMN]``."""

    space, preemptible = Space.USER, True

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """The binary is found on the host: a path, a program on PATH, or a library's name."""
        if point.parts[1:2] == ["@"]:
            return self._line(point, ctx)
        self._expect(point, ctx, 2, 3)
        lang = point.parts[1] if len(point.parts) == 3 else ""
        if lang not in ("", "cpp"):
            raise self._bad(point, ctx, f"unsupported language type: {lang}", "only cpp is known")
        binary = point.parts[0]
        if not binary:
            what = f"{self.name} should have a target"
            raise self._bad(point, ctx, what, f"write {self.name}:/path/to/binary:function")
        if not point.parts[-1] and self._has_debug_info(binary, ctx):
            what = "function, address, or source file and line (using DWARF)"
            raise self._bad(point, ctx, f"{self.name} should be attached to a {what}")
        name, value = (point.parts[-1], 0) if lang else self._function(point, point.parts[-1], ctx)
        if not name and has_wildcard(binary):
            raise self._bad(point, ctx, "Cannot use wildcards with absolute address")
        text = ":".join((self.name, *point.parts))
        flags = wildcard_flag(binary, name)
        if lang:
            flags |= AttachFlag.OPEN
        what = f"boundary for {name} (symbol has size 0)"
        if not name:
            what = f"instruction boundary for {self.name}:{binary}:{value} (binary appears stripped)"
        refusal = "" if ctx.unsafe else f"Could not determine {what}.\n{_UNSAFE}"
        return AttachSpec(self, point, text, target=binary, name=name, ns=lang, pin=refusal, value=value, flags=flags)

    def expand(self, spec: AttachSpec, ctx: ParseContext) -> list[AttachSpec]:
        """Where ``args`` is used the functions have to be known: each gets its own parameters."""
        if not ctx.args_used or self.has_retval:
            return [spec]
        if not spec.name:
            return [replace(spec, no_args=("Cannot read function parameters", "this is no function's entry"))]
        program, problem = self._program(spec, ctx)
        if program is None:
            return [replace(spec, no_args=problem)]
        if spec.value:
            message = f"args are where {spec.name} has them when it is entered"
            ctx.diags.warning(spec.point.span, message, f"{spec.text} is behind its entry")
        if spec.ns == "cpp" or has_wildcard(spec.name):
            return self._matches(spec, program, ctx) or [spec]
        return [self._with_args(spec, program, spec.name, ctx)]

    # ---- source lines

    def _line(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        if self.has_retval:
            raise self._bad(point, ctx, "Source code location not allowed", f"{self.name} fires where a function ends")
        binary, _, *rest = point.parts
        if has_wildcard(binary):
            raise self._bad(point, ctx, "Cannot use wildcards with source code location")
        if len(rest) not in (2, 3) or not rest[0] or not rest[1]:
            raise self._bad(point, ctx, _FORMAT)
        if not binary:
            raise self._bad(point, ctx, "Unspecified target binary, cannot attach by source code location.")
        names = zip(("line", "column"), rest[1:], strict=False)
        numbers = [self._number(point, ctx, text, f"Invalid {what} number") for what, text in names]
        text = f"{self.name}:{binary}@{':'.join(rest)}"
        spec = AttachSpec(self, point, text, target=binary)
        program, problem = self._program(spec, ctx)
        if program is None:
            hint = problem[1]
            message = f"No DWARF debug info found for '{binary}', cannot attach by source code location."
            raise self._bad(point, ctx, message, hint)
        try:
            address = guarded(lambda: program.line(rest[0], *numbers), program)
        except (NoSuchLine, DwarfError) as error:
            raise self._bad(point, ctx, f"DWARF error: {error}") from None
        return replace(spec, value=address, program=program)

    @staticmethod
    def _has_debug_info(binary: str, ctx: ParseContext) -> bool:
        try:
            program = ctx.programs.find(binary)
            return program is not None and bool(guarded(lambda: program.infos, program))
        except DwarfError:
            return False

    # ---- parameters

    def _program(self, spec: AttachSpec, ctx: ParseContext) -> tuple[Program | None, tuple[str, str]]:
        """Return the program with its debug information, or why it cannot be used."""
        message = f'Could not parse arguments of "{spec.text}": no debuginfo found for {spec.target}'
        try:
            program = ctx.programs.find(spec.target)
            if program is None:
                return None, (
                    message,
                    "the program has to be here when the script is compiled; --sysroot DIR says where",
                )
            if program.machine != ctx.programs.machine:
                wrong = f"{program.path} is not a program for {ctx.programs.machine}"
                return None, (message, f"{wrong}; --sysroot DIR says where those of the target are")
            if not guarded(lambda: program.infos, program):
                hint = "compile it with -g, or give the directory or file of its debug information with --debuginfo"
                return None, (message, hint)
        except DwarfError as error:
            return None, (message, str(error))
        return program, ("", "")

    def _matches(self, spec: AttachSpec, program: Program, ctx: ParseContext) -> list[AttachSpec]:
        """Return an attach point for each function that a pattern or a C++ name means here."""
        if spec.ns == "cpp":
            symbols = guarded(lambda: program.cpp_symbols(spec.name), program)
        else:
            symbols = sorted(name for name in program.functions if fnmatchcase(name, spec.name))
        flags = spec.flags & ~(AttachFlag.WILDCARD | AttachFlag.OPEN) | wildcard_flag(spec.target)
        found = []
        for symbol in symbols:
            one = replace(spec, name=symbol, ns="", flags=flags, text=f"{self.name}:{spec.target}:{symbol}")
            found.append(self._with_args(one, program, symbol, ctx))
        return found

    def _with_args(self, spec: AttachSpec, program: Program, symbol: str, ctx: ParseContext) -> AttachSpec:
        message = "Cannot read function parameters"
        try:
            signature = guarded(lambda: program.signature(symbol, ctx.programs.machine), program)
            if signature is None:
                hint = f"the debug information of {program.path} does not describe {symbol}"
                return replace(spec, no_args=(message, hint))
            if signature.problem:
                return replace(spec, no_args=(message, signature.problem))
            spec = replace(spec, args=guarded(lambda: _fields(signature, program), program), program=program)
            address = guarded(lambda: program.hidden(symbol), program)
            if address is not None:
                spec = replace(spec, value=address + spec.value, flags=spec.flags | AttachFlag.ADDRESS)
            return spec
        except DwarfError as error:
            return replace(spec, no_args=(message, str(error)))


def _fields(signature: Signature, program: Program) -> dict[str, ArgField]:
    fields = {}
    for param in signature.params:
        if not param.name:
            continue
        typ = from_c(param.type, program.types, Space.USER)
        place = param.place
        if isinstance(typ, Void) and not place.unreadable:
            place = replace(place, unreadable="the language has no such type")
        fields[param.name] = ArgField(param.name, typ, param.name, place=place)
    return fields


PROBES = (
    UserFunctionProbe("uprobe", ProbeKind.UPROBE, False),
    UserFunctionProbe("uretprobe", ProbeKind.URETPROBE, True),
)
