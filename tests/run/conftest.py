"""Fixtures of the tests that trace this kernel."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Builder

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs root: without it, tests are skipped and say so; in CI they fail."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.root)


@pytest.fixture(autouse=True)
def needs_root() -> None:
    if os.geteuid() == 0:
        return
    if os.environ.get("CI"):
        pytest.fail("needs root")
    pytest.skip("needs root")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """Return the function that makes an executable of a script."""
    builder = Builder(tmp_path_factory.mktemp("built"))
    yield builder
    builder.close()


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program that the tests trace: target.c, static, with symbols and frame pointers."""
    from btaot_tool.stub import zig_command

    path = tmp_path_factory.mktemp("target") / "btaot-target"
    flags = ["-static", "-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize=all"]
    argv = [*zig_command(), "cc", "-target", f"{os.uname().machine}-linux-musl", *flags]
    subprocess.run([*argv, str(HERE / "target.c"), "-o", str(path)], check=True)
    return path
