"""The values of integer and string literals."""

from __future__ import annotations

import re

MAX = 2**64 - 1

_NUMBER = re.compile(
    r"(?:0[xX](?P<hex>[0-9a-fA-F_]+)|0[bB](?P<bin>[01_]+)|(?P<dec>[0-9][0-9_]*)(?:[eE](?P<exp>[0-9][0-9_]*))?)"
    r"(?P<suffix>[A-Za-z]\w*)?"
)
_SUFFIXES = {"": MAX, "u": 2**32 - 1, "ul": MAX, "ull": MAX, "l": 2**63 - 1, "ll": 2**63 - 1}
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_ESCAPE = re.compile(
    r'\\(?:(?P<simple>[ntr"\\])|(?P<octal>[0-7]{1,3})|[xX](?P<hex>[0-9a-fA-F]{1,2})|(?P<bad>.?))', re.S
)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class LiteralError(ValueError):
    """A literal has no value: the message, and the part of it that is wrong."""

    def __init__(self, message: str, start: int, end: int, hint: str = "") -> None:
        super().__init__(message)
        self.start, self.end, self.hint = start, end, hint


def integer_value(text: str) -> tuple[int, str]:
    """Return the value and the suffix ("" or u, ul, ull, l, ll) of an integer; a duration is in nanoseconds."""
    match = _NUMBER.match(text)
    if text[:2] in ("0x", "0X") and len(text) == 2:
        raise LiteralError("invalid integer: ", 0, 2)
    if match is None or match.end() != len(text):
        end = match.end() if match and not match["bin"] else 1 if match else 0
        raise LiteralError(f"invalid integer suffix '{text[end:]}'", end, len(text))
    suffix = match["suffix"] or ""
    digits_end = len(text) - len(suffix)
    if len(text) > 200:
        raise LiteralError(f"overflow error, maximum value is {MAX}: {text[:20]}...", 0, len(text))
    for part in ("hex", "bin", "dec", "exp"):
        if match[part] and match[part].endswith("_"):
            end = match.end(part)
            raise LiteralError("trailing underscore in integer literal", end - 1, end)
    value = _digits_value(match, text)
    kind = suffix.lower()
    if kind in _SUFFIXES:
        limit, scale = _SUFFIXES[kind], 1
    elif suffix in _UNITS:
        limit, scale, kind = MAX, _UNITS[suffix], ""
    else:
        raise _bad_suffix(text, suffix, digits_end)
    if value * scale > limit:
        raise LiteralError(f"overflow error, maximum value is {limit}: {text}", 0, len(text))
    return value * scale, kind


def _digits_value(match: re.Match[str], text: str) -> int:
    if match["hex"]:
        return int(match["hex"].replace("_", "") or "0", 16)
    if match["bin"]:
        return int(match["bin"].replace("_", "") or "0", 2)
    digits = match["dec"].replace("_", "")
    if match["exp"]:
        if not 1 <= int(digits) <= 9:
            raise LiteralError(f"coefficient part of scientific literal must be 1-9: {text}", 0, len(text))
        exponent = min(int(match["exp"].replace("_", "")), 30)
        return int(digits) * int(10**exponent)
    if len(digits) > 1 and digits[0] == "0":
        if set(digits) - set("01234567"):
            raise LiteralError(f"invalid trailing bytes: {text}", 0, len(text), "a leading zero makes it octal")
        return int(digits, 8)
    return int(digits)


def _bad_suffix(text: str, suffix: str, at: int) -> LiteralError:
    if suffix in ("e", "E"):
        hint = "an exponent is a positive whole number"
        return LiteralError(f"invalid trailing bytes: {text}", 0, len(text), hint)
    good = re.match(r"(?i:ull|ul|u|ll|l)|[num]s|[smhd]", suffix)
    start = good.end() if good else 0
    hint = "suffixes are u, l, ul, ll, ull, or for durations ns, us, ms, s, m, h, d"
    return LiteralError(f"invalid integer suffix '{suffix[start:]}'", at + start, len(text), hint)


def string_value(text: str) -> str:
    """Return the value of a string literal with its quotes; bytes that are no UTF-8 are surrogate-escaped."""
    body = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
    if "\\" not in body:
        return body
    out = bytearray()
    pos = 0
    for match in _ESCAPE.finditer(body):
        out += body[pos : match.start()].encode("utf-8", "surrogateescape")
        out += _escape_value(match)
        pos = match.end()
    out += body[pos:].encode("utf-8", "surrogateescape")
    return out.decode("utf-8", "surrogateescape")


def _escape_value(match: re.Match[str]) -> bytes:
    start, end = match.start() + 1, match.end() + 1
    if match["simple"]:
        return _SIMPLE[match["simple"]].encode()
    if match["octal"]:
        value = int(match["octal"], 8)
        if value > 255:
            raise LiteralError(f"octal escape sequence out of range '{match.group()}'", start, end)
        return bytes([value])
    if match["hex"]:
        return bytes([int(match["hex"], 16)])
    if match["bad"] in ("x", "X"):
        raise LiteralError("invalid hex escape sequence", end, end + 1, "for example \\x41")
    hint = 'known escapes: \\n \\t \\r \\" \\\\ \\101 (octal) \\x41 (hexadecimal)'
    raise LiteralError(f"invalid escape character '{match.group()}'", start + 1, end, hint)
