"""Runs the tables of cases_*.toml; ``cases.py`` says what a line means."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import Case, Values, judge, judge_values, read_tables, run_case
from harness import Builder, run

ENTRIES = list(read_tables())


def test_names_are_unique() -> None:
    names = [entry.name for entry in ENTRIES]
    assert sorted(set(names)) == sorted(names)


def mark(entry: Case | Values) -> object:
    """Return the entry as a parameter, with the mark of what is known to fail."""
    marks = [pytest.mark.xfail(reason=entry.xfail, strict=True)] if entry.xfail else []
    return pytest.param(entry, id=entry.name, marks=marks)


@pytest.mark.parametrize("entry", [mark(entry) for entry in ENTRIES])
def test_case(entry: Case | Values, build: Builder, target: Path) -> None:
    if isinstance(entry, Values):
        judge_values(entry, run([build(entry.script)]))
    else:
        judge(entry, *run_case(entry, build, target))
