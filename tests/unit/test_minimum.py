"""``--min-kernel``."""

from __future__ import annotations

import pytest

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.options import Options
from btaot_tool.payload.layout import Feature
from btaot_tool.symbols.minimum import SINCE, kernel_version
from btaot_tool.targets import find_target

LOOP = "begin { @[1] = 2; } interval:s:1 { for ($kv : @) { print($kv); } }"
READ = "begin { @c = count(); } interval:s:1 { if (@c > 5) { exit(); } }"


def _complaints(script: str, oldest: str) -> list[str]:
    try:
        compile_script(Source("x.bt", script), Options(target=find_target("x86_64"), min_kernel=oldest))
    except CompileError as error:
        return [f"{d.span.line if d.span else 0}: {d.message}" for d in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("script", "oldest", "expected"),
    [
        (LOOP, "5.10", ["1: for over @ needs Linux 5.13, and --min-kernel is 5.10"]),
        (LOOP, "5.13", []),
        (READ, "5.15", ["1: reading @c in the program needs Linux 5.19, and --min-kernel is 5.15"]),
        (READ, "6.1", []),
        # Driven by the runtime where the kernel has no callbacks; a question to the host is no need.
        ("begin { @[1] = 2; for ($kv : @) { print($kv); } }", "5.10", []),
        ("begin { print(nsecs(tai)); }", "5.10", []),
    ],
)
def test_what_old_kernels_cannot_run(script: str, oldest: str, expected: list[str]) -> None:
    assert _complaints(script, oldest) == expected


@pytest.mark.parametrize("text", ["abc", "5", "5.10.3", "5.x", ""])
def test_versions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="no version of a kernel"):
        kernel_version(text)


def test_every_feature_has_a_release() -> None:
    assert set(SINCE) == set(Feature)
