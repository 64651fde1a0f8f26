"""Every probe type on several kernels, from binaries that are built once: events seen = events caused.

The rows are those of ``scripts/vm matrix``.  CI runs two kernels; BTAOT_VM_KERNELS names others, or "all".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import pytest

from .guest import Result, run_guest  # puts scripts/ on the path

from vmlib.matrix import Verdict, run_matrix  # isort: skip
from vmlib.probe_cells import CELLS, KERNELS  # isort: skip

pytestmark = pytest.mark.vm

CHOICE = os.environ.get("BTAOT_VM_KERNELS", "6.1,7.2")
CHOSEN = list(KERNELS) if CHOICE == "all" else CHOICE.split(",")


@pytest.fixture(scope="module")
def matrix() -> dict[str, dict[str, Verdict]]:
    return run_matrix(CHOSEN)


@pytest.mark.parametrize("kernel", CHOSEN)
@pytest.mark.parametrize("name", [cell.name for cell in CELLS])
def test_cell(matrix: dict[str, dict[str, Verdict]], kernel: str, name: str) -> None:
    assert not matrix[kernel][name].problem, matrix[kernel][name].problem


# ---- thousands --------------------------------------------------------------------------------------

#: A guest whose clock counts instructions, one in a nanosecond: times do not depend on this machine or on its load.
COUNTED = ("-icount", "shift=0,sleep=off")
MANY = {
    "kprobes": "kprobe:*_s[a-e]* { @[probe, func] = count(); } interval:s:60 { }",
    "three wildcards": "kprobe:*_sa* { @[probe, func] = count(); } kprobe:*_se* { @[probe, func] = count(); }"
    " kprobe:*_sc* { @[probe, func] = count(); } interval:s:60 { }",
    "raw tracepoints": "rawtracepoint:* { @[probe] = count(); } interval:s:60 { }",
    "tracepoints": "tracepoint:*:* { @[probe] = count(); } interval:s:60 { }",
    "trampolines": "fentry:tcp_s* { @[probe, func] = count(); } interval:s:60 { }",
    # One of them has a union by value, for which the kernel makes no trampoline.
    "trampolines that are refused": "fentry:*tmigr_* { @[probe] = count(); } interval:s:60 { }",
}
#: Least number of probes, and limits of CPU seconds until they are attached; twice of what was measured.
LEAST = {
    "kprobes": (3000, 1.0),
    "three wildcards": (3000, 1.2),
    "raw tracepoints": (500, 0.2),
    "tracepoints": (1000, 1.0),
    "trampolines": (50, 2.0),
    "trampolines that are refused": (1, 2.0),
}
MEASURE = """
export BPFTRACE_MAX_PROBES=20000
now() { cut -d' ' -f1 /proc/uptime; }
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 ./BIN >out 2>err &
touch out; until grep -q NOTIFY out; do usleep 5000; kill -0 $! || break; done
cut -d' ' -f14,15 /proc/$!/stat
usleep 100000
C=$(now); kill -INT $!; wait $!; D=$(now)
echo $C $D; grep -c '^@' out; grep . err
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Result]]:
    """Return the function that runs all scripts in a guest."""

    @cache
    def run(kernel: str) -> dict[str, Result]:
        from btaot_tool.diagnostics import Source
        from btaot_tool.options import Options
        from btaot_tool.stub import cached_stub
        from btaot_tool.targets import TARGETS
        from btaot_tool.worker.client import WorkerPool

        pool, target, folder = WorkerPool(), TARGETS["x86_64"], tmp_path_factory.mktemp("many")
        files, commands = {}, {}
        for number, (name, script) in enumerate(MANY.items()):
            files[f"many{number}"] = folder / f"many{number}"
            pool.build(Source("t.bt", script), Options(target=target), cached_stub(target), folder / f"many{number}")
            commands[name] = MEASURE.replace("BIN", f"many{number}")
        pool.close()
        return run_guest("x86_64", kernel, files, commands, qemu=COUNTED)

    return run


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("kernel", [kernel for kernel in ("6.12", "7.2") if kernel in CHOSEN])
def test_many(many: Callable[[str], dict[str, Result]], kernel: str, name: str) -> None:
    """A thousand functions are attached in less than a second and gone in less than 50 ms."""
    result = many(kernel)[name]
    ticks, times, _, *errors = result.stdout.splitlines()
    assert len(errors) == 1 and not result.stderr, result
    attached = int(errors[0].split()[1])
    seconds = sum(map(int, ticks.split())) / 100
    begin, end = map(float, times.split())
    print(kernel, name, attached, seconds, round(end - begin, 3))
    least, limit = LEAST[name]
    assert attached > least, result
    assert seconds < limit, result
    assert end - begin < 0.05, result
