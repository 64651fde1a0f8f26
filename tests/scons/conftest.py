"""Fixtures of the SCons tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from project import Project


@pytest.fixture
def project(tmp_path: Path, plain_stubs: Path) -> Project:
    """Return an empty project."""
    return Project(tmp_path, plain_stubs)
