"""Cut a script into top-level items, and the items into tokens.

The top level of the language is no token language: an attach point is free text, a C definition is C.  So the
items are found first, by their first word and their braces, and each is a list of tokens that the grammar judges on
its own; an error in one therefore does not hide errors in the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .context import resolve_context, words
from .lalr import Token

KEYWORDS = words(
    "if else while for unroll break continue return let import sizeof offsetof typeinfo typeof comptime true false"
    " struct union enum"
)

_LAYOUT = re.compile(r"(?:[ \t\r\n\f\v]+|//[^\n]*|/\*.*?\*/)*", re.S)
_OPERATOR = re.compile(r"[-/=<>!&|+*%^?:.)]")  # after a block in a predicate: the predicate goes on
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_SPOT = re.compile(r"[A-Za-z_]\w*|[0-9][A-Za-z0-9.]*|[@$]\w*|.", re.S)  # what a message about a place marks
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(
    r"""
    (?P<SPACE>[ \t\r\n\f\v]+)
  | (?P<COMMENT>//[^\n]*|/\*.*?\*/)
  | (?P<NAME>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<VAR>\$[A-Za-z_][A-Za-z0-9_]*)
  | (?P<PARAM>\$[0-9]+)
  | (?P<MAP>@(?:[A-Za-z_][A-Za-z0-9_]*)?)
  | (?P<NUMBER>[0-9][A-Za-z0-9_]*)
  | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*")
  | (?P<OP><<=|>>=|\$\#|\.\.|->|\+\+|--|&&|\|\||<<|>>|[=!<>+\-*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])
    """,
    re.S | re.X,
)
# name = provider, then text up to white space, comma, brace, or a slash before the first colon
_ATTACH = re.compile(r'(?:[A-Za-z_]\w*\s*=\s*(?=[\w*]))?(?:"(?:[^"\\\n]|\\.)*"?|[^\s",{:/])*', re.S)
_ATTACH_REST = re.compile(r'(?:"(?:[^"\\\n]|\\.)*"?|[^\s",{])*', re.S)
_OPEN_QUOTE = re.compile(r'(?:[^"]|"(?:[^"\\]|\\.)*")*"(?:[^"\\]|\\.)*', re.S)
_DIRECTIVE = re.compile(r"#(?:[^\n\\]|\\\r?\n|\\)*")
_C_HEAD = re.compile(r"(?:[\s\w*]|//[^\n]*|/\*.*?\*/|\([^{};]*\)|\[[^{};]*\])*", re.S)
_C_PART = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|[{};]|.', re.S)
_C_ATTRIBUTE = re.compile(r"\(\((?:[^()]|\([^()]*\))*\)\s*\)")
_C_DECLARATORS = re.compile(r"(?:(?!(?:struct|union|enum|typedef)\b)[\w*,\s]|\[[^\]]*\])*;")
_C_WORDS = frozenset({"struct", "union", "enum", "typedef"})
_BLOCK_WORDS = frozenset({"config", "macro", "fn"})


@dataclass(slots=True)
class Item:
    """One top-level item."""

    tokens: list[Token]
    start: int
    end: int
    broken: bool = False  # some of its text was no token: what else the grammar has to say is no use


@dataclass(slots=True)
class Lexer:
    """Cuts one text.  ``error(start, end, message, hint)`` is called for text that is no token."""

    text: str
    error: Callable[[int, int, str, str], None]
    comments: list[tuple[int, int]] = field(default_factory=list)
    broken: bool = False

    def items(self) -> list[Item]:
        """Return all items of the script."""
        found = []
        pos = self._skip(self._shebang())
        while pos < len(self.text):
            self.broken = False
            item = self._item(pos)
            item.broken = self.broken
            found.append(item)
            pos = self._skip(item.end)
        return found

    def expression(self) -> list[Token]:
        """Return the tokens of a text that is one expression."""
        tokens: list[Token] = []
        self._body(0, tokens, lambda _token, _depth: False)
        return resolve_context(self.text, tokens)

    # ---- top level

    def _shebang(self) -> int:
        pos = self._skip(0)
        if self.text.startswith("#!", pos):
            end = self.text.find("\n", pos)
            return len(self.text) if end < 0 else end
        return pos

    def _item(self, pos: int) -> Item:
        if self.text[pos] == "#":
            return self._whole(pos, _end(_DIRECTIVE.match(self.text, pos), pos + 1))
        match = _WORD.match(self.text, pos)
        word = match.group() if match else ""
        if word in _C_WORDS and (end := self._c_definition(pos, pos + len(word))):
            return self._whole(pos, end)
        if word in _BLOCK_WORDS and not self.text.startswith(":", pos + len(word)):
            return self._plain(pos, word, lambda token, depth: token == "}" and depth <= 0)
        if word in ("import", "let"):
            return self._plain(pos, word, lambda token, _depth: token in (";", ")", "STRING", "}"))
        return self._probe(pos)

    def _whole(self, pos: int, end: int) -> Item:
        return Item([Token("C", pos, end)], pos, end)

    def _plain(self, pos: int, word: str, stop: Callable[[str, int], bool]) -> Item:
        tokens: list[Token] = []
        end = self._body(pos, tokens, stop)
        tokens[0] = tokens[0]._replace(type=word)
        semicolon = _end(_LAYOUT.match(self.text, end), end)
        if tokens[-1].type != ";" and self.text.startswith(";", semicolon):
            end = semicolon + 1
            tokens.append(Token(";", semicolon, end))
        return Item(resolve_context(self.text, tokens), pos, end)

    def _probe(self, pos: int) -> Item:
        tokens: list[Token] = []
        text, start = self.text, pos
        while True:
            end = self._attach_point(pos)
            if end > pos:
                tokens.append(Token("AP", pos, end))
            pos = self._skip(end)
            if not text.startswith(",", pos):
                break
            tokens.append(Token(",", pos, pos + 1))
            pos = self._skip(pos + 1)
        predicate = text.startswith("/", pos)
        if predicate:
            tokens.append(Token("PRED", pos, pos + 1))
            pos += 1
        end = self._body(pos, tokens, lambda token, depth: token == "}" and depth <= 0, predicate)
        return Item(resolve_context(text, tokens), start, max(end, start + 1))

    def _attach_point(self, pos: int) -> int:
        end = _end(_ATTACH.match(self.text, pos), pos)
        if self.text.startswith(":", end):
            end = _end(_ATTACH_REST.match(self.text, end), end)
        if _OPEN_QUOTE.fullmatch(self.text, pos, end):
            self._error(pos, end, "unterminated string", "the quote in the attach point is not closed")
        return end

    def _c_definition(self, start: int, pos: int) -> int:
        """Return the end of the C definition with its first word from start to pos, 0 if it is an attach point."""
        head = _end(_C_HEAD.match(self.text, pos), pos)
        if self.text[head : head + 1] not in ("{", ";"):
            return 0
        end = self._c_end(head)
        if end == 0:
            self._error(start, head + 1, "the C definition has no end", "every '{' needs its '}'")
        return end or len(self.text)

    def _c_end(self, pos: int) -> int:
        """Return the end of C text: its semicolon, or the brace (and attributes) without one; 0 if it has none."""
        depth = 0
        text = self.text
        while match := _C_PART.match(text, pos):
            pos = match.end()
            token = match.group()
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                if depth <= 0:
                    return self._c_tail(pos)
            elif token == ";" and depth == 0:
                return pos
        return 0

    def _c_tail(self, pos: int) -> int:
        """Return the end of what may follow the brace of a definition: attributes, declared names, a semicolon."""
        text = self.text
        while text.startswith("__attribute__", start := self._skip(pos)):
            pos = self._skip(start + len("__attribute__"))
            match = _C_ATTRIBUTE.match(text, pos)
            if match is None:
                known = "mismatched '(' and ')'" if text.startswith("((", pos) else "expected '(('"
                self._error(pos, next_end(text, pos), f"__attribute__ syntax error, {known}", "")
            else:
                pos = match.end()
        return _end(_C_DECLARATORS.match(text, start), pos)

    # ---- tokens

    def _error(self, start: int, end: int, message: str, hint: str) -> None:
        self.broken = True
        self.error(start, end, message, hint)

    def _skip(self, pos: int) -> int:
        """Return the offset after white space and comments; note the comments."""
        end = _end(_LAYOUT.match(self.text, pos), pos)
        self.comments += [m.span() for m in _COMMENT.finditer(self.text, pos, end)]
        if self.text.startswith("/*", end):
            self._error(end, end + 2, "unterminated comment", "a comment that begins with /* ends with */")
            return len(self.text)
        return end

    def _body(
        self,
        pos: int,
        tokens: list[Token],
        stop: Callable[[str, int], bool],
        predicate: bool = False,
        keywords: frozenset[str] = KEYWORDS,
    ) -> int:
        """Append tokens until ``stop(type, depth of braces)`` says that this was the last; return its end."""
        text, match_at, depth, previous = self.text, _TOKEN.match, 0, ""
        while pos < len(text):
            match = match_at(text, pos)
            if match is None:
                pos = self._no_token(pos, tokens)
                continue
            start, pos = pos, match.end()
            kind = match.lastgroup or ""
            if kind == "SPACE":
                continue
            if kind == "COMMENT":
                self.comments.append((start, pos))
                continue
            if kind == "NAME":
                if previous not in (".", "->") and (word := match.group()) in keywords:
                    kind = word
            elif kind == "OP":
                kind = match.group()
                if kind == "{":
                    depth += 1
                elif kind == "}":
                    depth -= 1
                elif predicate and kind == "/" and text.startswith("{", _end(_LAYOUT.match(text, pos), pos)):
                    kind, predicate = "PRED_END", False
                elif kind == "!" and previous == "NAME" and tokens[-1].end == start and text.startswith("(", pos):
                    continue  # an old spelling of macro calls: name!()
                elif kind == "/" and text.startswith("*", pos):
                    pos = self._skip(start)
                    continue
            tokens.append(Token(kind, start, pos))
            previous = kind
            if stop(kind, depth) and not (predicate and _OPERATOR.match(text, skip_layout(text, pos))):
                break
        return pos

    def _no_token(self, pos: int, tokens: list[Token]) -> int:
        """Report text that is no token, and go on after it."""
        char = self.text[pos]
        end = pos + 1
        if char == '"':
            end = _end(re.compile(r'"(?:[^"\\\n]|\\[^\n])*').match(self.text, pos), pos + 1)
            at = skip_layout(self.text, end)
            self._error(at, next_end(self.text, at), "unterminated string", "a string ends on the line where it begins")
            tokens.append(Token("STRING", pos, end))
        elif char == "$":
            self._error(pos, end, "expected identifier after '$'", "")
            tokens.append(Token("VAR", pos, end))
        else:
            tokens.append(Token("?" + char, pos, end))  # no token of the grammar: the parser says what it expected
        return end


def skip_layout(text: str, pos: int) -> int:
    """Return the offset after white space and comments."""
    return _end(_LAYOUT.match(text, pos), pos)


def next_end(text: str, pos: int) -> int:
    """Return the end of the word or character at a place, as messages mark what should not stand there."""
    return _end(_SPOT.match(text, pos), pos)


def _end(match: re.Match[str] | None, default: int) -> int:
    return match.end() if match else default
