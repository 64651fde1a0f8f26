"""Kprobe sessions: a kprobe and its kretprobe are one program where the kernel can; the results are the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest

from .binaries import Binaries
from .guest import Result, run_guest

from vmlib.matrix import build_fire  # isort: skip

COMMAND = "{binary} -c 'fire 5'"
#: Script, patterns of its output, functions that the pair matches; probes that are attached with and without a session.
CHECKS = {
    "a function": (
        "kprobe:vfs_read / arg2 == 7 / { @in[func] = count(); @s[tid] = nsecs; }"
        " kretprobe:vfs_read / @s[tid] / { @out[func, retval] = count(); delete(@s[tid]); }",
        (r"^@in\[vfs_read\]: 5$", r"^@out\[vfs_read, 7\]: 5$"),
        (1, 2),
    ),
    "predicates of their own": (
        "kprobe:vfs_read / arg2 != 7 / { @in = count(); } kretprobe:vfs_read / retval == 7 / { @out = count(); }",
        (r"^@out: 5$",),
        (1, 2),
    ),
    "loops, strings, stacks": (
        'kprobe:vfs_read / arg2 == 7 / { for ($i : 0..3) { @in = count(); } printf("in %s\\n", comm); }'
        " kretprobe:vfs_read / retval == 7 / {"
        ' for ($i : 0..3) { @out = count(); } printf("out %s\\n", comm); @[kstack(2)] = count(); }',
        (r"^in fire\nout fire$", r"^@in: 15$", r"^@out: 15$", r"^\]: 5$"),
        (1, 2),
    ),
    "a name of their own": (
        "kprobe:vfs_read / arg2 == 7 / { @[probe] = count(); }"
        " kretprobe:vfs_read / retval == 7 / { @[probe] = count(); }",
        (r"^@\[kprobe:vfs_read\]: 5$", r"^@\[kretprobe:vfs_read\]: 5$"),
        (2, 2),
    ),
}


@pytest.fixture(scope="session")
def boot(
    binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Result]]:
    """Return the function that runs all checks in a guest, once."""

    @cache
    def run(kernel: str) -> dict[str, Result]:
        binaries, fire = binaries_of("x86_64"), tmp_path_factory.mktemp("fire") / "fire"
        build_fire(fire, "x86_64-linux-musl")
        commands = {name: COMMAND.format(binary=binaries.add(script)) for name, (script, *_) in CHECKS.items()}
        return run_guest("x86_64", kernel, {**binaries.files, "fire": fire}, commands, command_timeout=30)

    return run


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.2"])
def test_session(kernel: str, boot: Callable[[str], dict[str, Result]], name: str) -> None:
    _, patterns, (session, separate) = CHECKS[name]
    result = boot(kernel)[name]
    count = separate if kernel == "6.1" else session
    assert result.status == 0 and result.stderr == f"Attached {count} probe{'s' if count > 1 else ''}\n", result
    for pattern in patterns:
        assert re.search(pattern, result.stdout, re.M), result
