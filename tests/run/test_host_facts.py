"""Builtins and functions whose values the system knows by another way: both are asked."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Builder, Traced, run

from btaot_tool.diagnostics import CompileError

SO_COOKIE = 57
RING_BUFFER = 27  # BPF_MAP_TYPE_RINGBUF


# ---- cgroups ---------------------------------------------------------------------------------------


def hierarchy() -> Path:
    """Return where the unified hierarchy is mounted."""
    rows = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    places = [row[1] for row in rows if row[2] == "cgroup2"]
    if not places:
        pytest.skip("no cgroup2 is mounted")
    return Path(places[0])


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A new cgroup, for the test's own process to be put in."""
    folder = hierarchy() / f"btaot-test-{os.getpid()}" / "inner"
    folder.mkdir(parents=True)
    yield folder
    folder.rmdir()
    folder.parent.rmdir()


def test_cgroup(build: Builder, target: Path, cgroup: Path) -> None:
    """Its id is the inode of its directory; its path is that below the mount."""
    number = cgroup.stat().st_ino
    script = (
        f'uprobe:{target}:add / cgroup == cgroupid("{cgroup}") / '
        f'{{ print(cgroup); print(cgroup_path(cgroup, "unified")); print(cgroup_path(cgroup)); '
        f'@[cgroup_path(cgroup, "uni*")] = 1; exit(); }} '
    )
    traced = Traced([build(script)])
    enter = f"echo $$ >{cgroup}/cgroup.procs && exec {target} add=1"
    subprocess.run([target, "add=1"], check=True)
    subprocess.run(["sh", "-c", enter], check=True)
    lines = traced.finish().stdout.split()
    path = f"unified:/{cgroup.relative_to(hierarchy())}"
    assert lines[0] == str(number)
    assert path in lines[1].split(",")
    assert path in lines[2].split(",")
    assert path in lines[3].removeprefix("@[").removesuffix("]:").split(",")


def test_cgroup_that_is_not_there(build: Builder) -> None:
    outcome = run([build('begin { print(cgroupid("/no/such/cgroup")); exit(); }')])
    assert (outcome.stdout, outcome.status) == ("", 1)
    assert "cannot find the id of the cgroup /no/such/cgroup: No such file or directory" in outcome.stderr
    assert run([build("begin { print(cgroup_path(99999999)); exit(); }")]).stdout == "\n\n\n"


# ---- processors, clocks ----------------------------------------------------------------------------


def test_numaid(build: Builder, target: Path) -> None:
    """The node of each processor, as sysfs lists it."""
    nodes = {}
    for folder in Path("/sys/devices/system/cpu").glob("cpu[0-9]*"):
        node = [entry.name for entry in folder.iterdir() if re.fullmatch(r"node\d+", entry.name)]
        nodes[int(folder.name[3:])] = int(node[0][4:]) if node else 0
    if not nodes:
        pytest.skip("sysfs lists no processors")
    traced = Traced([build(f"uprobe:{target}:add {{ @[cpu, numaid] = count(); }}")])
    for cpu in sorted(os.sched_getaffinity(0)):
        subprocess.run(["taskset", "-c", str(cpu), target, "add=1"], check=True)
    rows = re.findall(r"^@\[(\d+), (\d+)\]", traced.stop().stdout, re.M)
    assert {int(cpu): int(node) for cpu, node in rows} == {cpu: nodes[cpu] for cpu in os.sched_getaffinity(0)}


# ---- sockets, files --------------------------------------------------------------------------------


def test_socket_cookie(build: Builder) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        cookie = struct.unpack("=Q", listening.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]
        outcome = run([build('iter:tcp { printf("%d %lu\\n", ctx.sk_common.skc_num, socket_cookie(ctx.sk_common)); }')])
        assert f"{listening.getsockname()[1]} {cookie}" in outcome.stdout.splitlines(), outcome


