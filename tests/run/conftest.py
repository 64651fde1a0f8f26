"""Fixtures of the tests that trace this kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Builder, build_traced_program

from btaot_tool.targets import host_target

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
    """Return the program that the tests trace: target.c."""
    return build_traced_program(tmp_path_factory.mktemp("target"), host_target())
