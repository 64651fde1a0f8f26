"""Fixtures and rules that all groups of tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

#: A compiler that does what the script says: a worker with this on its path has it instead of the real one.
STAND_IN = """
import os, sys, types
from dataclasses import dataclass, field

module = types.ModuleType("btaot_tool.compiler")

@dataclass
class Result:
    meta: bytes
    text: bytes
    diagnostics: list = field(default_factory=list)
    dependencies: list = field(default_factory=list)

def compile_script(source, options):
    import btaot_tool.stub
    from btaot_tool.diagnostics import CompileError, Diagnostic, Severity, Span
    btaot_tool.stub.stub_for = lambda stub, meta, text: stub  # what is made here is no payload to read
    if source.text == "die":
        os.write(2, b"LLVM ERROR: Cannot select: intrinsic\\n")
        os._exit(1)
    if source.text == "abort":
        os.abort()
    if source.text == "raise":
        raise KeyError("what")
    if source.text == "wrong":
        raise CompileError([Diagnostic(Severity.ERROR, "no", Span(source, 1, 1, 1, 6), "yes", "code")])
    if source.text == "print":
        print("noise on standard output")
    meta = source.text + options.signature() if "PAYLOAD" in os.environ else str(os.getpid())
    return Result(meta.encode(), b"text" * 2, [], [source.name])

module.compile_script = compile_script
sys.modules["btaot_tool.compiler"] = module
"""


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
    from btaot_tool.targets import TARGETS
    from btaot_tool.zig import zig_command

    folder = tmp_path_factory.mktemp("stubs")
    source = folder / "plain.c"
    source.write_text("int main(void) { return 0; }\n")
    for target in TARGETS.values():
        argv = [*zig_command(), "cc", "-target", target.zig, "-static", "-Os", "-s", str(source)]
        subprocess.run([*argv, "-o", str(folder / target.name)], check=True)
    return folder


@pytest.fixture(scope="session")
def stand_in_compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for PYTHONPATH: workers then have the stand-in for the compiler."""
    folder = tmp_path_factory.mktemp("stand-in")
    (folder / "sitecustomize.py").write_text(STAND_IN)
    return folder
