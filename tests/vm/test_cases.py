"""The tables of tests/run in guests: one binary of each, on every kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .binaries import Binaries, case_command, guest_facts, outcome
from .guest import Result, run_guest

# isort: split
from cases import Case, Values, judge, judge_values, read_tables

#: What is not as here in a guest: users, a standard error that is a file of the harness, what new kernels allow.
NOT_IN_GUESTS = {"probes-builtins", "output-option-o", "functions-comm-where-it-is-not-allowed"}

Entry = Case | Values
Results = dict[str, Result]


def fits(entry: Entry, arch: str) -> bool:
    """Return whether an entry can be run in a guest of an architecture."""
    if entry.xfail:
        return False
    if entry.name in NOT_IN_GUESTS:
        return False
    return isinstance(entry, Values) or (entry.machine in ("", arch) and "{me}" not in str(entry))


ENTRIES = [entry for entry in read_tables() if not entry.xfail]
_results: dict[str, Results] = {}


def older(guest: str, since: str) -> bool:
    """Return whether the guest's kernel is older than one that can do what a case wants."""
    kernel = guest.partition("-")[2]
    return bool(since) and [int(n) for n in kernel.split(".")] < [int(n) for n in since.split(".")]


def refused(case: Case) -> Case:
    """Return what such a kernel must say instead."""
    reason = "^ERROR: .*(needs bpf_|Cannot create the map|the kernel refuses the program)"
    return Case(case.name, case.script, stdout="", stderr=[reason], status=1)


@pytest.fixture(scope="session")
def results(guest: str, binaries_of: Callable[[str], Binaries]) -> Results:
    """Boot the guest and run everything in it."""
    if guest not in _results:
        arch, _, kernel = guest.partition("-")
        binaries = binaries_of(arch)
        commands = {entry.name: case_command(binaries, entry) for entry in ENTRIES if fits(entry, arch)}
        _results[guest] = run_guest(arch, kernel, binaries.files, commands, timeout=400, command_timeout=30)
    return _results[guest]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_case(guest: str, results: Results, entry: Entry) -> None:
    if entry.name not in results:
        pytest.skip(f"not for {guest}")
    facts = guest_facts()
    seen = outcome(results[entry.name], facts)
    if isinstance(entry, Values):
        judge_values(entry, seen)
    else:
        judge(refused(entry) if older(guest, entry.since) else entry, seen, facts)
