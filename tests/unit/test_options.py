"""Options and flags: what enters build signatures, and that every way there and back is lossless."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btaot_tool.flags import FlagError, format_flags, parse_flags
from btaot_tool.options import Options
from btaot_tool.targets import find_target

FULL = Options(
    debuginfo=("a", "b"),
    sysroot="/x",
    target=find_target("arm64"), kernel=("host", "a/b.btpack"), unsafe=True, warnings=False, warnings_as_errors=True,
    min_kernel="5.15", include_dirs=("inc", "with space"), includes=("a.h",), defines=("A", "B=1"),
    dump=frozenset({"ir"}),
)  # fmt: skip


def test_json_and_flags_are_lossless() -> None:
    assert Options.from_json(FULL.to_json()) == FULL
    assert parse_flags(format_flags(FULL), FULL.target) == FULL
    assert format_flags(Options()) == []


@pytest.mark.parametrize("change", [
    {"target": find_target("x86_64")}, {"kernel": ()}, {"unsafe": False}, {"warnings_as_errors": False},
    {"min_kernel": None}, {"include_dirs": ()}, {"includes": ()}, {"defines": ()},
])  # fmt: skip
def test_signature_knows_what_changes_the_output(change: dict[str, object]) -> None:
    assert replace(FULL, **change).signature() != FULL.signature()  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"warnings": True}, {"dump": frozenset()}])
def test_signature_ignores_what_does_not(change: dict[str, object]) -> None:
    assert replace(FULL, **change).signature() == FULL.signature()  # type: ignore[arg-type]


def test_unknown_flag() -> None:
    with pytest.raises(FlagError, match="--fast"):
        parse_flags(["--fast"], FULL.target)
