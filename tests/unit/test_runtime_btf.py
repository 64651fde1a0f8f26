"""The reader of kernel types of aot-rt: known BTF, and damaged BTF under AddressSanitizer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from c_harness import build_harness
from elftools.elf.elffile import ELFFile

from btaot_tool.zig import zig_command

HERE = Path(__file__).parent / "c"
SOURCES = ("btf", "btf_index", "section", "str", "util")
#: Kernels before 6.16 cannot map their BTF: the same results must come through read().
WITHOUT_MMAP = "-DBTF_NO_MMAP"
SHOWN = """\
task_struct.comm[2]: 0 6 1 56 56
struct task_struct.o.in[1].f2: 0 64 4 52 55
outer_t.in[1].c: 0 42 1 56 56
inner___old.f1: 0 8 4 61 61
task_struct.counter: 0 96 4 32 32
task_struct.p: 0 72 8 0 0
task_struct.nope: -2 0 0 0 0
nothing.a: -3 0 0 0 0
sizeof: 0 104
B: 0 -2
vfs_read: found
"""


@pytest.fixture(scope="module")
def btf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with raw BTF in the byte order of this machine."""
    directory = tmp_path_factory.mktemp("btf")
    target = "bpfel-freestanding" if sys.byteorder == "little" else "bpfeb-freestanding"
    argv = [*zig_command(), "cc", "-target", target, "-g", "-O1", "-c", str(HERE / "btf_types.c"), "-o", "types.o"]
    subprocess.run(argv, cwd=directory, check=True, capture_output=True, text=True)
    with (directory / "types.o").open("rb") as file:
        (directory / "types.btf").write_bytes(ELFFile(file).get_section_by_name(".BTF").data())
    return directory / "types.btf"


@pytest.fixture(scope="module", params=["mmap", "read"])
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    flags = [WITHOUT_MMAP] if request.param == "read" else []
    return build_harness(tmp_path_factory.mktemp("reader"), "fuzz_btf", SOURCES, flags)


def run(*argv: str | Path) -> str:
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fields_sizes_enumerators(reader: Path, btf: Path) -> None:
    assert run(reader, "show", btf) == SHOWN


def test_damaged_types_do_no_harm(reader: Path, btf: Path) -> None:
    run(reader, "mutate", btf, "4000")
