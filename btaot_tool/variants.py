"""Variants of the stub: what only few scripts use has no room beside everything else under 150,000 bytes.

The compiler notes in the payload's header which optional parts of the runtime a script uses (``payload/parts.py``), and
:func:`choose` names the variant that its executable is made from: the same for the same script and target.  To add a
part: its bit in ``payload/enums.py``, its rule in ``payload/parts.py``, its words below, ``HAS(PART)`` in C.
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass
from operator import or_

from .diagnostics import CompileError, Diagnostic, Severity
from .payload.layout import StubPart
from .targets import Target


@dataclass(frozen=True, slots=True)
class Variant:
    """A stub with some of the optional parts; ``targets``: the only ones that have it, empty for all."""

    name: str
    parts: StubPart
    targets: tuple[str, ...] = ()

    def beside(self, stub: str) -> str:
        """Return the file name of this variant, which lies beside the plain stub."""
        return f"{stub}-{self.name}" if self is not PLAIN else stub

    @property
    def flags(self) -> tuple[str, ...]:
        """How the compiler is told which parts to take."""
        return (f"-DBTAOT_PARTS={int(self.parts)}",)


_RARE = StubPart.TSERIES | StubPart.PACKETS | StubPart.ITERS | StubPart.GIVEN
PLAIN = Variant("plain", StubPart.TRIALS | _RARE)
#: The first that has what a script uses is taken.
VARIANTS = (
    PLAIN,
    Variant("lines", StubPart.SYMBOLS | StubPart.LINES),
    Variant("symbols", StubPart.SYMBOLS | StubPart.TRIALS | _RARE),
    Variant("unwind", StubPart.SYMBOLS | StubPart.UNWIND | StubPart.TSERIES | StubPart.GIVEN, ("x86_64",)),
)
#: What a script may have to do without, in this order, if no variant has all that it uses.
_DISPENSABLE = (StubPart(0), StubPart.LINES, StubPart.LINES | StubPart.TRIALS)

_WORDS = {
    StubPart.SYMBOLS: r"ustack\b|\b(?:usym|func|cpp)\b",
    StubPart.LINES: r"ustack\b|\b(?:usym|func)\b",
    StubPart.UNWIND: r"\bdw_ustack\b",
    StubPart.TRIALS: r"\b(?:test|bench)\b",
    StubPart.TSERIES: r"\btseries\b",
    StubPart.PACKETS: r"\bskboutput\b",
    StubPart.ITERS: r"\b(?:iter|it)\b",
    StubPart.GIVEN: r"\$[1-9]",
}


def variants_of(target: Target) -> list[Variant]:
    """Return the variants that a target has, the plain one first."""
    return [v for v in VARIANTS if not v.targets or target.name in v.targets]


def find_variant(name: str, target: Target) -> Variant:
    """Return the variant with this name; an error if the target has none."""
    for variant in variants_of(target):
        if variant.name == name:
            return variant
    hint = f"known: {', '.join(v.name for v in variants_of(target))}"
    raise CompileError([Diagnostic(Severity.ERROR, f"{target.name} has no stub {name!r}", None, hint, "toolchain")])


def available(target: Target) -> StubPart:
    """Return the parts that some variant of the target has."""
    return functools.reduce(or_, (v.parts for v in variants_of(target)))


def choose(parts: StubPart, target: Target) -> Variant | None:
    """Return the variant for a script that uses these parts; None: there is none that has all that it needs."""
    for without in _DISPENSABLE:
        for variant in variants_of(target):
            if not parts & ~without & ~variant.parts:
                return variant
    return None


def parts_by_words(text: str) -> StubPart:
    """Return the parts that a script (without comments) may use, as far as its words tell: no less than it does."""
    return functools.reduce(or_, (p for p, words in _WORDS.items() if re.search(words, text)), StubPart(0))


def possible(parts: StubPart, target: Target) -> list[Variant]:
    """Return the variants that may be chosen for a script that uses some of these parts."""
    single = [part for part in StubPart if part & parts]
    subsets = itertools.chain.from_iterable(itertools.combinations(single, n) for n in range(len(single) + 1))
    chosen = {choose(functools.reduce(or_, subset, StubPart(0)), target) for subset in subsets}
    return [variant for variant in variants_of(target) if variant in chosen]
