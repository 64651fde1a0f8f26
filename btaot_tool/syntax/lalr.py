"""An LALR(1) automaton that runs on ready-made tables.

Lark computes the tables (tables.py); at run time they are all that is needed, so neither Lark is imported nor a
grammar analysed when a script is compiled.  A table is data only: rows of actions, rows of gotos, and rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

END = "$END"
TABLES = Path(__file__).with_name("tables.json")


class Token(NamedTuple):
    """A token: its name in the grammar and the range of offsets in the text."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule to reduce by.  ``action`` is empty for a rule that hands its one value through."""

    name: str
    length: int
    action: str
    splice: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """The automaton.  An action is the next state (positive) or the rule to reduce by (-1 - index)."""

    actions: list[dict[str, int]]
    gotos: list[dict[str, int]]
    rules: list[Rule]
    starts: dict[str, int]
    accepts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Failure(Exception):
    """No action for a token: its index, and the names of all tokens that could have stood there."""

    index: int
    expected: frozenset[str]


Reduce = Callable[[str, list[Any], int, int], Any]


def load_tables(path: Path = TABLES) -> Tables:
    """Read tables as ``tables.pack`` wrote them."""
    data = json.loads(path.read_text(encoding="utf-8"))
    actions = []
    for shifts, reductions in data["states"]:
        row: dict[str, int] = dict(shifts)
        for rule, group in reductions:
            row.update(dict.fromkeys(data["lookaheads"][group], -1 - rule))
        actions.append(row)
    rules = [Rule(name, length, action, bool(splice)) for name, length, action, splice in data["rules"]]
    return Tables(actions, data["gotos"], rules, data["starts"], data["accepts"])


def run(tables: Tables, start: str, tokens: Sequence[Token], reduce: Reduce) -> Any:
    """Parse tokens and return the value of the start symbol; raise Failure at the first token that cannot be.

    ``reduce(action, values, start, end)`` makes the value of a rule; the value of a token is the token.
    """
    actions, gotos, rules = tables.actions, tables.gotos, tables.rules
    states = [tables.starts[start]]
    values: list[Any] = []
    begins: list[int] = []
    ends: list[int] = []
    last = tokens[-1].end if tokens else 0
    for index, token in enumerate([*tokens, Token(END, last, last)]):
        kind = token.type
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                if kind == END and states[-1] == tables.accepts[start]:
                    return values[-1]
                raise Failure(index, accepted(tables, states, tables.accepts[start]))
            if action >= 0:
                break
            rule = rules[-1 - action]
            n = rule.length
            if n == 1 and not rule.action:
                states.pop()
                states.append(gotos[states[-1]][rule.name])
                if rule.splice and not isinstance(values[-1], _Spliced):
                    values[-1] = _Spliced((values[-1],))
                continue
            begin, end = (begins[-n], ends[-1]) if n else (token.start, token.start)
            children = _children(values[len(values) - n :])
            del states[len(states) - n :], values[len(values) - n :], begins[len(begins) - n :], ends[len(ends) - n :]
            values.append(_Spliced(children) if rule.splice else reduce(rule.action, children, begin, end))
            begins.append(begin)
            ends.append(end)
            states.append(gotos[states[-1]][rule.name])
        states.append(action)
        values.append(token)
        begins.append(token.start)
        ends.append(token.end)
    raise AssertionError("the end token ends the loop")


class _Spliced(list[Any]):
    """The values of a rule that is spliced into its user."""


def _children(values: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, _Spliced):
            flat += value
        else:
            flat.append(value)
    return flat


def accepted(tables: Tables, states: list[int], accept: int) -> frozenset[str]:
    """Return the tokens that can really follow: lookaheads of merged states are tried on a copy of the stack."""
    return frozenset(kind for kind in tables.actions[states[-1]] if _can_follow(tables, list(states), kind, accept))


def _can_follow(tables: Tables, states: list[int], kind: str, accept: int) -> bool:
    while True:
        action = tables.actions[states[-1]].get(kind)
        if action is None:
            return kind == END and states[-1] == accept
        if action >= 0:
            return True
        rule = tables.rules[-1 - action]
        if rule.length:
            del states[-rule.length :]
        states.append(tables.gotos[states[-1]][rule.name])
