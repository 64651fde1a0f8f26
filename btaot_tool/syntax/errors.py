"""What to say about a token that cannot stand where it stands."""

from __future__ import annotations

from .lalr import END, Token

_CLASSES = {
    "NAME": "identifier",
    "TYPE": "type name",
    "VAR": "variable",
    "MAP": "map",
    "NUMBER": "integer",
    "STRING": "string",
    "AP": "attach point",
    "PRED_END": "'/' to close predicate",
    END: "end of file",
}

# What is expected, by tokens that tell it: the first entry of which all tokens could follow.
_EXPECTED = (
    ({"AP", "macro"}, "attach point"),
    ({"PRED_END"}, _CLASSES["PRED_END"]),
    ({"{", "PRED", ","}, "'{'"),
    ({"NUMBER", "NAME", "("}, "expression"),
    ({"NUMBER", "NAME", "STRING"}, "string, int, boolean, or ident"),
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

_AFTER = {
    ".": "field name after '.'",
    "->": "field name after '->'",
    "let": "variable after 'let'",
    "import": "string after 'import'",
    "for": "variable in for loop",
    "else": "'{' or 'if' after 'else'",
    "macro": "macro name",
    "fn": "function name",
}
# By the first word of the item and a token that could follow, outside of the body.
_PARTS = {
    ("import", ";"): "';' after import",
    ("macro", "VAR"): "macro argument ($var, @map, or identifier)",
    ("macro", ")"): "macro argument ($var, @map, or identifier)",
    ("fn", "VAR"): "variable in function argument",
    ("let", "NAME"): "map type name",
    ("let", "NUMBER"): "positive integer for map declaration max entries",
    ("config", "NAME"): "config key",
}


def describe_failure(text: str, token: Token, before: list[Token], expected: frozenset[str]) -> tuple[str, str]:
    """Return the message for an unexpected token, and a hint or ''."""
    first = before[0].type if before else ""
    if first == "let" and "MAP" in expected:
        return "root-level let statements need to be map declarations, e.g. let @a = hash(2);", ""
    what = _what(token, before, expected)
    return f"expected {what}" if what else "unexpected input", _hint(text, token, before, expected)


def _what(token: Token, before: list[Token], expected: frozenset[str]) -> str:
    last = before[-1].type if before else ""
    if token.type == END and "}" in expected:
        return "'}'"
    if last in _AFTER:
        return _AFTER[last]
    if last == "STRING" and len(before) > 1 and before[-2].type == "import":
        return "';' after import"
    if last == "(" and len(before) > 1 and before[-2].type == "for":
        return _AFTER["for"]
    outside = not any(t.type in ("{", ":") for t in before[1:])
    if outside or (before[0].type == "config" and "STRING" not in expected):
        for kind in sorted(expected):
            if (before[0].type if before else "", kind) in _PARTS and (kind != ")" or last in ("(", ",")):
                return _PARTS[before[0].type, kind]
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
    if text[token.start : token.end] == "'":
        return "strings are written in double quotes"
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
