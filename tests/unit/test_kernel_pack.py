"""Kernel packs: the shipped ones, the file format and its cache, merging, scrambling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kernel_scramble import scramble, scramble_kernel

from btaot_tool.kernel.merged import MergedKernel, named_members
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

MAIN = "linux-6.12-x86_64"


@pytest.fixture(params=sorted(TARGETS))
def kernel(request: pytest.FixtureRequest) -> PackKernel | MergedKernel:
    return default_pack(request.param)


def _main_pack() -> PackKernel:
    """Return the one pack that lies over no other."""
    return PackKernel(read_pack(shipped_packs()[MAIN]))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_types(kernel: PackKernel | MergedKernel) -> None:
    task = kernel.struct("struct task_struct")
    assert task is not None
    members = {member.name: member for member in task.members}
    assert members["real_parent"].type == CPtr(CRef("struct task_struct"))
    assert members["sched_reset_on_fork"].bit_size == 1
    assert kernel.struct("struct there_is_none") is None
    pid = kernel.typedef("pid_t")
    assert pid is not None
    assert strip_typedefs(pid) == strip_typedefs(members["pid"].type)


@pytest.mark.parametrize("name", shipped_packs())
def test_every_struct_opens(name: str) -> None:
    types = PackKernel(read_pack(shipped_packs()[name])).types
    for struct in types.names("struct")[::5]:
        definition = types.struct(struct)
        assert definition is not None
        assert definition.name == struct


@pytest.mark.parametrize("name", shipped_packs())
def test_every_reference_resolves(name: str) -> None:
    pack = PackKernel(read_pack(shipped_packs()[name]))
    kernel = merge([pack, *(load_pack(below) for below in pack.source.over)])
    missing = set()
    for struct in pack.types.names("struct")[::17]:
        definition = kernel.struct(struct)
        assert definition is not None
        for member in definition.members:
            plain = strip_typedefs(member.type)
            if isinstance(plain, CRef) and kernel.struct(plain.name) is None and kernel.enum(plain.name) is None:
                missing.add(plain.name)
    assert not missing


@pytest.mark.parametrize(
    ("struct", "member"),
    [
        ("scsi_cmnd", "device"), ("ieee80211_channel", "center_freq"), ("kvm_vcpu", "vcpu_id"), ("xfs_inode", "i_ino"),
        ("btrfs_inode", "root"), ("nfs_inode", "fileid"), ("rpc_task", "tk_status"), ("nvme_ctrl", "instance"),
        ("i2c_client", "addr"), ("nf_conn", "status"), ("ext4_inode_info", "i_flags"), ("mddev", "raid_disks"),
        # Of Linux 5.10 only, and of 7.2 only.
        ("request", "rq_disk"), ("bio", "bi_disk"), ("task_struct", "state"),
    ],
)  # fmt: skip
def test_modules_and_other_kernels_are_known(kernel: PackKernel | MergedKernel, struct: str, member: str) -> None:
    definition = kernel.struct(f"struct {struct}")
    assert definition is not None
    assert member in {m.name for m in named_members(kernel, definition)}


@pytest.mark.parametrize(
    ("category", "name", "field"),
    [
        ("kvm", "kvm_exit", "exit_reason"), ("scsi", "scsi_dispatch_cmd_done", "result"),
        ("xfs", "xfs_file_buffered_read", "dev"),
        ("nfs", "nfs_writeback_done", "res_count"), ("nfsd", "nfsd_read_done", "len"),
        ("sunrpc", "rpc_task_begin", "action"),
        ("btrfs", "btrfs_sync_file", "ino"), ("nvme", "nvme_setup_cmd", "cid"), ("i2c", "i2c_write", "addr"),
        ("mac80211", "drv_start", "wiphy_name"), ("rxrpc", "rxrpc_abort", "abort_code"),
    ],
)  # fmt: skip
def test_tracepoints_of_modules(kernel: PackKernel | MergedKernel, category: str, name: str, field: str) -> None:
    tracepoint = kernel.tracepoint(category, name)
    assert tracepoint is not None
    assert field in {f.name for f in tracepoint.fields}
    assert kernel.raw_tracepoint(name) is not None


def test_own_architecture_is_asked_first() -> None:
    for target, member in {"x86_64": "r15", "aarch64": "orig_x0"}.items():
        names = [m.name for m in default_pack(target).struct("struct pt_regs").members]  # type: ignore[union-attr]
        assert member in names[:2]
    assert default_pack("aarch64").struct("struct user_pt_regs") is not None


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
def test_constants(name: str, kernel: PackKernel | MergedKernel) -> None:
    assert kernel.constant(name) == CONSTANTS[name]


def test_more_constants(kernel: PackKernel | MergedKernel) -> None:
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


def test_functions(kernel: PackKernel | MergedKernel) -> None:
    function = kernel.function("vfs_read")
    assert function is not None
    assert [name for name, _ in function.params] == ["file", "buf", "count", "pos"]


def test_tracepoints(kernel: PackKernel | MergedKernel) -> None:
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


def test_raw_tracepoint(kernel: PackKernel | MergedKernel) -> None:
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
        assert entry["architecture"] in TARGETS


def test_shipped_packs_are_small() -> None:
    sizes = [path.stat().st_size for path in shipped_packs().values()]
    assert max(sizes) < 3_000_000
    assert sum(sizes) < 10_000_000


def test_cache_gives_the_same(cache: Path) -> None:
    path = shipped_packs()[MAIN]
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
    path = shipped_packs()[MAIN]
    digest = read_pack(path).digest
    image = image_path(digest)
    assert image is not None
    for size in (0, 7, 100, image.stat().st_size - 100):
        image.write_bytes(image.read_bytes()[:size])
        assert PackKernel(read_pack(path)).struct("struct task_struct") is not None


def test_cache_need_not_be_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert PackKernel(read_pack(shipped_packs()[MAIN])).struct("struct task_struct") is not None


def test_round_trip(tmp_path: Path, cache: Path) -> None:
    data = _main_pack().data
    written = write_pack(tmp_path / "copy.btpack", data, fast=True)
    assert written.digest == data.digest
    assert load_pack(tmp_path / "copy.btpack").identity() == load_pack(MAIN).identity()


@pytest.mark.parametrize("at", [0, 9, 40, -100])
def test_damaged_pack_is_refused(at: int, tmp_path: Path, cache: Path) -> None:
    data = bytearray(shipped_packs()[MAIN].read_bytes())
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
    x86, arm = _main_pack(), PackKernel(read_pack(shipped_packs()["linux-6.12-aarch64"]))
    merged = merge([x86, arm])
    assert merged.identity() == f"{x86.identity()} + {arm.identity()}"
    first, both = x86.struct("struct thread_struct"), merged.struct("struct thread_struct")
    assert first is not None
    assert both is not None
    assert both.members[: len(first.members)] == first.members
    assert {"cpu_context", "es", "cr2"} <= {member.name for member in both.members}
    assert len({(m.bit_offset, m.name) for m in both.members}) == len(both.members)
    assert merged.struct("struct __arch_ftrace_regs") is not None
    assert any("struct __arch_ftrace_regs.regs is" in conflict for conflict in merged.conflicts())  # type: ignore[union-attr]
    assert merged.raw_tracepoint("sched_switch") == x86.raw_tracepoint("sched_switch")
    assert "syscalls" in merged.tracepoints()
    # A pack that is merged twice counts once.
    assert merge([merged, x86]).identity() == merged.identity()


def test_merged_anonymous_types_stay_apart() -> None:
    x86, arm = _main_pack(), PackKernel(read_pack(shipped_packs()["linux-6.12-aarch64"]))
    merged = merge([x86, arm])
    name = "struct pt_regs"
    theirs = [t.name for m in arm.struct(name).members if isinstance(t := strip_typedefs(m.type), CRef)]  # type: ignore[union-attr]
    assert any("(anon" in reference for reference in theirs)
    for reference in theirs:
        if "(anon" in reference:
            assert merge([arm, x86]).struct(reference) == arm.struct(reference)
            assert merged.struct(reference) == x86.struct(reference)


def test_scrambled_pack_differs_in_layout_only() -> None:
    plain = _main_pack()
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
    written = write_pack(tmp_path / "s.btpack", scramble(_main_pack().data, 2), fast=True)
    again = load_pack(tmp_path / "s.btpack")
    assert again.identity().endswith(written.digest)
    assert again.struct("struct sock") == PackKernel(written).struct("struct sock")
