"""Source lines that aot-rt finds, against pyelftools' reading of what compilers write; damaged sections do no harm."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from c_harness import build_harness
from elftools.elf.elffile import ELFFile

from btaot_tool.zig import zig_command

SOURCES = ("archive", "cursor", "dwarf", "elf_file", "inflate", "lines", "textbuf", "util", "str", "errno_text")
HERE = Path(__file__).parent
PROGRAM = HERE.parent / "run/target.c"


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness frees nothing."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the harness."""
    return build_harness(tmp_path_factory.mktemp("lines"), "test_lines", SOURCES)


def compiled(folder: Path, compiler: list[str], version: int) -> Path:
    """Compile a program from a directory above its source, so that the source's directory is a relative one."""
    (folder / "below").mkdir()
    shutil.copy(PROGRAM, folder / "below/traced.c")
    argv = [*compiler, "-O2", f"-gdwarf-{version}", "-ffunction-sections", "below/traced.c", "-o", "traced"]
    subprocess.run(argv, check=True, cwd=folder)
    return folder / "traced"


def expected(path: Path) -> dict[int, str]:
    """Return what pyelftools makes of the line programs: the last row of each address."""
    found = {}
    with path.open("rb") as stream:
        info = ELFFile(stream).get_dwarf_info()
        for unit in info.iter_CUs():
            program = info.line_program_for_CU(unit)
            if program is None:
                continue
            new = program["version"] >= 5
            for entry in program.get_entries():
                row = entry.state
                if row is None or row.end_sequence or not row.address:
                    continue
                file = program["file_entry"][row.file if new else row.file - 1]
                folders = program["include_directory"]
                base = folders[0].decode() if new else ""
                index = file.dir_index
                folder = folders[index if new else index - 1].decode() if index else ""
                found[row.address] = f"{base}|{folder}|{file.name.decode()}:{row.line}"
    return found


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_lines(lines: Path, tmp_path: Path, compiler: str, version: int) -> None:
    command = [*zig_command(), "cc", "-fno-sanitize=all"] if compiler == "zig" else ["gcc"]
    if not shutil.which(command[0]):
        pytest.skip("no gcc")
    program = compiled(tmp_path, command, version)
    rows = expected(program)
    assert len(rows) > 100
    asked = "".join(f"{address:x}\n" for address in rows)
    done = subprocess.run([lines, program], input=asked, capture_output=True, text=True, check=True)
    shown = dict(zip(rows, done.stdout.splitlines(), strict=True))
    # of several rows for an address that has no bytes in one sequence, the order of sequences decides
    wrong = {hex(a): (shown[a], rows[a]) for a in rows if shown[a] != rows[a]}
    assert len(wrong) <= len(rows) // 100, wrong
    assert any("traced.c" in line for line in shown.values())


@pytest.mark.parametrize("version", [2, 5])
def test_damaged_sections(lines: Path, tmp_path: Path, version: int) -> None:
    program = compiled(tmp_path, [*zig_command(), "cc", "-fno-sanitize=all"], version)
    rows = list(expected(program))
    asked = "".join(f"{address:x}\n" for address in random.Random(version).sample(rows, 20))
    for seed in range(60):
        subprocess.run([lines, program, str(seed)], input=asked.encode(), check=True, timeout=20)
