"""The same input gives the same bytes: in another directory, another process, with a pack of other layouts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from kernel_scramble import scramble

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import Source
from btaot_tool.kernel.pack import default_pack_names, load_pack, pack_path
from btaot_tool.kernel.packfile import read_pack, write_pack
from btaot_tool.options import Options
from btaot_tool.targets import TARGETS, Target, host_target

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.bt"))
#: What the examples leave out: every way to a kernel field.
FIELDS = """
rawtracepoint:sched_switch {
  @pid = args.prev.pid;
  @flags[curtask.in_execve, curtask.comm] = count();
  printf("%s %d\\n", curtask.real_parent.comm, curtask.mm.owner.tgid);
  @size = offsetof(struct task_struct, comm);
}
tracepoint:sched:sched_wakeup { @[args.comm, args.prio] = count(); }
"""


def build(folder: Path, script: Path, stub: Path) -> bytes:
    """Build with the command, in a directory of its own; return the executable."""
    (folder / script.name).write_bytes(script.read_bytes())
    argv = [sys.executable, "-m", "btaot_tool", "build", script.name, "--stub", str(stub), "-o", "out"]
    path = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    subprocess.run(argv, cwd=folder, env=path, check=True, capture_output=True)
    return (folder / "out").read_bytes()


def test_two_directories(tmp_path: Path, plain_stubs: Path) -> None:
    """Two processes, two directories, different hash seeds: one result."""
    folders = [tmp_path / "one", tmp_path / "another" / "place"]
    results = []
    for folder in folders:
        folder.mkdir(parents=True)
        results.append(build(folder, ROOT / "examples" / "opensnoop.bt", plain_stubs / host_target().name))
    assert results[0] == results[1]
    assert str(tmp_path).encode() not in results[0]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a scrambled pack for every target: other offsets, sizes and tracepoint layouts."""
    folder = tmp_path_factory.mktemp("packs")
    made = {}
    for name in _order(*TARGETS):
        made[name] = folder / f"{name}.btpack"
        data = scramble(read_pack(pack_path(name)), 7)
        # Alone: what it lies over is scrambled, too.
        data.identity = replace(data.identity, over=())
        write_pack(made[name], data, fast=True)
    return made


def _order(*targets: str) -> list[str]:
    """Return the packs that a script is checked against, in the order in which they are asked."""
    return list(dict.fromkeys(name for target in targets for name in default_pack_names(target)))


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
@pytest.mark.parametrize("script", [*EXAMPLES, None], ids=lambda script: script.stem if script else "fields")
def test_no_layout_is_baked_in(script: Path | None, target: Target, packs: dict[str, Path]) -> None:
    source = Source(script.name, script.read_text(encoding="utf-8")) if script else Source("fields.bt", FIELDS)
    order = _order(target.name, *(name for name in TARGETS if name != target.name))
    plain = compile_script(source, Options(target))
    scrambled = compile_script(source, Options(target, kernel=tuple(str(packs[name]) for name in order)))
    assert plain.text == scrambled.text
    assert plain.meta == scrambled.meta


def test_the_packs_differ(packs: dict[str, Path]) -> None:
    """What the test above stands on."""
    name = default_pack_names("x86_64")[0]
    plain, scrambled = load_pack(name), load_pack(packs[name])
    a, b = plain.struct("struct task_struct"), scrambled.struct("struct task_struct")
    assert a and b
    assert a.size != b.size
    one, other = plain.tracepoint("sched", "sched_wakeup"), scrambled.tracepoint("sched", "sched_wakeup")
    assert one and other
    assert [f.offset for f in one.fields] != [f.offset for f in other.fields]
