"""Every probe type on several kernels, from binaries that are built once: events seen = events caused.

The rows are those of ``scripts/vm matrix``.  CI runs two kernels; BTAOT_VM_KERNELS names others, or "all".
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .guest import run_guest  # puts scripts/ on the path

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


# ---- a thousand functions ---------------------------------------------------------------------------

THOUSAND = "kprobe:*_s[a-e]* { @[probe, func] = count(); } interval:s:60 { }"
MEASURE = """
now() { cut -d' ' -f1 /proc/uptime; }
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 ./thousand >out 2>err &
A=$(now); until grep -q NOTIFY out; do usleep 5000; done; B=$(now)
usleep 200000
C=$(now); kill -INT $!; wait $!; D=$(now)
echo $A $B $C $D; grep Attached err; grep -c '^@' out
"""


@pytest.mark.parametrize("kernel", [kernel for kernel in ("6.12", "7.2") if kernel in CHOSEN])
def test_a_thousand_functions(kernel: str, tmp_path: Path) -> None:
    """A multi-link attaches them at once.  QEMU emulates the CPU (10 to 20 times slower) and shares the machine."""
    from btaot_tool.diagnostics import Source
    from btaot_tool.options import Options
    from btaot_tool.stub import cached_stub
    from btaot_tool.targets import TARGETS
    from btaot_tool.worker.client import WorkerPool

    pool = WorkerPool()
    target = TARGETS["x86_64"]
    pool.build(Source("t.bt", THOUSAND), Options(target=target), cached_stub(target), tmp_path / "thousand")
    pool.close()
    result = run_guest("x86_64", kernel, {"thousand": tmp_path / "thousand"}, {"measure": MEASURE})["measure"]
    times, attached, rows = result.stdout.splitlines()
    start, ready, signal, end = map(float, times.split())
    assert int(attached.split()[1]) > 1000
    assert int(rows) > 3
    assert ready - start < 4.0, result.stdout
    assert end - signal < 0.5, result.stdout