def test_path(build: Builder, tmp_path: Path) -> None:
    """The path of an open file; too long a one is cut at its front."""
    script = (
        "iter:task_file / ctx.task.tgid == $1 && ctx.fd == $2 / "
        "{ print(path(ctx.file.f_path)); print(path(ctx.file.f_path, 8)); }"
    )
    with (tmp_path / "opened").open("w") as file:
        outcome = run([build(script), str(os.getpid()), str(file.fileno())])
    assert outcome.stdout.split() == [str(tmp_path / "opened"), str(tmp_path / "opened")[-7:]], outcome


# ---- debugf ----------------------------------------------------------------------------------------


def test_debugf(build: Builder) -> None:
    """It writes to the kernel's trace, which is looked at in a private mount namespace."""
    mark = f"btaot-{os.getpid()}"
    script = 'begin { debugf("%s %d %x\\n", str($1), -5, 255); exit(); }'
    shell = 'mount -t tracefs none /sys/kernel/tracing && "$0" "$1" >/dev/null 2>&1 && cat /sys/kernel/tracing/trace'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell, build(script), mark], capture_output=True, text=True, check=True
    )
    assert re.search(rf"bpf_trace_printk: {mark} -5 ff$", done.stdout, re.M), done.stdout[-2000:]


# ---- what the configuration changes in the kernel ---------------------------------------------------


def ring_buffer(process: int) -> int:
    """Return the bytes of a process's ring buffer."""
    for entry in Path(f"/proc/{process}/fdinfo").iterdir():
        values = dict(line.split(":\t", 1) for line in entry.read_text().splitlines() if ":\t" in line)
        if values.get("map_type") == str(RING_BUFFER):
            return int(values["max_entries"])
    raise AssertionError("no ring buffer")


@pytest.mark.parametrize(("pages", "expected"), [(64, 64), (100, 128), (1, None)])
def test_perf_rb_pages(build: Builder, pages: int, expected: int | None) -> None:
    """A power of two of pages, at least one for each processor."""
    page = os.sysconf("SC_PAGESIZE")
    traced = Traced([build(f'config = {{ perf_rb_pages = {pages} }} interval:s:9 {{ printf("x"); }}')])
    size = ring_buffer(traced.process.pid)
    traced.stop()
    if expected is None:
        expected = 1 << ((os.cpu_count() or 1) - 1).bit_length()
    assert size == expected * page


MANY_ROUNDS = """begin {
  $n = ncpus * 0 + 8388609;
  for ($i : 0..$n) { @a = 1; }
  $i = 0; while ($i < 9000000) { $i++; }
  print($i); exit();
}"""


def test_too_many_rounds(build: Builder) -> None:
    """What bpf_loop does not do is said, with the place of the loop (older kernels refuse such a program)."""
    outcome = run([build(MANY_ROUNDS)])
    assert (outcome.stdout, outcome.status) == ("8388608\n\n\n", 0)
    assert (
        "t.bt:3:3-31: WARNING: Argument list too long\nAdditional Info - helper: loop, retcode: -7\n" in outcome.stderr
    )
    assert "t.bt:4:11-41: WARNING: the kernel ends a while loop after 8388608 rounds\n" in outcome.stderr


HUGE = "begin { unroll(100) { unroll(100) { unroll(100) { @[rand] = count(); } } } exit(); }"


def test_log_size(build: Builder) -> None:
    """With -v, as much of the verifier's log is shown as was asked for; its end is always there."""
    sizes = []
    for size in (4096, 100000):
        outcome = run([build(HUGE), "-v"], {"BPFTRACE_LOG_SIZE": str(size)})
        assert outcome.status == 1
        assert outcome.stderr.startswith("ERROR: t.bt:1: the kernel refuses the program of begin: ")
        sizes.append(len(outcome.stderr))
    assert sizes[0] < 4096 + 200
    assert 90000 < sizes[1] < 100000 + 200


