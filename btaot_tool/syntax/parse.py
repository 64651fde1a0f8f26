"""The parser: from the text of a script to its tree."""

from __future__ import annotations

import functools
import re
from typing import Any

from ..diagnostics import Diagnostic, Diagnostics, Source
from . import tree
from .build import Builder, CText
from .depth import MAX_BRACKETS, MAX_DEPTH, deep_bracket, deep_node
from .errors import describe_failure
from .lalr import END, Failure, Tables, Token, load_tables, run
from .lexer import Item, Lexer, next_end, skip_layout

_DEEP = "take it apart: give parts of it to variables"
_ORDER = {CText: "C definitions", list: "config", tree.Import: "root imports"}


def parse(source: Source, diags: Diagnostics) -> tree.Program:
    """Return the tree of a script; raise CompileError if it has syntax errors, after all that could be found."""
    builder = Builder(source, diags)
    earlier = len(diags.items)
    lexer = Lexer(source.text, builder.error)
    items = lexer.items()
    program = tree.Program(builder.at(0, len(source.text)))
    program.header = _header(source.text, lexer.comments, items)
    c_parts: list[CText] = []
    has_config = False
    for item in items:
        value = _parse_tokens(builder, "item", item.tokens, quiet=item.broken)
        _check_order(builder, program, value, item)
        if isinstance(value, CText):
            c_parts.append(value)
        elif isinstance(value, list):
            if has_config:
                _item_error(builder, item, "duplicate config block", "put all settings into one block")
            has_config = True
            program.config += value
        else:
            _add(program, value)
    program.c_text = _c_text(source.text, c_parts)
    diags.items[earlier:] = sorted(diags.items[earlier:], key=_place)
    diags.check()
    return program


def parse_expression(source: Source, diags: Diagnostics) -> tree.Expr:
    """Return the tree of a text that is one expression, as the value of a C macro is."""
    builder = Builder(source, diags)
    tokens = Lexer(source.text, builder.error).expression()
    value = _parse_tokens(builder, "expr", tokens)
    diags.check()
    assert isinstance(value, tree.Expr)
    return value


@functools.cache
def syntax_tables() -> Tables:
    """Return the tables of the grammar, read once."""
    return load_tables()


def _parse_tokens(builder: Builder, start: str, tokens: list[Token], quiet: bool = False) -> Any:
    if (bracket := deep_bracket(tokens)) is not None:
        builder.error(bracket.start, bracket.end, f"nested too deeply: more than {MAX_BRACKETS} levels")
        return None
    try:
        value = run(syntax_tables(), start, tokens, builder.reduce)
    except Failure as failure:
        if not quiet:
            _report(builder, tokens, failure)
        return None
    if (node := deep_node(value)) is not None:
        builder.diags.error(node.span, f"syntax: nested too deeply: more than {MAX_DEPTH} levels", _DEEP, "syntax")
    return value


def _report(builder: Builder, tokens: list[Token], failure: Failure) -> None:
    token = tokens[failure.index] if failure.index < len(tokens) else _after(builder.text, tokens)
    message, hint = describe_failure(builder.text, token, tokens[: failure.index], failure.expected)
    start = tokens[0].start if message.startswith("root-level") else token.start
    builder.error(start, next_end(builder.text, start), message, hint)


def _after(text: str, tokens: list[Token]) -> Token:
    """Return what follows the last token of an item that ended too early."""
    start = skip_layout(text, tokens[-1].end) if tokens else 0
    if start >= len(text):
        return Token(END, len(text), len(text))
    return Token("text", start, next_end(text, start))


def _place(item: Diagnostic) -> tuple[int, int]:
    return (item.span.line, item.span.column) if item.span else (0, 0)


def _check_order(builder: Builder, program: tree.Program, value: Any, item: Item) -> None:
    what = _ORDER.get(type(value))
    late = program.probes or program.subprogs or program.macros or program.map_decls
    if what and (late or (isinstance(value, CText) and (program.config or program.imports))):
        end = item.tokens[0].end
        if isinstance(value, CText):
            end = item.end + builder.text.startswith("#", item.start)
        builder.error(item.start, end, f"{what} must appear before probes and functions")


def _item_error(builder: Builder, item: Item, message: str, hint: str = "") -> None:
    builder.error(item.start, item.tokens[0].end, message, hint)


def _add(program: tree.Program, value: Any) -> None:
    lists: dict[type, list[Any]] = {
        tree.Import: program.imports,
        tree.MapDecl: program.map_decls,
        tree.Macro: program.macros,
        tree.Subprog: program.subprogs,
        tree.Probe: program.probes,
    }
    if value is not None:
        lists[type(value)].append(value)


def _c_text(text: str, parts: list[CText]) -> str:
    """Return the C parts alone, each at its line and column."""
    out: list[str] = []
    pos = 0
    for part in parts:
        gap = text[pos : part.start]
        line_start = gap.rfind("\n") + 1
        out.append("\n" * gap.count("\n") + re.sub(r"[^\t]", " ", gap[line_start:]))
        piece = text[part.start : part.end]
        out.append(piece if piece.startswith("#") or piece.endswith(";") else piece + ";")
        pos = part.end
    return "".join(out).rstrip() + "\n" if parts else ""


def _header(text: str, comments: list[tuple[int, int]], items: list[Item]) -> str:
    """Return the comment at the top, without its marks: the first one, or the first run of line comments."""
    limit = items[0].start if items else len(text)
    lines: list[str] = []
    last = -1
    for start, end in comments:
        if start >= limit or (last >= 0 and text[last:start].strip(" \t") != "\n"):
            break
        if text.startswith("/*", start):
            if not lines:
                lines = [re.sub(r"^\s*\*? ?", "", line) for line in text[start + 2 : end - 2].split("\n")]
            break
        lines.append(text[start + 2 : end].removeprefix(" "))
        last = end
    return "\n".join(line.rstrip() for line in lines).strip("\n")
