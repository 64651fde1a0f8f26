"""The table of docs/privileges.md: each probe type with exactly the rights that it names, and without one of them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Builder

TRACE = "{ @seen = count(); }"
NOBODY = "65534"


@dataclass(frozen=True, slots=True)
class Row:
    """A probe type: script, rights that suffice, the command's options."""

    script: str
    rights: str = "bpf,perfmon"
    options: tuple[str, ...] = ()


CHILD = ("-c", "{target} add=1 nap=20 add=1")
ROWS = {
    "begin": Row("begin { @seen = 1; exit(); }"),
    "curtask": Row("begin { @seen = curtask.pid != 0; exit(); }"),
    "interval": Row("interval:ms:20 { @seen = 1; exit(); }"),
    "profile": Row("profile:hz:99 { @seen = 1; exit(); }"),
    "self": Row("begin { @seen = 1; exit(); } self:signal:SIGUSR1 { }"),
    "rawtracepoint": Row(f"rawtracepoint:sys_exit {TRACE}", options=CHILD),
    "uprobe": Row(f"uprobe:{{target}}:add {TRACE}", options=CHILD),
    "uretprobe": Row(f"uretprobe:{{target}}:add {TRACE}", options=CHILD),
    "software": Row(f"software:page-faults:1 {TRACE}", options=CHILD),
    "iter": Row(f"iter:task {TRACE}"),
    "tracepoint": Row(
        f"tracepoint:syscalls:sys_enter_nanosleep {TRACE}", "bpf,perfmon,dac_read_search,sys_admin", CHILD
    ),
    "test": Row("test:a { @seen = 1; }", "bpf,perfmon,net_admin", ("--test",)),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, target: Path) -> Path:
    """Return a folder that everybody can read, with the target in it."""
    folder = Path("/var/tmp") / tmp_path_factory.mktemp("shown").name
    folder.mkdir()
    folder.chmod(0o755)
    shutil.copy(target, folder / "target")
    yield folder
    shutil.rmtree(folder)


def run_with(rights: str, row: Row, build: Builder, shown: Path) -> subprocess.CompletedProcess[str]:
    """Run a row's binary as nobody, with these capabilities only."""
    words = {"{target}": str(shown / "target")}
    binary = shown / f"probe{abs(hash((row, rights)))}"  # one of its own: what ran before may still be closing
    script = row.script.replace("{target}", words["{target}"])
    shutil.copy(build(script, unsafe=True), binary)
    binary.chmod(0o755)
    chosen = ",".join(f"+{right}" for right in rights.split(",") if right)
    drop = f"-all,{chosen}" if chosen else "-all"
    argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={drop}"]
    argv += [f"--ambient-caps={drop}", f"--bounding-set={drop}", str(binary)]
    options = [option.replace("{target}", words["{target}"]) for option in row.options]
    return subprocess.run([*argv, *options], capture_output=True, text=True, timeout=30, cwd="/")


@pytest.mark.parametrize("name", ROWS)
def test_rights_suffice(name: str, build: Builder, shown: Path) -> None:
    done = run_with(ROWS[name].rights, ROWS[name], build, shown)
    assert "@seen: " in done.stdout, done


@pytest.mark.parametrize("missing", ["bpf", "perfmon"])
@pytest.mark.parametrize("name", ["begin", "uprobe", "rawtracepoint"])
def test_missing_right_is_named(name: str, missing: str, build: Builder, shown: Path) -> None:
    row = ROWS[name]
    rest = ",".join(right for right in row.rights.split(",") if right != missing)
    done = run_with(rest, row, build, shown)
    assert done.returncode == 1 and "@seen: " not in done.stdout
    assert f"(missing: CAP_{missing.upper()})" in done.stderr


@pytest.mark.parametrize(
    ("name", "rights", "missing"),
    [
        ("test", "bpf,perfmon", "CAP_NET_ADMIN"),
        ("tracepoint", "bpf,perfmon", "CAP_DAC_READ_SEARCH"),
        ("begin", "", "CAP_BPF"),
    ],
)
def test_more_rights_are_named(name: str, rights: str, missing: str, build: Builder, shown: Path) -> None:
    done = run_with(rights, ROWS[name], build, shown)
    assert done.returncode == 1
    assert "missing: " in done.stderr and missing in done.stderr
