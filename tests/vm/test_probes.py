"""Every probe type on several kernels, from binaries that are built once: events seen = events caused.

The rows are those of ``scripts/vm matrix``.  CI runs two kernels; BTAOT_VM_KERNELS names others, or "all".
"""

from __future__ import annotations

import os

import pytest

from .guest import run_guest  # noqa: F401  (puts scripts/ on the path)

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
