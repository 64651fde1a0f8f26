"""Probe types that this kernel has, beyond cases_probes.toml: usdt, watchpoint, iter, software, test, bench."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Builder, Traced, run

ROOT = Path(__file__).resolve().parents[2]
SEEN = "{ @seen = count(); }"


@pytest.fixture(scope="module")
def fire(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return tests/vm/fire.c, built, and addresses in it."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from vmlib.matrix import build_fire

    path = tmp_path_factory.mktemp("fire") / "fire"
    return path, build_fire(path, f"{os.uname().machine}-linux-musl")


def trace(build: Builder, script: str, fire: Path, *options: str) -> list[str]:
    """Return the lines that a script prints while fire does everything five times."""
    outcome = run([build(script.replace("FIRE", str(fire))), *(options or ("-c", f"{fire} 5"))])
    assert outcome.status == 0, outcome
    return [line for line in outcome.stdout.replace(str(fire), "FIRE").splitlines() if line]


def test_usdt_arguments(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    script = 'usdt:FIRE:fire:shot { printf("%s %s %d %s %d\\n", probe, probetype, arg0, str(arg1), (int32)arg2); }'
    want = [f"usdt:FIRE:fire:shot usdt {i} text {i - 100}" for i in range(5)]
    assert trace(build, script, fire[0]) == want


def test_usdt_semaphore_and_constant(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    script = 'usdt:FIRE:armed { printf("%d %d\\n", (int32)arg0, (int32)arg1); }'
    assert trace(build, script, fire[0]) == [f"{-i} -7" for i in range(5)]


def test_usdt_notes_of_one_name(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    lines = trace(build, "usdt:FIRE:fire:same { @[arg0] = count(); }", fire[0])
    assert sorted(lines) == ["@[0]: 1", "@[1]: 2", "@[2]: 2", "@[3]: 2", "@[4]: 2", "@[5]: 1"]


def test_usdt_wildcards(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    directory = fire[0].parent
    lines = trace(build, f"usdt:{directory}/f*:f*:s* {{ @[probe] = count(); }}", fire[0])
    assert sorted(lines) == ["@[usdt:FIRE:fire:same]: 10", "@[usdt:FIRE:fire:shot]: 5"]


def test_usdt_that_is_missing_is_named(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    outcome = run([build(f"usdt:{fire[0]}:fire:nothing {SEEN}")])
    assert outcome.status == 1 and "nothing" in outcome.stderr


def test_watchpoint(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    assert trace(build, f"watchpoint:{fire[1]['WATCHED']}:4:w {SEEN}", fire[0]) == ["@seen: 5"]


def test_unwatch(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    """The watchpoint is there when begin's event is read, and gone when the command runs."""
    watched = int(fire[1]["WATCHED"], 0)
    script = f"begin {{ unwatch({watched}); }} watchpoint:{watched:#x}:4:w {SEEN}"
    assert trace(build, script, fire[0]) == []
    assert trace(build, script.replace("unwatch(", "unwatch(1 + "), fire[0]) == ["@seen: 5"]


def test_software(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    [line] = trace(build, f'software:page-faults:1 / comm == "fire" / {SEEN}', fire[0])
    assert int(line.split()[1]) >= 5


def test_uprobe_by_address_and_offset(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    script = (
        f"uprobe:FIRE:{fire[1]['ENTRY']} {{ @address = count(); }} uprobe:FIRE:fire_user+0 {{ @offset = count(); }}"
    )
    assert trace(build, script, fire[0]) == ["@address: 5", "@offset: 5"]


@pytest.mark.parametrize("name", ["task_file", "task_vma"])
def test_iter_of_this_process(build: Builder, name: str, fire: tuple[Path, dict[str, str]]) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout
        os.write(other.stdin.fileno(), b"here\n")
        assert os.read(other.stdout.fileno(), 5) == b"here\n"  # it has started
        place = "fd" if name == "task_file" else "maps"
        files = len(os.listdir(f"/proc/{other.pid}/fd"))
        lines = Path(f"/proc/{other.pid}/{place}").read_text().splitlines() if place == "maps" else []
        want = len([line for line in lines if "vsyscall" not in line]) if lines else files
        found = trace(build, f"iter:{name} / ctx.task.pid == {other.pid} / {SEEN}", fire[0], "-q")
        other.kill()
    assert found == [f"@seen: {want}"]


def test_iter_task_ends_by_itself(build: Builder, fire: tuple[Path, dict[str, str]]) -> None:
    script = f'iter:task / ctx.task.pid == {os.getpid()} / {{ printf("%s %d\\n", probe, ctx.task.tgid); }}'
    assert trace(build, script, fire[0], "-q") == [f"iter:task {os.getpid()}"]


def test_trials(build: Builder) -> None:
    script = 'test:good { } test:bad { printf("why\\n"); return 1; } test:worse { errorf("no"); } bench:b { @ = 1; }'
    outcome = run([build(script), "--test"])
    assert outcome.status == 1
    plain = re.sub(r"\x1b\[\d+m|\(\d+ \S+\)", "", outcome.stdout)
    assert plain.splitlines()[:8] == [
        "[==========] Running 3 tests.",
        "[ RUN      ] good",
        "[       OK ] good ",
        "[ RUN      ] bad",
        "why",
        "[  FAILED  ] bad ",
        "[ RUN      ] worse",
        "[  FAILED  ] worse ",
    ]
    outcome = run([build(script), "--bench"])
    assert outcome.status == 0 and re.search(r"^b +\d+ +\d+$", outcome.stdout, re.MULTILINE)


def test_names_of_trials_are_asked_for(build: Builder) -> None:
    outcome = run([build("begin { exit(); }"), "--bench"])
    assert outcome.status == 1 and "no bench probes" in outcome.stderr


#: Maps a file executable and calls its first byte.
CALL_FLAT = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
place = libc.mmap(None, 4096, 5, 2, os.open(sys.argv[1], os.O_RDONLY), 0)  # PROT_READ | PROT_EXEC, MAP_PRIVATE
print(ctypes.CFUNCTYPE(ctypes.c_int)(place)())
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code")
def test_uprobe_in_code_without_elf(build: Builder, tmp_path: Path) -> None:
    """An address in any file counts from its start."""
    code = tmp_path / "code"
    code.write_bytes(b"\xb8\x07\0\0\0\xc3")  # mov eax, 7; ret
    traced = Traced([build(f"uprobe:{code}:0x0 {{ @[probe, pid] = count(); }}", unsafe=True)])
    process = subprocess.Popen([sys.executable, "-c", CALL_FLAT, code], stdout=subprocess.PIPE, text=True)
    assert process.communicate(timeout=10)[0] == "7\n"
    assert traced.stop().stdout.strip() == f"@[uprobe:{code}:0, {process.pid}]: 1"
