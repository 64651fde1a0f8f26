"""The sample projects and the tree's own SConstruct."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from btaot_tool.targets import TARGETS, host_target


def scons(folder: Path, *args: str, **env: str) -> str:
    argv = [sys.executable, "-m", "SCons", "-Q", *args]
    done = subprocess.run(argv, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy(root_dir: Path, name: str, tmp_path: Path) -> Path:
    """Copy a sample project out of the tree: it must not need its place."""
    return Path(shutil.copytree(root_dir / "examples" / "projects" / name, tmp_path / name,
                                ignore=shutil.ignore_patterns("build", ".sconsign.dblite", "__pycache__")))  # fmt: skip


def test_project_with_site_scons(root_dir: Path, tmp_path: Path) -> None:
    folder = copy(root_dir, "site_scons", tmp_path)
    scons(folder, BTAOT_HOME=str(root_dir))
    assert {path.name for path in (folder / "build").iterdir()} == {"who_execs", "syscalls"}
    assert "is up to date" in scons(folder, ".", BTAOT_HOME=str(root_dir))


@pytest.mark.root
def test_what_the_project_built_traces(root_dir: Path, tmp_path: Path) -> None:
    folder = copy(root_dir, "site_scons", tmp_path)
    scons(folder, BTAOT_HOME=str(root_dir))
    done = subprocess.run([folder / "build" / "syscalls", "1"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^@calls\[.+\]: \d+$", done.stdout, re.MULTILINE)
    assert "@seconds" not in done.stdout


def test_project_with_the_installed_package(root_dir: Path, tmp_path: Path) -> None:
    """The package comes from a wheel, and compiles its stub on first use."""
    wheels = tmp_path / "wheels"
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
                   cwd=root_dir, check=True, capture_output=True)  # fmt: skip
    site = tmp_path / "site"
    shutil.unpack_archive(next(wheels.glob("btaot-*.whl")), site, "zip")
    folder = copy(root_dir, "packaged", tmp_path)
    env = {"PYTHONPATH": str(site), "BTAOT_CACHE": str(tmp_path / "cache")}
    assert "TRACE probes/x86_64/switches" in scons(folder, "-j2", **env)
    for name in TARGETS:
        assert (folder / "probes" / name / "read_sizes").stat().st_mode & 0o111
    stubs = [path for path in (tmp_path / "cache" / "stubs").iterdir() if path.suffix != ".lock"]
    assert sorted(path.name.split("-")[0] for path in stubs) == sorted(TARGETS)
    assert "is up to date" in scons(folder, ".", **env)


def test_own_tree(root_dir: Path, tmp_path: Path) -> None:
    shown = scons(root_dir, "-n", "target=all", f"build={tmp_path}")
    for name in TARGETS:
        assert f"STUB {tmp_path}/{name}/stub" in shown and f"BTAOT {tmp_path}/{name}/hello" in shown
    assert f"{tmp_path}/aarch64/" not in scons(root_dir, "-n", f"build={tmp_path}", "target=x86_64")
    assert f"/{host_target().name}/hello" in scons(root_dir, "-n", f"build={tmp_path}")


def test_help_explains_every_option(root_dir: Path) -> None:
    text = scons(root_dir, "-h")
    for name in ("target", "kernel", "toolchain", "flags", "build", "pytest", "verbose"):
        assert re.search(rf"^{name}: \S", text, re.MULTILINE)


@pytest.mark.parametrize("argument", ["target=vax", "toolchain=tcc", "tragte=x86_64"])
def test_wrong_option(root_dir: Path, argument: str) -> None:
    argv = [sys.executable, "-m", "SCons", "-Q", "-n", argument]
    done = subprocess.run(argv, cwd=root_dir, capture_output=True, text=True)
    assert done.returncode == 2 and argument.partition("=")[0] in done.stdout + done.stderr
