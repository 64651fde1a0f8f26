"""Guests, each booted once, and binaries, each built once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from .binaries import Binaries, make_binaries

#: What CI boots; ``--all-guests`` takes the rest too.
CI_GUESTS = ["x86_64-6.1", "x86_64-7.2", "aarch64-6.12"]
MORE_GUESTS = ["x86_64-5.10", "x86_64-6.12", "aarch64-7.2"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-guests", action="store_true", help="tests/vm: boot all kernels, not only those of CI")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument ``guest`` runs in every guest."""
    if "guest" in metafunc.fixturenames and "guest" not in metafunc._arg2fixturedefs:
        metafunc.parametrize("guest", guests(metafunc.config), scope="session")


def guests(config: pytest.Config) -> list[str]:
    """Return the chosen guests, as arch-kernel."""
    return CI_GUESTS + (MORE_GUESTS if config.getoption("--all-guests", default=False) else [])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/vm"):
            item.add_marker(pytest.mark.vm)


@pytest.fixture(scope="session")
def binaries_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Return the function that gives the binaries of an architecture."""
    made: list[Binaries] = []

    @cache
    def get(arch: str) -> Binaries:
        made.append(make_binaries(arch, tmp_path_factory.mktemp(f"built-{arch}")))
        return made[-1]

    yield get
    for binaries in made:
        binaries.build.close()
