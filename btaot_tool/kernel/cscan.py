"""Finds names in preprocessed C: tags, typedefs, enumerators and macros, each with the file that it stands in.

Clang writes types into BTF only if something refers to them, so the names must be known first.  What is found here by
pattern is checked by the compiler afterwards; a name that is missed is a type that is not there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

_MARKER = re.compile(r'# (\d+) "((?:[^"\\]|\\.)*)"')
_DEFINE = re.compile(r"#define (\w+)(\([^)]*\))?\s?(.*)")
_UNDEF = re.compile(r"#undef (\w+)")
_ATTRIBUTES = r"(?:__attribute__\s*\(\((?:[^(){};]|\([^(){};]*\))*\)\)\s*)*"
_TAG = re.compile(rf"\b(struct|union|enum)\s+{_ATTRIBUTES}([A-Za-z_]\w*)\s*{_ATTRIBUTES}\{{")
_ENUM_BODY = re.compile(rf"\benum\s*{_ATTRIBUTES}([A-Za-z_]\w*)?\s*(?::[\w\s]*)?\{{([^{{}}]*)\}}")
_ATTRIBUTE_ANYWHERE = re.compile(r"__attribute__\s*\(\((?:[^(){};]|\([^(){};]*\))*\)\)")
_POINTER_DECLARATOR = re.compile(r"\(\s*\*[\s*]*(?:const\s+)?(\w+)\s*(?:\[[^\]]*\])*\)")
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro; ``params`` is None unless it is function-like."""

    name: str
    params: tuple[str, ...] | None
    body: str
    file: str


@dataclass(slots=True)
class Scan:
    """Names of preprocessed text; the values are the files that they stand in.

    ``tags`` are "struct x", "union x", "enum x"; ``loose`` are the enumerators of enums without a name, in groups.
    """

    tags: dict[str, str] = field(default_factory=dict)
    typedefs: dict[str, str] = field(default_factory=dict)
    loose: list[tuple[str, list[str]]] = field(default_factory=list)
    enumerators: dict[str, str] = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def scan_preprocessed(text: str) -> Scan:
    """Scan the output of ``clang -E -dD``."""
    scan = Scan()
    pieces: list[str] = []
    starts: list[int] = []
    files: list[str] = []
    file, length = "", 0
    for line in text.splitlines():
        if line.startswith("#"):
            if marker := _MARKER.match(line):
                file = marker[2]
                if file not in scan.files and not file.startswith("<"):
                    scan.files.append(file)
            else:
                _scan_directive(scan, line, file)
            continue
        if not files or files[-1] != file:
            files.append(file)
            starts.append(length)
        pieces.append(line)
        length += len(line) + 1
    _scan_code(scan, "\n".join(pieces), starts, files)
    return scan


def _scan_directive(scan: Scan, line: str, file: str) -> None:
    if define := _DEFINE.match(line):
        if file.startswith("<"):
            return
        params = None
        if define[2] is not None:
            params = tuple(word.strip() for word in define[2][1:-1].split(",") if word.strip())
        scan.macros[define[1]] = Macro(define[1], params, define[3].strip(), file)
    elif undef := _UNDEF.match(line):
        scan.macros.pop(undef[1], None)


def _scan_code(scan: Scan, code: str, starts: list[int], files: list[str]) -> None:
    def file_at(offset: int) -> str:
        return files[bisect_right(starts, offset) - 1]

    for match in _TAG.finditer(code):
        scan.tags.setdefault(f"{match[1]} {match[2]}", file_at(match.start()))
    for match in _ENUM_BODY.finditer(code):
        names = [word[0] for part in match[2].split(",") if (word := _WORD.match(part.strip()))]
        scan.enumerators.update(dict.fromkeys(names, file_at(match.start())))
        if match[1] is None:
            scan.loose.append((file_at(match.start()), names))
    for start, declaration in _typedefs(code):
        for name in _declared_names(declaration):
            scan.typedefs.setdefault(name, file_at(start))


def _typedefs(code: str) -> Iterator[tuple[int, str]]:
    """Yield place and text of each typedef up to its semicolon, the content of braces left out."""
    for match in re.finditer(r"\btypedef\b", code):
        depth, out = 0, []
        for piece in re.finditer(r"[{};]|[^{};]+", code[match.end() : match.end() + 100_000]):
            token = piece[0]
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                out.append(" ")
            elif token == ";" and depth == 0:
                break
            elif depth == 0:
                out.append(token)
        yield match.start(), "".join(out)


def _declared_names(declaration: str) -> Iterator[str]:
    text = _ATTRIBUTE_ANYWHERE.sub(" ", declaration)
    if pointer := _POINTER_DECLARATOR.search(text):
        yield pointer[1]
        return
    # Arguments of a function type and array lengths hold names that are not declared.
    text = re.sub(r"\([^()]*\)|\[[^\]]*\]", " ", text)
    for part in text.split(","):
        words = _WORD.findall(part)
        if words:
            yield words[-1]
