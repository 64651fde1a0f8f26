"""Injection: the sections are there, the rest of the stub is as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from btaot_tool.inject import InjectError, inject
from btaot_tool.targets import TARGETS, host_target

META, TEXT = bytes(range(256)) * 5, b"\x95\0\0\0\0\0\0\0" * 3


def sections(path: Path) -> dict[str, bytes]:
    with path.open("rb") as stream:
        return {section.name: section.data() for section in ELFFile(stream).iter_sections()}


@pytest.mark.parametrize("target", TARGETS)
def test_sections_of_every_target(plain_stubs: Path, tmp_path: Path, target: str) -> None:
    output = tmp_path / "program"
    inject(plain_stubs / target, META, TEXT, output)
    found = sections(output)
    assert found[".btaot.meta"] == META and found[".btaot.text"] == TEXT
    assert output.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["program"], "no temporary file is left"


@pytest.mark.parametrize("target", TARGETS)
def test_only_what_gets_smaller_is_compressed(plain_stubs: Path, tmp_path: Path, target: str) -> None:
    inject(plain_stubs / target, bytes(5000), b"\x95", tmp_path / "program")
    with (tmp_path / "program").open("rb") as stream:
        packed = {section.name: section for section in ELFFile(stream).iter_sections()}
        assert packed[".btaot.meta"].compressed and packed[".btaot.meta"]["sh_size"] < 100
        assert packed[".btaot.meta"].data() == bytes(5000) and packed[".btaot.meta"].data_alignment == 8
        assert not packed[".btaot.text"].compressed and packed[".btaot.text"].data() == b"\x95"


def test_the_result_runs_and_is_the_same_each_time(plain_stubs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        inject(plain_stubs / host_target().name, META, TEXT, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert subprocess.run([tmp_path / "one"]).returncode == 0


def test_an_executable_is_no_stub(plain_stubs: Path, tmp_path: Path) -> None:
    inject(plain_stubs / host_target().name, META, TEXT, tmp_path / "program")
    with pytest.raises(InjectError, match=r"has a section \.btaot\.meta already"):
        inject(tmp_path / "program", META, TEXT, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_text_is_no_stub(tmp_path: Path) -> None:
    (tmp_path / "stub").write_text("no ELF")
    with pytest.raises(InjectError, match="no ELF file"):
        inject(tmp_path / "stub", META, TEXT, tmp_path / "program")