# ---- refused where the script is compiled ------------------------------------------------------------

REFUSED = [
    ("begin { @ = tseries(5, 0, 3); }", "1:13-29: ERROR: tseries() interval_ns must be >= 1 (0 provided)"),
    ("begin { @ = tseries(5, 1s, 0); }", "1:13-30: ERROR: tseries() num_intervals must be >= 1 (0 provided)"),
    ('config = { unstable_tseries = "error" } begin { @ = tseries(5, 1s, 3); }', "unstable_tseries=enable"),
    ("begin { print(typeinfo(1)); }", "ERROR: typeinfo feature is not enabled by default."),
    ('config = { license = "MIT" } begin { }', "Invalid value for license. Found: MIT. Valid values: Dual MIT/GPL"),
    ('config = { cache_user_symbols = "SOME" } begin { }', "valid values are PER_PID, PER_PROGRAM, and NONE."),
    ('begin { print(macaddr("123456")); }', "macaddr() does not support literal string arguments"),
    (
        "let @c = lruhash(4); begin { @c[1] = count(); }",
        "Type from declaration: lruhash. Type from value/key type: percpuhash",
    ),
    (
        "let @c = percpuhash(4); begin { @c[1] = 5; }",
        "Type from declaration: percpuhash. Type from value/key type: hash",
    ),
    ("begin { assert_str(1); }", "1:9-22: ERROR: expanded from"),
    ("begin { print(is_scalar(1)); }", "is_scalar() expects a map"),
    ("kprobe:f { path((uint64)1); }", "The path function can only be used with 'fentry', 'fexit', 'iter' probes"),
    ('begin { signal("KILL"); }', "signal() can not be used for this probetype"),
    ("interval:s:1 { signal_thread(9); }", "signal_thread() can not be used for this probetype interval"),
    ('uprobe:/bin/sh:main { signal("NONE"); }', "Invalid string for signal: NONE"),
    (
        "uprobe:/bin/sh:main { signal(65); }",
        "signal() accepts a string literal or an integer between 1 and 64 (inclusive)",
    ),
]


@pytest.mark.parametrize(("script", "message"), REFUSED)
def test_refused(build: Builder, script: str, message: str) -> None:
    with pytest.raises(CompileError) as error:
        build(script, unsafe=True)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "call", ['system("true")', 'signal("KILL")', "signal_thread(9)", "join(0)", 'write_user(0, "x", 1)']
)
def test_unsafe(build: Builder, call: str) -> None:
    """What changes the system is refused unless the compiler was told."""
    script = f"uprobe:/bin/sh:main {{ {call}; }}"
    with pytest.raises(CompileError) as error:
        build(script)
    assert re.search(rf"ERROR: {call.partition('(')[0]}\(\) is (an )?unsafe", str(error.value))
    assert "--unsafe" in str(error.value)
    build(script, unsafe=True)


# ---- --info ----------------------------------------------------------------------------------------


def test_info(build: Builder) -> None:
    """What the machine is, what the script has, what the kernel can do."""
    host = os.uname()
    outcome = run([build("interval:s:1 { @ = count(); } begin { exit(); }"), "--info"])
    assert (outcome.stderr, outcome.status) == ("", 0)
    lines = [line.strip() for line in outcome.stdout.splitlines()]
    assert lines[0] == "System"
    assert f"OS: {host.sysname} {host.release} {host.version}" in lines
    assert f"Arch: {host.machine}" in lines
    assert f"CPUs: {os.cpu_count()}" in lines
    assert f"BTF: {'yes' if Path('/sys/kernel/btf/vmlinux').exists() else 'no'}" in lines
    assert "Name: t.bt" in lines
    assert [line for line in lines if line.startswith("Probe:")] == ["Probe: interval:s:1", "Probe: begin"]
    assert re.search(r"^  bpf_loop: (yes|no)$", outcome.stdout, re.M)
