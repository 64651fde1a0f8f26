"""Kernel packs: the shipped ones, the file format and its cache, merging, scrambling."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from kernel_scramble import scramble, scramble_kernel

from btaot_tool.kernel.pack import (
    MANIFEST,
    PackKernel,
    default_pack,
    load_pack,
    merge,
    pack_path,
    shipped_packs,
)
from btaot_tool.kernel.packfile import PackError, image_path, read_pack, write_pack
from btaot_tool.kernel.types import CPtr, CRef, TracepointField, strip_typedefs
from btaot_tool.targets import TARGETS


@pytest.fixture(params=sorted(TARGETS))
def kernel(request: pytest.FixtureRequest) -> PackKernel:
    return default_pack(request.param)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_types(kernel: PackKernel) -> None:
    task = kernel.struct("struct task_struct")
    assert task is not None
    members = {member.name: member for member in task.members}
    assert members["real_parent"].type == CPtr(CRef("struct task_struct"))
    assert members["sched_reset_on_fork"].bit_size == 1
    assert kernel.struct("struct there_is_none") is None
    pid = kernel.typedef("pid_t")
    assert pid is not None
    assert strip_typedefs(pid) == strip_typedefs(members["pid"].type)


def test_every_struct_opens(kernel: PackKernel) -> None:
    for name in kernel.types.names("struct"):
        definition = kernel.struct(name)
        assert definition is not None
        assert definition.name == name


def test_every_reference_resolves(kernel: PackKernel) -> None:
    missing = set()
    for name in kernel.types.names("struct")[::7]:
        definition = kernel.struct(name)
        assert definition is not None
        for member in definition.members:
            plain = strip_typedefs(member.type)
            if isinstance(plain, CRef) and kernel.struct(plain.name) is None and kernel.enum(plain.name) is None:
                missing.add(plain.name)
    assert not missing


CONSTANTS = {
    "AF_INET": 2,
    "ENOENT": 2,
    "DT_REG": 8,
    "TASK_INTERRUPTIBLE": 1,
    "ICMP_ECHO": 8,
    "MAP_SHARED": 1,
    "O_CREAT": 0o100,
    "S_IFMT": 0o170000,
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name: str, kernel: PackKernel) -> None:
    assert kernel.constant(name) == CONSTANTS[name]


def test_more_constants(kernel: PackKernel) -> None:
    assert kernel.constant("ULONG_MAX") == 2**64 - 1
    assert kernel.constant("PF_KTHREAD") == 0x200000
    assert kernel.constant("__GFP_IO") == 0x40
    assert kernel.constant("AT_FDCWD") == -100
    assert kernel.constant("THERE_IS_NONE") is None
    assert kernel.constant("") is None
    for name, value in {"TCP_ESTABLISHED": 1, "SOCK_STREAM": 1, "IPPROTO_TCP": 6, "REQ_OP_WRITE": 1}.items():
        found = kernel.enumerator(name)
        assert found is not None
        assert found[1] == value


def test_functions(kernel: PackKernel) -> None:
    function = kernel.function("vfs_read")
    assert function is not None
    assert [name for name, _ in function.params] == ["file", "buf", "count", "pos"]


def test_tracepoints(kernel: PackKernel) -> None:
    switch = kernel.tracepoint("sched", "sched_switch")
    assert switch is not None
    fields = {field.name: field for field in switch.fields}
    assert fields["prev_comm"] == TracepointField("prev_comm", "char", 8, 16, False, 16)
    assert "common_pid" not in fields
    assert kernel.tracepoint("sched", "absent") is None
    assert kernel.tracepoint("sched", "sched_switc") is None
    assert "sys_enter_openat" in kernel.tracepoints()["syscalls"]
    opened = kernel.tracepoint("syscalls", "sys_enter_openat")
    assert opened is not None
    assert next(f for f in opened.fields if f.name == "filename").type == "const char *"


def test_raw_tracepoint(kernel: PackKernel) -> None:
    proto = kernel.raw_tracepoint("sched_switch")
    assert proto is not None
    assert [name for name, _ in proto.params] == ["preempt", "prev", "next", "prev_state"]
    assert kernel.raw_tracepoint("absent") is None


def test_manifest_is_current() -> None:
    import hashlib

    packs = json.loads(MANIFEST.read_text())["packs"]
    assert packs.keys() == shipped_packs().keys()
    for name, entry in packs.items():
        assert hashlib.sha256(shipped_packs()[name].read_bytes()).hexdigest() == entry["sha256"]
        assert entry["package"]
        assert entry["version"]
        assert entry["architecture"] in TARGETS


def test_shipped_packs_are_small() -> None:
    for path in shipped_packs().values():
        assert path.stat().st_size < 1_300_000


def test_cache_gives_the_same(cache: Path) -> None:
    path = shipped_packs()["linux-6.12-x86_64"]
    fresh, cached = read_pack(path), read_pack(path)
    image = image_path(fresh.digest)
    assert image is not None
    assert image.exists()
    assert {name: column.tobytes() for name, column in fresh.columns.data.items()} == {
        name: column.tobytes() for name, column in cached.columns.data.items()
    }
    assert fresh.columns.strings == cached.columns.strings
    assert (fresh.tracepoints, fresh.constants) == (cached.tracepoints, cached.constants)


def test_cut_cache_is_made_again(cache: Path) -> None:
    path = shipped_packs()["linux-6.12-x86_64"]
    digest = read_pack(path).digest
    image = image_path(digest)
    assert image is not None
    for size in (0, 7, 100, image.stat().st_size - 100):
        image.write_bytes(image.read_bytes()[:size])
        assert PackKernel(read_pack(path)).struct("struct task_struct") is not None


def test_cache_need_not_be_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert PackKernel(read_pack(shipped_packs()["linux-6.12-x86_64"])).struct("struct task_struct") is not None


def test_opening_is_fast(cache: Path) -> None:
    path = shipped_packs()["linux-6.12-x86_64"]
    read_pack(path)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert PackKernel(read_pack(path)).struct("struct sock") is not None
        times.append(time.perf_counter() - start)
    assert min(times) < 0.03


def test_round_trip(tmp_path: Path, cache: Path) -> None:
    data = default_pack("x86_64").data
    written = write_pack(tmp_path / "copy.btpack", data, fast=True)
    assert written.digest == data.digest
    assert load_pack(tmp_path / "copy.btpack").identity() == default_pack("x86_64").identity()


@pytest.mark.parametrize("at", [0, 9, 40, -100])
def test_damaged_pack_is_refused(at: int, tmp_path: Path, cache: Path) -> None:
    data = bytearray(shipped_packs()["linux-6.12-x86_64"].read_bytes())
    data[at] ^= 0xFF
    path = tmp_path / "damaged.btpack"
    path.write_bytes(data)
    with pytest.raises(PackError):
        read_pack(path)


def test_unknown_pack_says_what_is_known() -> None:
    with pytest.raises(PackError, match=r"linux-6.12-x86_64.*btaot kernel capture"):
        pack_path("linux-9.9-x86_64")
    with pytest.raises(PackError, match="cannot read"):
        load_pack("/nowhere/x.btpack")


def test_merged_packs() -> None:
    x86, arm = default_pack("x86_64"), default_pack("aarch64")
    merged = merge([x86, arm])
    assert merged.identity() == f"{x86.identity()} + {arm.identity()}"
    first, both = x86.struct("struct thread_struct"), merged.struct("struct thread_struct")
    assert first is not None
    assert both is not None
    assert both.members[: len(first.members)] == first.members
    assert {"cpu_context", "es", "cr2"} <= {member.name for member in both.members}
    assert len({(m.bit_offset, m.name) for m in both.members}) == len(both.members)
    assert merged.struct("struct __arch_ftrace_regs") is not None
    assert any("struct __arch_ftrace_regs.regs is" in conflict for conflict in merged.conflicts())  # type: ignore[attr-defined]
    assert merged.raw_tracepoint("sched_switch") == x86.raw_tracepoint("sched_switch")
    assert "syscalls" in merged.tracepoints()


def test_merged_anonymous_types_stay_apart() -> None:
    x86, arm = default_pack("x86_64"), default_pack("aarch64")
    merged = merge([x86, arm])
    name = "struct pt_regs"
    only_arm = merge([arm, x86]).struct(name)
    assert only_arm is not None
    theirs = [t.name for m in arm.struct(name).members if isinstance(t := strip_typedefs(m.type), CRef)]  # type: ignore[union-attr]
    for reference in theirs:
        assert merge([arm, x86]).struct(reference) == arm.struct(reference)
        if "(anon" in reference:
            assert merged.struct(reference) == x86.struct(reference)


def test_scrambled_pack_differs_in_layout_only() -> None:
    plain = default_pack("x86_64")
    scrambled = scramble_kernel(plain, 1)
    one, two = plain.struct("struct task_struct"), scrambled.struct("struct task_struct")
    assert one is not None
    assert two is not None
    assert [(m.name, m.type, m.bit_size) for m in one.members] == [(m.name, m.type, m.bit_size) for m in two.members]
    assert one.size != two.size
    assert [m.bit_offset for m in one.members] != [m.bit_offset for m in two.members]
    before, after = plain.tracepoint("sched", "sched_switch"), scrambled.tracepoint("sched", "sched_switch")
    assert before is not None
    assert after is not None
    assert [f.name for f in before.fields] == [f.name for f in after.fields]
    assert before != after


def test_scrambled_pack_can_be_written(tmp_path: Path, cache: Path) -> None:
    written = write_pack(tmp_path / "s.btpack", scramble(default_pack("x86_64").data, 2), fast=True)
    again = load_pack(tmp_path / "s.btpack")
    assert again.identity().endswith(written.digest)
    assert again.struct("struct sock") == PackKernel(written).struct("struct sock")
