"""The ``btaot`` command: arguments, messages, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from btaot_tool import __version__
from btaot_tool.cli import COMMANDS

HELLO = 'begin { printf("hello\\n"); exit(); }\n'
WRONG = "begin { $x = ; }\n"


class Cli:
    """Runs btaot in a directory."""

    def __init__(self, folder: Path, root: Path, stubs: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "PYTHONPATH": str(root)}
        self.stub = str(stubs / "x86_64")

    def __call__(self, *args: str, status: int = 0, stdin: str = "") -> str:
        argv = [sys.executable, "-m", "btaot_tool", *args]
        done = subprocess.run(argv, cwd=self.folder, env=self.env, input=stdin, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def cli(tmp_path: Path, root_dir: Path, plain_stubs: Path) -> Cli:
    return Cli(tmp_path, root_dir, plain_stubs)


def test_version_and_help(cli: Cli) -> None:
    assert cli("--version") == f"btaot {__version__}\n"
    text = cli("--help")
    for name in COMMANDS:
        assert f"\n    {name} " in text
        assert cli(name, "--help").startswith(f"usage: btaot {name}")


@pytest.mark.parametrize("args", [(), ("fly",), ("build",), ("build", "-e", "begin {}"), ("build", "a.bt", "-e", "x"),
                                  ("build", "a.bt", "--target", "vax"), ("build", "--fast", "a.bt"), ("build", "-"),
                                  ("build", "noext", "-o")])  # fmt: skip
def test_wrong_usage(cli: Cli, args: tuple[str, ...]) -> None:
    assert "usage: btaot" in cli(*args, status=2)


def test_build_from_file_argument_and_input(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "probe.bt").write_text(HELLO)
    assert cli("build", "probe.bt", "--stub", cli.stub) == ""
    assert cli("build", "-e", HELLO, "-o", "two", "--stub", cli.stub) == ""
    assert cli("build", "-", "-o", "three", "--stub", cli.stub, stdin=HELLO) == ""
    for name in ("probe", "two", "three"):
        assert os.access(tmp_path / name, os.X_OK)
        assert json.loads(cli("inspect", "--json", name))
    assert "printf" in cli("inspect", "probe")


def test_wrong_script(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "probe.bt").write_text(WRONG)
    for command in ("build", "check", "fmt", "run"):
        text = cli(command, "probe.bt", status=1)
        assert text.startswith("probe.bt:1:14-15: ERROR: ") and f"\n{WRONG}" in text and "~" in text
    assert not (tmp_path / "probe").exists()
    assert cli("build", "-", "-o", "x", status=1, stdin=WRONG).startswith("stdin:1:14-15: ERROR: ")


def test_missing_files(cli: Cli) -> None:
    for command in ("build", "check", "fmt"):
        said = cli(command, "nothing.bt", status=1)
        assert said == "ERROR: failed to open file 'nothing.bt': No such file or directory\n"
    assert "nothing" in cli("inspect", "nothing", status=1)


def test_check_goes_on_after_an_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.bt").write_text(WRONG)
    (tmp_path / "b.bt").write_text(HELLO)
    (tmp_path / "c.bt").write_text(WRONG)
    text = cli("check", "a.bt", "b.bt", "c.bt", status=1)
    assert "a.bt:1:" in text and "c.bt:1:" in text and "b.bt" not in text


def test_fmt(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.bt"
    path.write_text('BEGIN{printf("x\\n");}')
    formatted = cli("fmt", "a.bt")
    assert formatted != path.read_text()
    assert cli("fmt", "--check", "a.bt", status=1) == "a.bt\n"
    cli("fmt", "-i", "a.bt")
    assert path.read_text() == formatted
    assert cli("fmt", "--check", "a.bt") == ""


def test_kernel_list(cli: Cli) -> None:
    packs = json.loads(cli("kernel", "list", "--json"))
    assert {pack["arch"] for pack in packs if pack["default"]} == {"x86_64", "aarch64"}
    assert all(pack["name"] in cli("kernel", "list") for pack in packs)


def test_unknown_pack_names_the_known_ones(cli: Cli) -> None:
    text = cli("build", "-e", HELLO, "-o", "x", "--kernel", "linux-2.0", status=1)
    assert "there is no kernel pack 'linux-2.0'" in text and "linux-6.12-x86_64" in text
