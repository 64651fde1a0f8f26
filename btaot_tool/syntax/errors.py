"""What to say about a token that cannot stand where it stands."""

from __future__ import annotations

from .lalr import END, Token

_CLASSES = {
    "NAME": "identifier",
    "TYPE": "type",
    "VAR": "variable",
    "PARAM": "positional parameter",
    "MAP": "map",
    "NUMBER": "integer",
    "STRING": "string",
    "AP": "attach point",
    "C": "C definition",
    "PRED_END": "'/' to close the predicate",
    END: "end of file",
}

# What is expected, by tokens that tell it: the first entry of which all tokens could follow.
_EXPECTED = (
    ({"AP", "macro"}, "attach point"),
    ({"PRED_END"}, _CLASSES["PRED_END"]),
    ({"{", "PRED", ","}, "'{'"),
    ({"NUMBER", "NAME", "("}, "expression"),
    ({";", "+="}, "';'"),
    ({";", "}"}, "';'"),
    ({";"}, "';'"),
    ({")", ","}, "')'"),
    ({")"}, "')'"),
    ({"]"}, "']'"),
    ({":"}, "':'"),
    ({"{"}, "'{'"),
    ({"VAR", "("}, "variable"),
    ({"NAME", "TYPE"}, "type name"),
    ({"NAME", "typeof"}, "type name"),
    ({"NAME"}, "identifier"),
    ({"}"}, "'}'"),
)


def describe_failure(text: str, token: Token, before: list[Token], expected: frozenset[str]) -> tuple[str, str]:
    """Return the message for an unexpected token, and a hint or ''."""
    message = f"syntax error, unexpected {_found(text, token)}"
    if what := _what(expected):
        message += f", expected {what}"
    return message, _hint(text, token, before, expected)


def _found(text: str, token: Token) -> str:
    word = text[token.start : token.end]
    if token.type == END:
        return "end of file"
    if token.type in _CLASSES and token.type != "PRED_END":
        return f"{_CLASSES[token.type]} {word.splitlines()[0][:40]}"
    return f"'{word}'"


def _what(expected: frozenset[str]) -> str:
    if len(expected) == 1:
        (only,) = expected
        return _CLASSES.get(only) or f"'{only}'"
    for tokens, what in _EXPECTED:
        if tokens <= expected:
            return what
    return " or ".join(sorted(_CLASSES.get(e) or f"'{e}'" for e in expected)) if len(expected) <= 4 else ""


def _hint(text: str, token: Token, before: list[Token], expected: frozenset[str]) -> str:
    first = before[0].type if before else ""
    word = text[token.start : token.end]
    if first == "let" and "MAP" in expected:
        return "outside of a probe, let declares a map: let @a = hash(100);"
    if token.type == END and (line := _open_brace_line(text, before)):
        return f"the '{{' in line {line} has no '}}'"
    if first == "AP" and token.type == END:
        return "a probe has a body in braces: probe { ... }"
    if token.type in (":", "{") and ";" in expected and before and text[: before[-1].start].endswith("\n"):
        return "if a probe begins here, a '}' is missing above"
    if first == "PRED":
        return "a predicate stands between an attach point and its '{'"
    if token.type == "=" and {"==", "&&"} <= expected:
        return "comparison is '=='"
    if token.type in ("NAME", "VAR", "MAP") and ";" in expected and before and _new_line(text, before[-1], token):
        return "is a semicolon missing at the end of the line above?"
    if token.type in ("while", "for", "unroll") and "NUMBER" in expected:
        return f"'{word}' is a statement and has no value"
    return ""


def _open_brace_line(text: str, tokens: list[Token]) -> int:
    """Return the line of the last brace that is not closed, 0 if all are."""
    opened: list[Token] = []
    for token in tokens:
        if token.type == "{":
            opened.append(token)
        elif token.type == "}" and opened:
            opened.pop()
    return text.count("\n", 0, opened[-1].start) + 1 if opened else 0


def _new_line(text: str, before: Token, token: Token) -> bool:
    return "\n" in text[before.end : token.start]
