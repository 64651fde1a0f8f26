"""The output side of aot-rt: each C program of ``tests/unit/c`` that includes ``mock.h`` is compiled and run."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from btaot_tool.payload.header import c_header
from btaot_tool.stub import LAYOUT_HEADER, runtime_dir
from btaot_tool.zig import zig_command

HERE = Path(__file__).parent / "c"
PROGRAMS = sorted(path for path in HERE.glob("test_*.c") if '"mock.h"' in path.read_text(encoding="utf-8"))
#: Sources that the tests are linked with; maps.h is replaced by mock.c.
SOURCES = (
    "action", "archive", "async", "cgroup", "clock", "cursor", "cxx_name", "cxx_piece", "debug_file", "dwarf",
    "elf_file", "errno_text", "format", "hist", "inflate", "inlined", "json", "ksyms", "ksyms_table", "lines",
    "map_rows", "message", "names", "output", "parts", "print_map", "stack", "str", "strftime", "sys_bpf", "textbuf",
    "tseries", "usyms", "util", "value", "zone", "libc/memory", "libc/system", "libc/directory", "libc/text",
)  # fmt: skip
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fsanitize-trap=undefined")


@pytest.fixture(scope="session")
def layout_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the generated header."""
    directory = tmp_path_factory.mktemp("layout")
    (directory / LAYOUT_HEADER).write_text(c_header(), encoding="utf-8")
    return directory


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(program: Path, layout_dir: Path, tmp_path: Path) -> None:
    """Compile with undefined-behaviour traps for musl, as the stub is, and run."""
    source = runtime_dir()
    binary = tmp_path / program.stem
    argv = [
        *zig_command(), "cc", "-target", f"{platform.machine()}-linux-musl", "-static", *FLAGS,
        f"-I{layout_dir}", f"-I{source}", f"-I{HERE}", str(program), str(HERE / "mock.c"),
        *(str(source / f"{name}.c") for name in SOURCES), "-o", str(binary),
    ]  # fmt: skip
    subprocess.run(argv, check=True, capture_output=True, text=True)
    done = subprocess.run([binary], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
