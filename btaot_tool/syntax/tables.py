"""Make tables.json, the LALR(1) tables, from grammar.lark.  Needs Lark; the compiler itself does not.

Run ``python -m btaot_tool.syntax.tables --write`` after a change of the grammar.  The result is canonical: states
are numbered in the order in which a walk over sorted symbols meets them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .lalr import END, TABLES

GRAMMAR = Path(__file__).with_name("grammar.lark")
STARTS = ["item", "expr"]


def build(grammar: str) -> dict[str, Any]:
    """Return the tables of a grammar as plain data."""
    from lark import Lark
    from lark.lexer import PatternStr
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(grammar, parser="lalr", lexer="basic", start=STARTS, keep_all_tokens=True, maybe_placeholders=False)
    table: Any = lark.parser.parser._parse_table
    text = {t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    terminals = {t.name for t in lark.terminals} | {END} | set(lark.ignore_tokens)
    rules: dict[tuple[str, int, str, int], int] = {}
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    ids: dict[Any, int] = {}
    order: list[Any] = []

    def visit(state: Any) -> int:
        if state not in ids:
            ids[state] = len(order)
            order.append(state)
        return ids[state]

    starts = {name: visit(table.start_states[name]) for name in STARTS}
    accepts = {name: visit(table.end_states[name]) for name in STARTS}
    for state in order:
        row: dict[str, int] = {}
        jump: dict[str, int] = {}
        for symbol, (kind, value) in sorted(table.states[state].items()):
            if kind is Shift:
                is_terminal = symbol in terminals or symbol.isupper() or symbol.startswith("__ANON") or symbol == END
                (row if is_terminal else jump)[text.get(symbol, symbol)] = visit(value)
            else:
                row[text.get(symbol, symbol)] = -1 - rules.setdefault(_rule(value), len(rules))
        actions.append(row)
        gotos.append(jump)
    return pack(actions, gotos, list(rules), starts, accepts)


def _rule(rule: Any) -> tuple[str, int, str, int]:
    name = str(rule.origin.name)
    splice = name.startswith("_")
    hands_through = rule.options.expand1 and len(rule.expansion) == 1 and not rule.alias
    action = "" if splice or hands_through else str(rule.alias or name)
    return name, len(rule.expansion), action, int(splice)


def pack(
    actions: list[dict[str, int]],
    gotos: list[dict[str, int]],
    rules: list[tuple[str, int, str, int]],
    starts: dict[str, int],
    accepts: dict[str, int],
) -> dict[str, Any]:
    """Return the form that is stored: sets of lookaheads are shared between the states."""
    groups: dict[tuple[str, ...], int] = {}
    states = []
    for row in actions:
        reductions: dict[int, list[str]] = {}
        for symbol, action in row.items():
            if action < 0:
                reductions.setdefault(-1 - action, []).append(symbol)
        packed = [[rule, groups.setdefault(tuple(symbols), len(groups))] for rule, symbols in reductions.items()]
        states.append([{s: a for s, a in row.items() if a >= 0}, packed])
    return {
        "starts": starts,
        "accepts": accepts,
        "rules": rules,
        "lookaheads": [list(g) for g in groups],
        "states": states,
        "gotos": gotos,
    }


def render(data: dict[str, Any]) -> str:
    """Return the text of tables.json: one line per row."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in value)
            parts.append(f'"{key}": [\n{rows}\n]')
        else:
            parts.append(f'"{key}": {json.dumps(value, separators=(",", ":"))}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(argv: list[str] | None = None) -> int:
    """Compare tables.json with the grammar, or write it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write tables.json")
    args = parser.parse_args(argv)
    text = render(build(GRAMMAR.read_text(encoding="utf-8")))
    if args.write:
        TABLES.write_text(text, encoding="utf-8")
        return 0
    if TABLES.read_text(encoding="utf-8") != text:
        print("tables.json is out of date: run python -m btaot_tool.syntax.tables --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
