"""Programs of ``tests/unit/c`` that run parts of aot-rt by themselves, under AddressSanitizer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from btaot_tool.payload.header import c_header
from btaot_tool.stub import LAYOUT_HEADER, runtime_dir

HERE = Path(__file__).parent / "c"
FLAGS = ("-std=gnu11", "-O1", "-g", "-D_GNU_SOURCE", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build_harness(folder: Path, program: str, sources: Iterable[str], flags: Iterable[str] = ()) -> Path:
    """Compile ``c/PROGRAM.c`` and these sources of aot-rt into ``folder``; return the executable's path.

    zig's clang has no AddressSanitizer runtime, so this needs a compiler of the host; the test is skipped without one.
    """
    compiler = shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no host compiler with AddressSanitizer")
    (folder / LAYOUT_HEADER).write_text(c_header(), encoding="utf-8")
    inputs = [HERE / f"{program}.c", *(runtime_dir() / f"{name}.c" for name in sources)]
    argv = [compiler, *FLAGS, "-Wall", "-Wextra", *flags, "-iquote", folder, "-iquote", runtime_dir(), *inputs]
    done = subprocess.run([*map(str, argv), "-o", str(folder / program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / program
