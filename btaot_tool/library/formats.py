"""Format strings of printf and its relatives: split once, at build time, into the pieces that the runtime prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..codegen.actions import Piece
from ..payload.layout import Conv, ConvFlag
from ..sema.types import Agg, Buffer, Ptr, Type, Unknown, Void
from ..syntax import tree

if TYPE_CHECKING:
    from ..sema.checker import ExpressionChecker as Checker
    from .base import Arg

#: flags in this order, width, precision, length, conversion; a star takes no argument, as in bpftrace.
_SPEC = re.compile(
    r"%(?P<flags>-?\+? ?#?0?)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+))?(?P<length>[hlLjzt]*)"
    r"(?P<conv>[diouxXeEfFGaAcspn%]|gr|g|rh|rx|r)"
)
_CONVERSIONS = {
    "d": Conv.D,
    "i": Conv.D,
    "u": Conv.U,
    "x": Conv.X,
    "X": Conv.XX,
    "o": Conv.O,
    "c": Conv.C,
    "s": Conv.S,
    "p": Conv.P,
    "r": Conv.R,
    "rx": Conv.RX,
    "rh": Conv.RH,
    "gr": Conv.GR,
}
_FLAGS = {
    "-": ConvFlag.LEFT,
    "0": ConvFlag.ZERO,
    "+": ConvFlag.PLUS,
    " ": ConvFlag.SPACE,
    "#": ConvFlag.ALT,
    "'": ConvFlag.GROUP,
}
_LENGTHS = {"": ConvFlag.INT32, "h": ConvFlag.INT16, "hh": ConvFlag.INT16 | ConvFlag.INT32}
_INTEGERS = frozenset({Conv.D, Conv.U, Conv.X, Conv.XX, Conv.O})


@dataclass(frozen=True, slots=True)
class Spec:
    """One conversion as written."""

    word: str
    flags: str
    width: int
    precision: int
    length: str


def parse(fmt: str) -> tuple[list[str], list[Spec]]:
    """Split a format into literal texts and conversions; there is one more text than conversions.

    ``%%`` is literal; a percent sign that starts no conversion stays as it is.
    """
    texts, specs, last = [""], [], 0
    for match in _SPEC.finditer(fmt):
        texts[-1] += fmt[last : match.start()]
        last = match.end()
        if match["conv"] == "%":
            texts[-1] += "%"
            continue
        width, precision = (int(n) if n and n != "*" else -1 for n in (match["width"], match["precision"]))
        specs.append(Spec(match["conv"], match["flags"], max(width, 0), precision, match["length"]))
        texts.append("")
    texts[-1] += fmt[last:]
    return texts, specs


def texts(c: Checker, fmt: str, args: list[Arg], types: list[Type]) -> list[Type]:
    """Return the types of a format's arguments, of which parameters printed by %s are text."""
    strings = [spec.word == "s" for spec in parse(fmt)[1]]
    known = zip(args, types, [*strings, *[False] * len(args)], strict=False)
    return [c.text_of(arg, typ) if string and isinstance(arg, tree.Positional) else typ for arg, typ, string in known]


def check(c: Checker, node: tree.Expr, fmt: str, types: list[Type]) -> bool:
    """Check the arguments of a format against its conversions; returns whether their number is right."""
    _, specs = parse(fmt)
    if len(types) != len(specs):
        few = "not enough" if len(types) < len(specs) else "too many"
        c.error(node, f"{few} arguments for format string ({len(types)} supplied, {len(specs)} expected)")
        return False
    for spec, typ in zip(specs, types, strict=True):
        if spec.word not in _CONVERSIONS:
            c.error(node, f"unsupported format specifier: {spec.word}")
        elif isinstance(typ, Void):
            c.error(node, f"unable to print none type for specifier: {spec.word}")
        elif not isinstance(typ, Unknown) and not _accepts(spec.word, typ):
            c.error(
                node,
                f"unsupported format specifier for type '{typ}': {spec.word}",
                "%s prints every type" if spec.word != "s" else "",
            )
    return True


def _accepts(word: str, typ: Type) -> bool:
    if word == "s":
        return True
    if word in ("r", "rx", "rh"):
        return isinstance(typ, Buffer)
    return typ.is_integer or isinstance(typ, Ptr) or (isinstance(typ, Agg) and typ.castable)


def pieces(fmt: str) -> list[Piece]:
    """Return the pieces of a format that was checked."""
    texts, specs = parse(fmt)
    result = [_piece(text, spec, i) for i, (text, spec) in enumerate(zip(texts, specs, strict=False))]
    if texts[-1] or not result:
        result.append(Piece(texts[-1].encode("utf-8", "surrogateescape")))
    return result


def _piece(text: str, spec: Spec, arg: int) -> Piece:
    conv = _CONVERSIONS[spec.word]
    flags = ConvFlag(0)
    for flag in spec.flags:
        flags |= _FLAGS[flag]
    if conv in _INTEGERS:
        flags |= _LENGTHS.get(spec.length, ConvFlag(0))
    return Piece(text.encode("utf-8", "surrogateescape"), conv, arg, flags, spec.width, spec.precision)
