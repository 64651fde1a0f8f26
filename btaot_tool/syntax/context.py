"""Name the tokens that need more than one token of lookahead: casts, and types in the place of expressions."""

from __future__ import annotations

import re

from .lalr import Token


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


TAGS = ("struct", "union", "enum")

BUILTIN_TYPES = words(
    "void bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 string buffer inet timestamp username_t"
    " macaddr_t cgroup_path_t min_t max_t sum_t count_t avg_t stats_t umin_t umax_t usum_t uavg_t ustats_t"
)

# A name in parentheses is a type if an operand follows, "(size_t)-1", but these are values, "(pid) - 1".
_VALUES = words(
    "args ctx kstack ustack nsecs pid tid uid gid cpu comm elapsed curtask rand retval func probe username cgroup ppid"
    " ncpus numaid jiffies cpid pcomm leader_tid leader_comm usermode probetype"
)

_ARGUMENT = re.compile(r"s?arg[0-9]+")

_OPERAND_STARTS = words(
    "NAME VAR PARAM MAP NUMBER STRING $# ( - ! ~ * & ++ -- if sizeof offsetof typeinfo comptime true false"
)

_TYPE_TAKERS = frozenset({"sizeof", "offsetof", "typeinfo", "typeof"})


def resolve_context(text: str, tokens: list[Token]) -> list[Token]:
    """Return the tokens with CAST and TYPE put where they belong, in the same list."""
    opened: list[str] = []
    for i, token in enumerate(tokens):
        kind = token.type
        if kind == "(":
            before = tokens[i - 1].type if i else ""
            opened.append(before if before in _TYPE_TAKERS or before == "NAME" else "(")
            if opened[-1] == "(":
                if _is_cast(text, tokens, i):
                    tokens[i] = token._replace(type="CAST")
            else:
                _mark_type(text, tokens, i + 1, before)
        elif kind in ("[", "{"):
            opened.append(kind)
        elif kind in (")", "]", "}"):
            if opened:
                opened.pop()
        elif kind == "," and opened:
            if opened[-1] == "NAME":
                _mark_type(text, tokens, i + 1, "NAME")
            elif opened[-1] == "offsetof" and i + 1 < len(tokens) and _is_word(text, tokens[i + 1]):
                tokens[i + 1] = tokens[i + 1]._replace(type="NAME")
        elif kind == "*=" and _ends_type(tokens, i):
            tokens[i : i + 1] = [Token("*", token.start, token.start + 1), Token("=", token.start + 1, token.end)]
    return tokens


def _ends_type(tokens: list[Token], i: int) -> bool:
    """Say whether what stands before i is ``let $x : type``."""
    while i and tokens[i - 1].type in ("*", "[", "]", "NUMBER"):
        i -= 1
    i -= 2 if i > 1 and tokens[i - 2].type in TAGS else 1
    return i > 2 and [t.type for t in tokens[i - 3 : i]] == ["let", "VAR", ":"]


def _type_at(text: str, tokens: list[Token], i: int) -> tuple[int, bool, bool]:
    """Return the index after the type at i, or i if there is none; and whether it has suffixes, and is an array."""
    start, n = i, len(tokens)
    if i < n and tokens[i].type in TAGS:
        i += 1
    if i >= n or tokens[i].type != "NAME" or (i == start and _is_value(text[tokens[i].start : tokens[i].end])):
        return start, False, False
    i += 1
    base, array = i, False
    while i < n:
        kind = tokens[i].type
        if kind == "*":
            i += 1
        elif kind == "[":
            j = i + 2 if i + 1 < n and tokens[i + 1].type == "NUMBER" else i + 1
            if j >= n or tokens[j].type != "]":
                return start, False, False
            i, array = j + 1, True
        else:
            break
    return i, i > base, array


def _is_cast(text: str, tokens: list[Token], i: int) -> bool:
    n = len(tokens)
    if i + 2 < n and tokens[i + 1].type == "typeof" and tokens[i + 2].type == "(":
        end = _closing(tokens, i + 2) + 1
    else:
        end, _suffixed, _array = _type_at(text, tokens, i + 1)
        if end == i + 1:
            return False
    return end + 1 < n and tokens[end].type == ")" and tokens[end + 1].type in _OPERAND_STARTS


def _closing(tokens: list[Token], i: int) -> int:
    depth = 0
    for j in range(i, len(tokens)):
        if tokens[j].type == "(":
            depth += 1
        elif tokens[j].type == ")":
            depth -= 1
            if depth == 0:
                return j
    return len(tokens)


def _mark_type(text: str, tokens: list[Token], i: int, taker: str) -> None:
    """Turn the name at i into TYPE if a type and nothing else stands here."""
    end, suffixed, array = _type_at(text, tokens, i)
    if end == i or end >= len(tokens) or tokens[end].type not in (",", ")") or tokens[i].type != "NAME":
        return
    known = text[tokens[i].start : tokens[i].end] in BUILTIN_TYPES
    if known or (suffixed and (taker != "NAME" or not array)):
        tokens[i] = tokens[i]._replace(type="TYPE")


def _is_value(name: str) -> bool:
    return name in _VALUES or name.startswith("__builtin_") or _ARGUMENT.fullmatch(name) is not None


def _is_word(text: str, token: Token) -> bool:
    return token.type.isidentifier() and text[token.start].isalpha()
