"""Inlined functions that aot-rt finds, against pyelftools' reading of the entries; damaged sections do no harm."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from c_harness import build_harness
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile

from btaot_tool.zig import zig_command

HERE = Path(__file__).parent
SOURCES = (
    *("archive", "cursor", "dwarf", "elf_file", "inflate", "inlined", "lines", "textbuf"),
    *("util", "str", "errno_text"),
)
ZIG = [*zig_command(), "c++", "-fno-sanitize=all"]
COMPILERS = {
    **{f"zig-{version}": [*ZIG, f"-gdwarf-{version}"] for version in (2, 3, 4, 5)},
    **{f"gcc-{version}": ["g++", f"-gdwarf-{version}"] for version in (2, 3, 4, 5)},
    "zig-32": [*ZIG, "-gdwarf-5", "-target", "x86-linux-musl"],
    "zig-zlib": [*ZIG, "-gdwarf-5", "-gz=zlib"],
    "gcc-lto": ["g++", "-gdwarf-5", "-flto"],
    "gcc-zlib": ["g++", "-gdwarf-4", "-gz=zlib"],
}


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness frees nothing."""
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")


@pytest.fixture(scope="module")
def inlined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the harness."""
    return build_harness(tmp_path_factory.mktemp("inlined"), "test_inlined", SOURCES)


def compiled(folder: Path, compiler: list[str]) -> Path:
    if not shutil.which(compiler[0]):
        pytest.skip(f"no {compiler[0]}")
    shutil.copytree(HERE / "inlined", folder / "source")
    argv = [*compiler, "-O2", "-ffunction-sections", "-nostdlib++", "source/main.cpp", "source/other.cpp"]
    argv = [word for word in argv if word != "-nostdlib++" or compiler[0] != "g++"]
    subprocess.run([*argv, "-o", "program"], check=True, cwd=folder)
    return folder / "program"


def _covers(info: DWARFInfo, unit: CompileUnit, entry: DIE) -> Iterator[tuple[int, int]]:
    known = entry.attributes
    if "DW_AT_ranges" in known:
        top = unit.get_top_DIE().attributes
        base = top["DW_AT_low_pc"].value if "DW_AT_low_pc" in top else 0
        lists = info.range_lists()
        assert lists is not None
        for part in lists.get_range_list_at_offset(known["DW_AT_ranges"].value, unit):
            if hasattr(part, "base_address"):
                base = part.base_address
            else:
                extra = 0 if part.is_absolute else base
                yield part.begin_offset + extra, part.end_offset + extra
    elif "DW_AT_high_pc" in known:
        low, high = known["DW_AT_low_pc"].value, known["DW_AT_high_pc"]
        yield low, high.value + (0 if high.form == "DW_FORM_addr" else low)


def _name(entry: DIE) -> str:
    for key in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name"):
        if key in entry.attributes:
            return str(entry.attributes[key].value.decode())
    for key in ("DW_AT_abstract_origin", "DW_AT_specification"):
        if key in entry.attributes:
            return _name(entry.get_DIE_from_attribute(key))
    return str(entry.attributes["DW_AT_name"].value.decode())


def expected(path: Path) -> list[tuple[int, int, str]]:
    """Return all inlined calls: the first address, the one behind, "name@directory/file:line"; outer ones come first.

    What the linker has left out begins at 0.
    """
    found = []
    with path.open("rb") as stream:
        info = ELFFile(stream).get_dwarf_info()
        for unit in info.iter_CUs():
            program = info.line_program_for_CU(unit)
            for entry in unit.iter_DIEs():
                if entry.tag != "DW_TAG_inlined_subroutine" or program is None:
                    continue
                number = entry.attributes["DW_AT_call_file"].value
                file = program["file_entry"][number if program["version"] >= 5 else number - 1].name.decode()
                folder = unit.get_top_DIE().attributes["DW_AT_comp_dir"].value.decode()
                text = f"{_name(entry)}@{folder}/{file}:{entry.attributes['DW_AT_call_line'].value}"
                found += [(low, high, text) for low, high in _covers(info, unit, entry) if low > high - low]
    return found


@pytest.mark.parametrize("kind", COMPILERS)
def test_inlined(inlined: Path, tmp_path: Path, kind: str) -> None:
    program = compiled(tmp_path, COMPILERS[kind])
    calls = expected(program)
    assert max(sum(a <= low < b for a, b, _ in calls) for low, _, _ in calls) >= 3
    addresses = sorted({a for low, high, _ in calls for a in (*range(low - 1, high + 1, 3), low, high - 1, high)})
    asked = "".join(f"{address:x}\n" for address in addresses)
    done = subprocess.run([inlined, program], input=asked, capture_output=True, text=True, check=True)
    shown = done.stdout.splitlines()
    names = [text.partition("@")[0] for _, _, text in calls]
    assert {"_ZNK11outer_space5Thing5twiceEv", "_ZN11outer_space5Thing3addIlEET_S2_"} <= set(names), names
    for address, line in zip(addresses, shown, strict=True):
        wanted = " ".join(text for low, high, text in calls if low <= address < high)
        assert line == wanted, hex(address)


@pytest.mark.parametrize("kind", ["zig-5", "gcc-4", "gcc-lto"])
def test_damaged_sections(inlined: Path, tmp_path: Path, kind: str) -> None:
    program = compiled(tmp_path, COMPILERS[kind])
    calls = [low for low, _, _ in expected(program)]
    asked = "".join(f"{address:x}\n" for address in random.Random(1).sample(calls, min(len(calls), 10)))
    for seed in range(60):
        subprocess.run([inlined, program, str(seed)], input=asked.encode(), check=True, timeout=20)
