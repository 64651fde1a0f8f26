"""The stub: toolchains, the cache, and what the result must be."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from btaot_tool import stub
from btaot_tool.cache import cache_dir, temporary_cache
from btaot_tool.targets import TARGETS, find_target
from btaot_tool.variants import VARIANTS


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_a_toolchain_file(name: str) -> None:
    assert stub.find_toolchain(TARGETS[name]).command[-1] == TARGETS[name].zig
    assert stub.toolchain_file(TARGETS[name]).is_file()


def test_unknown_toolchain() -> None:
    with pytest.raises(stub.ToolchainError, match="unknown toolchain 'tcc'; known: zig, gnu"):
        stub.find_toolchain(find_target("x86_64"), "tcc")


def test_missing_gnu_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(stub.ToolchainError, match="looked for aarch64-linux-musl-gcc, aarch64-linux-gnu-gcc"):
        stub.find_toolchain(find_target("aarch64"), "gnu")


@pytest.mark.parametrize("name", TARGETS)
def test_the_stub_is_small_static_and_names_no_path(name: str, tmp_path: Path, root_dir: Path) -> None:
    toolchain = stub.find_toolchain(TARGETS[name])
    one, two = tmp_path / "one", tmp_path / "two"
    stub.compile_stub(toolchain, one)
    stub.compile_stub(toolchain, two)
    data = one.read_bytes()
    assert data == two.read_bytes()
    assert str(root_dir).encode() not in data and b"/tmp/" not in data.replace(b"/tmp/perf-", b"")
    with one.open("rb") as stream:
        elf = ELFFile(stream)
        assert elf.header["e_machine"] == {62: "EM_X86_64", 183: "EM_AARCH64"}[TARGETS[name].machine]
        assert not [s for s in elf.iter_segments() if s["p_type"] in ("PT_INTERP", "PT_DYNAMIC")]
    assert len(data) < 150_000


def test_the_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setenv("BTAOT_CACHE", str(tmp_path))
    monkeypatch.setattr(
        stub, "compile_stub", lambda chain, path, variant: (made.append(path), path.write_text(variant.name))
    )
    first = stub.cached_stub(find_target("x86_64"))
    assert first == stub.cached_stub(find_target("x86_64")) == made[0]
    assert stub.cached_stub(find_target("x86_64"), variant=VARIANTS[1]) == first.with_name(f"{first.name}-lines")
    assert [path.read_text() for path in made] == ["plain", "lines"]
    monkeypatch.setattr(stub, "_CFLAGS", (*stub._CFLAGS, "-DX"))
    assert stub.cached_stub(find_target("x86_64")) != first, "other flags, other stub"


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BTAOT_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(stub.ToolchainError, match=r"nothing can be kept in .*file/cache: (?s:.*)set BTAOT_CACHE"):
        stub.cached_stub(find_target("x86_64"))


def test_without_a_home_the_cache_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BTAOT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert cache_dir() == cache_dir() == temporary_cache()
    assert cache_dir().stat().st_mode & 0o777 == 0o700


def _code(path: Path) -> bytes:
    with path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".text")
        assert section is not None
        return bytes(section.data())


def _thread_accesses(machine: str, code: bytes) -> int:
    """Count instructions that read the thread pointer: mov %fs:0 on x86_64, mrs tpidr_el0 on aarch64."""
    if machine == "x86_64":
        return len(re.findall(rb"\x64\x4c?\x48?\x8b[\x04\x0c\x14\x1c\x24\x2c\x34\x3c]\x25\0\0\0\0", code))
    words = struct.unpack(f"<{len(code) // 4}I", code[: len(code) // 4 * 4])
    return sum(word & 0xFFFFFFE0 == 0xD53BD040 for word in words)


@pytest.mark.parametrize("name", TARGETS)
def test_no_thread_local_storage(name: str, tmp_path: Path) -> None:
    """The stub's own start sets up no thread pointer: a libc function that wants one would crash (libc/start.c)."""
    own, ordinary = tmp_path / "own", tmp_path / "ordinary"
    toolchain = stub.find_toolchain(TARGETS[name])
    stub.compile_stub(toolchain, own)
    source = tmp_path / "t.c"
    source.write_text("#include <errno.h>\nint main(void) { return errno; }\n")
    subprocess.run([*toolchain.command, "-Os", "-static", str(source), "-o", str(ordinary)], check=True)
    assert _thread_accesses(name, _code(ordinary)) > 0  # the search finds what it looks for
    assert _thread_accesses(name, _code(own)) == 0
