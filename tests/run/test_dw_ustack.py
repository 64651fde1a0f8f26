"""dw_ustack: stacks of programs without frame pointers, by their unwind tables."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Builder, Traced, run

from btaot_tool.zig import zig_command

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="upstream has dw_ustack on x86_64 only")

SCRIPT = "config = {{ unstable_dw_ustack = enable }} uprobe:{}:leaf {{ {} }}"
FLAGS = ["-O2", "-g0", "-fomit-frame-pointer", "-pthread"]
#: The callers of main differ with the C library.
CALLS = {
    "varied": ["leaf", "middle", "wide", "varied", "main"],
    "aligned": ["leaf", "aligned", "main"],
    "sorts": ["leaf", "middle", "wide", "varied", "compare", "*", "sorts", "main"],
    "signal": ["leaf", "handler", "*", "raises", "main"],
    "thread": ["leaf", "thread"],
}


def compiled(path: Path, *command: str) -> Path:
    source = Path(__file__).parent / "unwound.c"
    subprocess.run([*command, *FLAGS, str(source), "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="module", params=["gcc", "gcc-static", "zig"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp(request.param) / "btaot-unwound"
    if request.param == "zig":
        yield compiled(path, *zig_command(), "cc", "-target", "x86_64-linux-musl", "-static", "-fno-sanitize=all")
        return
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    yield compiled(path, "gcc", *(["-static"] if "static" in request.param else ["-fPIE", "-pie"]))


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fixed") / "btaot-fixed"
    return compiled(path, *zig_command(), "cc", "-target", "x86_64-linux-musl", "-static", "-fno-sanitize=all")


def frames(text: str) -> list[str]:
    return [line.strip().partition("+")[0] for line in text.strip().split("\n\n")[0].splitlines()]


@pytest.mark.parametrize("action", CALLS)
def test_whole_stacks(build: Builder, program: Path, action: str) -> None:
    if "zig" in str(program) and action in ("signal", "thread"):
        pytest.skip("musl has no unwind tables of what calls there")
    binary = build(SCRIPT.format(program, "print(dw_ustack); exit();"))
    outcome = run([binary, "-c", f"{program} {action} nap=100"])
    found = iter(frames(outcome.stdout))
    wanted = CALLS[action]
    for name, following in zip(wanted, [*wanted[1:], ""], strict=True):
        if name == "*":
            assert following in found, outcome.stdout
        elif wanted[wanted.index(name) - 1] != "*" or name == wanted[0]:
            assert next(found) == name, outcome.stdout
    assert "unwind failure" not in outcome.stdout
    assert outcome.stderr == "Attached 1 probe\n"


def test_depth_modes_and_maps(build: Builder, fixed: Path) -> None:
    body = (
        "print(dw_ustack(perf, 2)); print(dw_ustack(raw, 1)); $s = dw_ustack(3); print(len($s)); "
        "print(len(dw_ustack(4))); @[dw_ustack(2)] = count(); @t = (1, dw_ustack(1));"
    )
    shown = run([build(SCRIPT.format(fixed, body)), "-c", f"{fixed} varied nap=100"]).stdout
    at = rf"\({fixed}\)"
    assert re.match(rf"\n\t[0-9a-f]+ leaf\+0 {at}\n\t[0-9a-f]+ middle\+\d+ {at}\n\n\n[0-9a-f]+\n\n3\n4\n", shown), shown
    assert re.search(r"\n@\[\n {8}leaf\+0\n {8}middle\+\d+\n\]: 1\n", shown)
    assert "@t: (1, \n        leaf+0\n)\n" in shown


@pytest.mark.parametrize("option", ["-p", "--dwarf-pid"])
def test_a_running_process(build: Builder, fixed: Path, option: str) -> None:
    body = "print(dw_ustack(3)); exit();"
    process = subprocess.Popen([fixed, "nap=1500", "varied", "nap=300"])
    outcome = run([build(SCRIPT.format(fixed, body)), option, str(process.pid)])
    process.wait(10)
    assert frames(outcome.stdout) == ["leaf", "middle", "wide"], outcome


def test_a_process_without_tables(build: Builder, fixed: Path) -> None:
    other = subprocess.Popen([fixed, "nap=3000"])
    traced = Traced([build(SCRIPT.format(fixed, "print(len(dw_ustack())); exit();")), "--dwarf-pid", str(other.pid)])
    subprocess.run([fixed, "varied"], check=True)
    outcome = traced.finish()
    other.kill()
    other.wait()
    assert outcome.stdout.startswith("0\n")
    wanted = "WARNING: No DWARF unwind data available for this process. Use -p or --dwarf-pid to specify target PIDs.\n"
    assert wanted in outcome.stderr


def test_no_process(build: Builder, fixed: Path) -> None:
    outcome = run([build(SCRIPT.format(fixed, "print(dw_ustack);"))])
    assert outcome.status == 1
    assert outcome.stderr == (
        "ERROR: dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.\n"
    )
