"""Unwind rules that aot-rt reads from .eh_frame, against pyelftools' reading of them; damaged sections do no harm."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from c_harness import build_harness
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from btaot_tool.zig import zig_command

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="unwind tables are read on x86_64 only")

SOURCES = ("archive", "cursor", "eh_frame", "elf_file", "util", "str", "errno_text")
HERE = Path(__file__).parent
PROGRAM = HERE.parent / "run/unwound.c"
SAME, UNDEFINED, VALUE, MEMORY, PLT = 1, 2, 3, 4, 5
CFA = 17
REGISTERS = (16, 6, 3)  # rip, rbp, rbx: the order of a rule's words
KINDS = {"OFFSET": MEMORY, "VAL_OFFSET": VALUE}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the harness."""
    return build_harness(tmp_path_factory.mktemp("eh_frame"), "test_eh_frame", SOURCES)


@pytest.fixture(scope="module", params=["gcc", "gcc-static", "zig"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program; glibc in it has rules of every kind, a dynamic one a procedure linkage table."""
    zig = [*zig_command(), "cc", "-target", "x86_64-linux-musl", "-static"]
    command = {"gcc": ["gcc"], "gcc-static": ["gcc", "-static"], "zig": zig}[request.param]
    if not shutil.which(command[0]):
        pytest.skip("no gcc")
    output = tmp_path_factory.mktemp(request.param) / "unwound"
    subprocess.run([*command, "-O2", "-pthread", str(PROGRAM), "-o", str(output)], check=True)
    return output


def expected(path: Path) -> dict[int, list[tuple[int, int, int] | None]]:
    """Return address -> words; None for what pyelftools gives as an expression."""
    found = {}
    with path.open("rb") as stream:
        for entry in ELFFile(stream).get_dwarf_info().EH_CFI_entries():
            if not isinstance(entry, FDE):
                continue
            for row in entry.get_decoded().table:
                cfa = row["cfa"]
                words: list[tuple[int, int, int] | None] = [None if cfa.expr else (VALUE, cfa.reg, cfa.offset)]
                for register in REGISTERS:
                    rule = row.get(register)
                    if rule is None or rule.type == "SAME_VALUE":
                        words.append((SAME, 0, 0))
                    elif rule.type == "UNDEFINED":
                        words.append((UNDEFINED, 0, 0))
                    else:
                        words.append((KINDS[rule.type], CFA, rule.arg) if rule.type in KINDS else None)
                found[row["pc"]] = words
    return found


def test_rules(reader: Path, program: Path) -> None:
    lines = subprocess.run([reader, program], capture_output=True, text=True, check=True).stdout.splitlines()
    shown = {}
    for line in lines:
        address, *words = line.split()
        if words != ["-"]:
            shown[int(address, 16)] = [tuple(map(int, word.split(","))) for word in words]
    wanted = expected(program)
    assert len(wanted) > 30
    for address, words in wanted.items():
        for have, want in zip(shown[address], words, strict=True):
            assert want is None or have == want, hex(address)
    pairs = [pair for address, words in wanted.items() for pair in zip(shown[address], words, strict=True)]
    expressions = {have[:2] for have, want in pairs if want is None}
    if "gcc" in str(program):
        assert ((MEMORY, 7) if "static" in str(program) else (PLT, 7)) in expressions


def test_damaged_sections(reader: Path, program: Path) -> None:
    for seed in range(100):
        subprocess.run([reader, program, str(seed)], check=True, timeout=20)
