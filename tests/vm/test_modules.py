"""Functions and types of kernel modules: ``loop.ko`` of the guest's own kernel, and a loop device set up once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from .binaries import Binaries
from .guest import Result, run_guest

from vmlib.images import get_module  # isort: skip

SETUP = "[ -e /dev/loop0 ] || insmod loop.ko; truncate -s 64K /tmp/disk\n"
RUN = (
    SETUP + "./{binary} --wait-detach -c 'losetup /dev/loop0 /tmp/disk'; status=$?; losetup -d /dev/loop0; exit $status"
)
COUNT = "{ @[probe, func] = count(); }"
KPROBE = r"^@\[kprobe:loop:loop_configure, loop_configure\]: 1$"
FENTRY = r"^@\[fentry:loop:loop_configure, loop_configure\]: 1$"
LAYOUT = "sizeof(struct loop_device) > 300, offsetof(struct loop_device, lo_flags) > 0, Lo_bound"

#: Script, what it prints.
CHECKS = {
    "kprobe of a module": (f"kprobe:loop:loop_configure {COUNT}", KPROBE),
    "kprobe by name alone": (f"kprobe:loop_configure {COUNT}", r"^@\[kprobe:loop_configure, loop_configure\]: 1$"),
    "kprobe, wildcard": (f"kprobe:loop:loop_c* {COUNT}", KPROBE),
    "kprobe, wildcard for the module": (
        f"kprobe:lo*:loop_configure {COUNT}",
        KPROBE,
    ),
    "kretprobe, wildcard": (
        "kretprobe:loop:loop_c* { @[probe, retval] = count(); }",
        r"^@\[kretprobe:loop:loop_configure, 0\]: 1$",
    ),
    "struct of a module": ("kprobe:loop_configure { @ = ((struct loop_device *)arg0).lo_number + 7; }", r"^@: 7$"),
}
#: What needs the types of modules, which Linux has since 5.11.
TYPED = {
    "fentry": (f"fentry:loop:loop_configure {COUNT}", FENTRY),
    "fentry by name alone": (f"fentry:loop_configure {COUNT}", FENTRY),
    "fentry, wildcard": (f"fentry:loop:loop_c* {COUNT}", FENTRY),
    "fentry, any module": (f"fentry:*:loop_configure {COUNT}", FENTRY),
    "fexit, arguments by name": (
        "fexit:loop_configure { @[args.lo.lo_number, args.config.block_size, retval] = count(); }",
        r"^@\[0, 0, 0\]: 1$",
    ),
    "size, offset, enumerator": (
        f'begin {{ printf("%d %d %d\\n", {LAYOUT}); }}',
        r"^1 1 1$",
    ),
}
REFUSED = {
    "no such function": ("fentry:loop:loop_nonsense { }", r"ERROR: No matches for fentry loop:loop_nonsense\.$"),
    "no such module": (
        "kprobe:nonsense:loop_configure { }",
        r"ERROR: specified module nonsense in probe \S+ is not loaded",
    ),
}


@pytest.fixture(scope="session")
def boot(binaries_of: Callable[[str], Binaries]) -> Callable[[str], dict[str, Result]]:
    """Return the function that runs all checks in a guest, once."""

    @cache
    def run(guest: str) -> dict[str, Result]:
        arch, _, kernel = guest.partition("-")
        binaries = binaries_of(arch)
        checks = {**CHECKS, **TYPED, **REFUSED}
        commands = {
            name: RUN.format(binary=f"b/{Path(binaries.add(script)).name}") for name, (script, _) in checks.items()
        }
        # Before: nothing of the module is known.
        commands = {"not loaded": f"./b/{Path(binaries.add(TYPED['fentry'][0])).name}", **commands}
        return run_guest(arch, kernel, {**binaries.files, "loop.ko": get_module(arch, kernel, "loop")}, commands)

    return run


@pytest.mark.parametrize("name", [*CHECKS, *TYPED])
def test_module(guest: str, boot: Callable[[str], dict[str, Result]], name: str) -> None:
    if not guest.startswith("x86_64"):
        pytest.skip("fentry and the order of arguments: covered by x86_64")
    script, pattern = {**CHECKS, **TYPED}[name]
    result = boot(guest)[name]
    shown = f"{guest}\n{script}\n{result}"
    if guest == "x86_64-5.10" and (name in TYPED or name == "struct of a module"):
        assert result.status == 1 and re.search(
            r"ERROR: (Probe has no valid attach points|.*loop)", result.stderr, re.M
        ), shown
        return
    assert result.status == 0, shown
    assert re.search(pattern, result.stdout, re.M), shown


@pytest.mark.parametrize("name", [*REFUSED, "not loaded"])
def test_refused(guest: str, boot: Callable[[str], dict[str, Result]], name: str) -> None:
    if not guest.startswith("x86_64"):
        pytest.skip("covered by x86_64")
    result = boot(guest)[name]
    pattern = REFUSED[name][1] if name in REFUSED else r"ERROR: No matches for fentry loop:loop_configure\.$"
    assert result.status == 1
    assert re.search(pattern, result.stderr, re.M), result
