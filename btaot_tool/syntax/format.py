"""The formatter: the same script in one layout.

It lays out the tokens, so that nothing is lost: comments stay where they are, and so do the author's line breaks
inside a statement and single blank lines.  A block stays on one line if it was on one and is short.  Applied twice it
changes nothing more, and the tree of the result is that of the script.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..diagnostics import Diagnostics, Source
from .build import Builder, Values
from .context import words
from .lalr import Token, run
from .lexer import Lexer
from .parse import parse, syntax_tables
from .tree import Cast, Let, Subprog, SubprogParam, TypeName, Unary

INDENT = "  "
CONTINUATION = "    "
ONE_LINE = 48  # the most characters, without spaces, of a block on one line

_CONTINUES = words("else ; , ) ] . -> ? : == != < > <= >= + / % | ^ || && .. PRED_END")
_TIGHT_AFTER = words("( [ CAST . -> .. PRED")
_TIGHT_BEFORE = words(") ] , ; . -> .. PRED_END [")
_CALLERS = words("NAME sizeof offsetof typeinfo typeof")
_COMMENT = "COMMENT"


def format_program(source: Source) -> str:
    """Return the script in the standard layout; raise CompileError if it has syntax errors."""
    diags = Diagnostics()
    parse(source, diags)
    roles = _Roles(source, diags)
    lexer = Lexer(source.text, roles.error)
    elements: list[_Element] = []
    for item in lexer.items():
        run(syntax_tables(), "item", item.tokens, roles.reduce)
        elements += [_Element(t.type, t.start, t.end, i == 0) for i, t in enumerate(item.tokens)]
    comments = [c for c in sorted(set(lexer.comments)) if not _inside(elements, c[0])]
    elements += [_Element(_COMMENT, start, end) for start, end in comments]
    elements.sort(key=lambda e: e.start)
    shebang = re.match(r"\s*(#![^\n]*)", source.text)
    printer = _Printer(source.text, elements, roles, [shebang[1].rstrip()] if shebang else [])
    printer.last = shebang.end() if shebang else 0
    return printer.print()


@dataclass(slots=True)
class _Element:
    """A token or a comment."""

    type: str
    start: int
    end: int
    first: bool = False  # of a top-level item


def _inside(elements: list[_Element], pos: int) -> bool:
    """Say whether a comment lies inside of C text, which is printed as it is."""
    return any(e.type == "C" and e.start <= pos < e.end for e in elements)


class _Roles(Builder):
    """Notes what single tokens mean while the tree is built."""

    def __init__(self, source: Source, diags: Diagnostics) -> None:
        super().__init__(source, diags)
        self.prefixes: set[int] = set()  # operators before their operand
        self.postfixes: set[int] = set()
        self.casts: set[int] = set()  # closing parentheses of casts
        self.colons: set[int] = set()  # before a type
        self.stars: set[int] = set()  # of pointer types

    def prefix(self, values: Values, start: int, end: int) -> Unary:
        self.prefixes.add(values[0].start)
        return super().prefix(values, start, end)

    def postfix(self, values: Values, start: int, end: int) -> Unary:
        self.postfixes.add(values[1].start)
        return super().postfix(values, start, end)

    def cast(self, values: Values, start: int, end: int) -> Cast:
        self.casts.add(values[2].start)
        return super().cast(values, start, end)

    def type_name(self, values: Values, start: int, end: int) -> TypeName:
        self.stars |= {v.start for v in values if v.type == "*"}
        return super().type_name(values, start, end)

    def let(self, values: Values, start: int, end: int) -> Let:
        self._note_colons(values)
        return super().let(values, start, end)

    def subprog(self, values: Values, start: int, end: int) -> Subprog:
        self._note_colons(values)
        return super().subprog(values, start, end)

    def argument(self, values: Values, start: int, end: int) -> SubprogParam:
        self._note_colons(values)
        return super().argument(values, start, end)

    def _note_colons(self, values: Values) -> None:
        self.colons |= {v.start for v in values if isinstance(v, Token) and v.type == ":"}


@dataclass(slots=True)
class _Printer:
    """Puts elements on lines."""

    text: str
    elements: list[_Element]
    roles: _Roles
    lines: list[str]
    line: str = ""
    last: int = 0  # offset of the end of the element before
    opened: list[tuple[str, bool]] = field(default_factory=list)  # brackets: type, and block on several lines
    before: str = ""  # type of the last token that is no comment

    def print(self) -> str:
        previous: _Element | None = None
        for i, element in enumerate(self.elements):
            if element.type == _COMMENT:
                self._comment(i, previous)
            else:
                self._token(i, previous)
                self.before = element.type
            self.last = element.end
            previous = element
        self._flush()
        return "\n".join(self.lines) + "\n" if self.lines else ""

    # ---- lines

    def _flush(self) -> None:
        if self.line.strip():
            self.lines.append(self.line.rstrip())
        self.line = ""

    def _new_line(self, blank: bool = False, extra: str = "") -> None:
        """Begin a line at the depth of the open blocks, after a blank one if wished."""
        self._flush()
        if blank and self.lines and self.lines[-1] and not self.lines[-1].endswith("{"):
            self.lines.append("")
        self.line = INDENT * sum(multi for _, multi in self.opened) + extra

    def _gap(self, element: _Element) -> int:
        """Return the number of line breaks before an element in the source."""
        return self.text.count("\n", self.last, element.start)

    # ---- comments

    def _comment(self, i: int, previous: _Element | None) -> None:
        element = self.elements[i]
        text = self.text[element.start : element.end].rstrip()
        gap = self._gap(element)
        if previous is None or gap:
            following = next((e.type for e in self.elements[i:] if e.type != _COMMENT), "}")
            self._new_line(gap > 1, CONTINUATION if self._in_statement(following) else "")
        elif self.line.strip() and not self.line.endswith(" "):
            self.line += " "
        indent = self.line if not self.line.strip() else ""
        lines = text.split("\n")
        starred = all(line.lstrip().startswith("*") for line in lines[1:])
        self.line += lines[0].rstrip()
        for line in lines[1:]:
            self._flush()
            self.line = f"{indent} {line.strip()}" if starred else line.rstrip()
            if not self.line:
                self.lines.append("")

    def _in_statement(self, following: str) -> bool:
        """Say whether a comment stands inside of a statement, which goes on with this token after it."""
        if not self.opened or (following == "}" and self.opened[-1][0] == "{"):
            return False
        if self.opened[-1][0] != "{":
            return True
        return self.before not in ("{", "}", ";", "") or (self.before == "}" and following in _CONTINUES)

    # ---- tokens

    def _token(self, i: int, previous: _Element | None) -> None:
        element = self.elements[i]
        kind = element.type
        closed = self.opened.pop() if kind in (")", "]", "}") and self.opened else ("", False)
        self._separate(element, previous, closed)
        self.line += self.text[element.start : element.end]
        if kind in ("(", "[", "CAST"):
            self.opened.append((kind, False))
        elif kind == "{":
            self.opened.append((kind, self._is_multi_line(i)))

    def _is_multi_line(self, i: int) -> bool:
        depth = size = 0
        start = self.elements[i].start
        for element in self.elements[i:]:
            depth += {"{": 1, "}": -1}.get(element.type, 0)
            size += element.end - element.start
            if element.type == _COMMENT or size > ONE_LINE:
                return True
            if depth == 0:
                return "\n" in self.text[start : element.start] and size > 2
        return True

    def _separate(self, element: _Element, previous: _Element | None, closed: tuple[str, bool]) -> None:
        """Put a space, a line break or nothing before a token."""
        if previous is None:
            self._new_line(self._gap(element) > 1)
            return
        kind, gap = element.type, self._gap(element)
        if element.first:
            self._new_line(gap > 1 or (previous.type == "}" and not (self._is_one_line() and gap == 1)))
        elif self._ends_line(previous):
            inside = closed[0] != "{" and self._in_statement(kind)
            self._new_line(gap > 1 and kind != "}", CONTINUATION if inside else "")
        elif kind == "AP" or kind == "PRED":
            self._new_line()
        elif closed[0] == "{":
            if closed[1]:
                self._new_line()
            elif previous.type != "{":
                self.line += " "
        elif self.before == "{":
            if self.opened and self.opened[-1][1]:
                self._new_line()
            elif kind != "}":
                self.line += " "
        elif self.before in (";", "}") and self._at_statement(kind):
            if not self.opened or self.opened[-1][1]:
                self._new_line(gap > 1)
            else:
                self.line += " "
        elif gap and kind not in ("{", "else", ";", ",", "PRED_END"):
            inside = closed[0] != "" and closed[0] != "{"
            self._new_line(False, "" if inside or not self.opened else CONTINUATION)
        elif self._has_space(element, previous):
            self.line += " "

    def _is_one_line(self) -> bool:
        """Say whether the line that is being written is a whole item."""
        return "{" in self.line and not self.line.startswith((" ", "}"))

    def _ends_line(self, previous: _Element) -> bool:
        if previous.type == "C":
            return True
        if previous.type != _COMMENT:
            return False
        rest = self.text.find("\n", previous.end)
        return self.text.startswith("//", previous.start) or not self.text[previous.end : rest].strip()

    def _at_statement(self, kind: str) -> bool:
        """Say whether a statement begins with this token, which follows a semicolon or brace."""
        if self.opened and self.opened[-1][0] != "{":
            return False
        if self.before == ";":
            return kind != ";"
        return kind not in _CONTINUES

    def _has_space(self, element: _Element, previous: _Element) -> bool:
        kind, before, roles = element.type, previous.type, self.roles
        if before == _COMMENT:
            return kind not in (",", ";", ")")
        if (before in ("-", "+", "&") and kind[0] == before) or (before == "PRED" and kind == "*"):
            return True  # one token otherwise, or the start of a comment
        if before in _TIGHT_AFTER or previous.start in roles.prefixes or previous.start in roles.casts:
            return False
        if kind in _TIGHT_BEFORE or element.start in roles.postfixes or element.start in roles.colons:
            return False
        if element.start in roles.stars:
            return before != "*"
        if kind == "(" and before in _CALLERS:
            return False
        return not (kind == ":" and before == "?")
