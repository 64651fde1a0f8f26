"""What a probe type is to the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..diagnostics import Diagnostics
from ..dwarf.calls import Place
from ..dwarf.program import Program
from ..dwarf.programs import Programs
from ..kernel.types import Kernel
from ..payload.layout import AttachFlag, ProbeKind, SymbolKind
from ..sema.types import Space, Type
from ..symbols import Symbol
from ..syntax.literals import LiteralError, integer_value
from ..syntax.tree import AttachPoint
from ..targets import Target, host_target


@dataclass(frozen=True, slots=True)
class ArgField:
    """A member of ``args``: ``symbol`` names it to the runtime's context resolver.

    ``dynamic`` fields (arrays and strings of tracepoints) may lie inline or behind a loc word, as the
    host's format says; the others are one load from the context.  Parameters of user functions have a ``place``.
    """

    name: str
    type: Type
    symbol: str
    dynamic: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class AttachSpec:
    """An attach point, parsed: one row of the payload.

    ``args`` is None where the probe has no named arguments; ``no_args`` says why, and what to do.  ``program`` is the
    user program that facts in this row are from: they hold for this build of it only.
    """

    probe: ProbeType
    point: AttachPoint
    text: str
    target: str = ""
    name: str = ""
    ns: str = ""
    pin: str = ""
    value: int = 0
    value_symbol: Symbol | None = None  # gives the value on the host, if it is not known here
    length: int = 0
    flags: AttachFlag = AttachFlag(0)
    args: Mapping[str, ArgField] | None = field(default=None, compare=False)
    no_args: tuple[str, str] | None = None
    program: Program | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ParseContext:
    """What parsing an attach point may look at; ``args_used`` tells whether the block reads ``args``."""

    kernel: Kernel
    diags: Diagnostics
    programs: Programs
    target: Target = field(default_factory=host_target)
    unsafe: bool = False
    args_used: bool = False


class ProbeType:
    """One probe type; subclasses register an instance in ``probes/__init__.py``.

    ``space`` is the address space of pointers that the context holds; ``reg_args`` whether argN reads registers,
    ``usdt_args`` from where the binary's notes say; ``positional`` whether it reads the context by number;
    ``context_name`` is the builtin whose members are the named arguments; ``nullable_context`` whether pointers
    among them can be null, which ends the run; ``guarded`` whether the program tests ``running`` first; ``returns``
    whether what ``return`` gives matters; ``type_name`` is the ``probetype`` where that is not the name;
    ``preemptible`` whether a run can be interrupted by another on its CPU; ``pid_filter`` whether the program itself
    must pass over other processes than that of -p.
    """

    name: str = ""
    type_name: str = ""
    kind: ProbeKind
    space: Space = Space.NONE
    reg_args: bool = False
    positional: bool = False
    has_retval: bool = False
    usdt_args: bool = False
    context_name: str = "args"
    nullable_context: bool = False
    guarded: bool = True
    returns: bool = False
    preemptible: bool = False
    pid_filter: bool = False

    def parse(self, point: AttachPoint, ctx: ParseContext) -> AttachSpec:
        """Return the attach point's row, or raise through ``ctx.diags``."""
        raise NotImplementedError

    def expand(self, spec: AttachSpec, ctx: ParseContext) -> list[AttachSpec]:
        """Return the attach points that one stands for, if that has to be known when the script is compiled."""
        return [spec]

    def _bad(self, point: AttachPoint, ctx: ParseContext, message: str, hint: str = "") -> Exception:
        return ctx.diags.fatal(point.span, message, hint, code="attach-point")

    def _expect(self, point: AttachPoint, ctx: ParseContext, low: int, high: int, counts: str = "") -> None:
        """Check the number of colon-separated parts after the provider; ``counts`` says it in words."""
        if low <= len(point.parts) <= high:
            return
        want = counts or (str(low) if low == high else f"{low} or {high}")
        raise self._bad(point, ctx, f"{self.name} probe type requires {want} arguments, found {len(point.parts)}")

    def _number(self, point: AttachPoint, ctx: ParseContext, text: str, what: str) -> int:
        """Return the value of an integer; ``what`` begins the message if it is none."""
        try:
            return integer_value(text)[0]
        except LiteralError as error:
            reason = str(error)
            if "overflow" not in reason:
                reason = f"invalid {'trailing bytes' if text[:1].isdigit() else 'integer'}: {text}"
            raise self._bad(point, ctx, f"{what}: {reason}") from None


def positional(text: str) -> Symbol | None:
    """Return the load-time symbol of a positional parameter that stands for a number: ``$1``."""
    return Symbol(SymbolKind.PARAM_INT, imm=int(text[1:])) if text[:1] == "$" and text[1:].isdigit() else None


def has_wildcard(text: str) -> bool:
    """Whether a pattern needs expansion on the host."""
    return any(c in text for c in "*?[")


def wildcard_flag(*texts: str) -> AttachFlag:
    """Return the WILDCARD flag if any text is a pattern."""
    return AttachFlag.WILDCARD if any(map(has_wildcard, texts)) else AttachFlag(0)


def parse_number(text: str) -> int | None:
    """Return the value of an integer as scripts write it (1e6, 0x10, 1_000), or None."""
    text = text.replace("_", "")
    try:
        if "e" in text.lower() and not text.lower().startswith("0x"):
            base, _, power = text.lower().partition("e")
            scaled: int = int(base) * 10 ** int(power)
            return scaled
        return int(text, 0)
    except ValueError:
        return int(text) if text.isdigit() else None
