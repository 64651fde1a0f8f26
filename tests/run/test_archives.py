"""Functions of libraries inside of zip archives, as Android has them: ``app.apk!/lib/x.so``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from harness import Builder, run
from programs import BUILD_ID, LIBRARY, compile_program

from btaot_tool.dwarf.elf import ElfProgram
from btaot_tool.targets import host_target

PAGE = 4096


def add_aligned(archive: zipfile.ZipFile, name: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> int:
    """Add a member whose bytes begin at a page, as the loader wants them; return where."""
    info = zipfile.ZipInfo(name)
    info.compress_type = compression
    assert archive.fp is not None
    begin = archive.fp.tell() + 30 + len(name)
    padding = -(begin + 4) % PAGE
    info.extra = b"\xff\xff" + padding.to_bytes(2, "little") + bytes(padding)
    archive.writestr(info, data)
    return begin + 4 + padding


@pytest.fixture(scope="module")
def mapper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("mapper"), host_target(), "mapped.c")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_program(tmp_path_factory.mktemp("library"), host_target(), "library.c", *LIBRARY, BUILD_ID)


def offset_of(library: Path, function: str) -> int:
    """Return where a function is in its file."""
    elf = ElfProgram(library)
    address = elf.functions[function]
    return next(
        address - s["p_vaddr"] + s["p_offset"]
        for s in elf.elf.iter_segments("PT_LOAD")
        if s["p_vaddr"] <= address < s["p_vaddr"] + s["p_filesz"]
    )


@pytest.mark.parametrize("comment", [b"", b"a comment at the end"])
def test_function_in_an_archive(build: Builder, mapper: Path, library: Path, tmp_path: Path, comment: bytes) -> None:
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first.txt", "some text")
        begin = add_aligned(archive, "lib/libx.so", library.read_bytes())
        add_aligned(archive, "lib/packed.so", library.read_bytes(), zipfile.ZIP_DEFLATED)
        archive.comment = comment
    binary = build(f'uprobe:"{path}!/lib/libx.so":next {{ printf("%s %d %s\\n", func, arg0, probe); }}')
    outcome = run([binary, "-q", "-c", f"{mapper} {path} {begin + offset_of(library, 'next')}"])
    assert outcome.stdout.strip() == f"next 41 uprobe:{path}!/lib/libx.so:next", outcome
    assert outcome.status == 0


@pytest.mark.parametrize("member", ["lib/none.so", "lib/packed.so", "first.txt"])
def test_what_is_no_library_in_an_archive(build: Builder, library: Path, tmp_path: Path, member: str) -> None:
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first.txt", "some text that is long enough for a header of sixty-four bytes, and more")
        add_aligned(archive, "lib/packed.so", library.read_bytes(), zipfile.ZIP_DEFLATED)
    outcome = run([build(f'uprobe:"{path}!/{member}":next {{ }}')])
    assert outcome.status == 1 and f"cannot read {path}!/{member}: " in outcome.stderr, outcome
