"""Fixtures and rules that all groups of tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root when there is no root: the run group then has nothing that ran, and CI says so."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session")
def root_dir() -> Path:
    """Return the top directory of the tree."""
    return ROOT


@pytest.fixture(scope="session")
def plain_stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with one minimal static program per target: a stub for tests that do not run the result."""
    from btaot_tool.stub import zig_command
    from btaot_tool.targets import TARGETS

    folder = tmp_path_factory.mktemp("stubs")
    source = folder / "plain.c"
    source.write_text("int main(void) { return 0; }\n")
    for target in TARGETS.values():
        argv = [*zig_command(), "cc", "-target", target.zig, "-static", "-Os", "-s", str(source)]
        subprocess.run([*argv, "-o", str(folder / target.name)], check=True)
    return folder
