"""The table of docs/privileges.md in guests, and what else may forbid tracing: one message each that names it.

``confine.c`` takes capabilities, memory and system calls away from the executable that it starts.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from btaot_tool.zig import zig_command

from .binaries import Binaries
from .guest import Result, run_guest

from vmlib.matrix import build_fire  # isort: skip

BITS = {"dac_read_search": 2, "sys_admin": 21, "sys_resource": 24, "perfmon": 38, "bpf": 39}
SEEN = "{ @seen = count(); }"
FIRE = " -c 'fire 5'"


def confined(rights: str, *more: str, limits: str = "") -> str:
    """Return the command that runs BINARY as nobody with some rights only."""
    mask = sum(1 << BITS[right] for right in rights.split(",") if right)
    return f"confine uid=65534 caps={mask:x} {limits} -- BINARY{''.join(more)}"


@dataclass(frozen=True)
class Check:
    """A script, the command, and a pattern: of the output, or, if it begins with ERROR, of the error."""

    script: str
    command: str
    expect: str = r"^@seen: [1-9]"
    setup: str = ""


PLAIN = confined("bpf,perfmon", FIRE)
PARANOID = "echo 4 >/proc/sys/kernel/perf_event_paranoid"
ADMITTED = "echo 2 >/proc/sys/kernel/perf_event_paranoid"
NEEDS_ADMIN = r"ERROR: .*Permission denied \(kernel\.perf_event_paranoid is above 2: CAP_SYS_ADMIN is needed\)"
TIMER = "interval:ms:20 { @seen = 1; exit(); }"
READ = "tracepoint:syscalls:sys_enter_read " + SEEN
REFUSED = r"ERROR: Cannot create the map \S+: Operation not permitted \(.*a container's seccomp filter\)"

#: Probe types with CAP_BPF and CAP_PERFMON (and what the table names), where perf_event_paranoid is 2 at most.
TYPES = {
    "interval": Check(TIMER, confined("bpf,perfmon"), setup=ADMITTED),
    "profile": Check("profile:hz:99 { @seen = 1; exit(); }", confined("bpf,perfmon")),
    "software": Check(f"software:page-faults:1 {SEEN}", PLAIN),
    "watchpoint": Check(f"watchpoint:WATCHED:4:w {SEEN}", PLAIN),
    "kprobe": Check(f"kprobe:vfs_read {SEEN}", PLAIN),
    "kprobe, wildcard": Check(f"kprobe:vfs_rea* {SEEN}", PLAIN),
    "kprobe of the kernel, wildcard": Check(f"kprobe:vmlinux:vfs_rea* {SEEN}", PLAIN),
    "kretprobe": Check(f"kretprobe:vfs_read {SEEN}", PLAIN),
    "fentry": Check(f"fentry:vfs_read {SEEN}", PLAIN),
    "fexit": Check(f"fexit:vfs_read {SEEN}", PLAIN),
    "rawtracepoint": Check(f"rawtracepoint:sys_enter {SEEN}", PLAIN),
    "uprobe": Check(f"uprobe:/t/fire:fire_user {SEEN}", PLAIN),
    "uretprobe": Check(f"uretprobe:/t/fire:fire_user {SEEN}", PLAIN),
    "usdt": Check(f"usdt:/t/fire:fire:same {SEEN}", PLAIN),
    "iter": Check(f"iter:task {SEEN}", PLAIN),
    "tracepoint": Check(READ, confined("bpf,perfmon,dac_read_search", FIRE)),
    "tracepoint without the files": Check(READ, PLAIN, r"ERROR: .*tracefs.*\(missing: CAP_DAC_READ_SEARCH\)"),
    "without perfmon": Check(f"kprobe:vfs_read {SEEN}", confined("bpf", FIRE), r"ERROR: .*\(missing: CAP_PERFMON\)"),
    "without bpf": Check(TIMER, confined("perfmon"), r"ERROR: .*\(missing: CAP_BPF\)"),
    "with nothing": Check(TIMER, confined(""), r"ERROR: .*\(missing: CAP_BPF\)"),
    # Debian's kernels know levels above 2; functions go by multi-links then.
    "paranoid: kprobe": Check(f"kprobe:vfs_read {SEEN}", PLAIN, setup=PARANOID),
    "paranoid: kretprobe": Check(f"kretprobe:vfs_read {SEEN}", PLAIN),
    "paranoid: uprobe": Check(f"uprobe:/t/fire:fire_user {SEEN}", PLAIN),
    "paranoid: interval": Check(TIMER, confined("bpf,perfmon"), NEEDS_ADMIN),
    "paranoid: software": Check(f"software:page-faults:1 {SEEN}", PLAIN, NEEDS_ADMIN),
    "paranoid: interval of an administrator": Check(TIMER, confined("bpf,perfmon,sys_admin")),
    "seccomp refuses bpf": Check(TIMER, "confine nobpf -- BINARY", REFUSED),
    "seccomp refuses perf events": Check(TIMER, "confine noperf -- BINARY", r"ERROR: .*a container's seccomp filter\)"),
    "kallsyms hidden: stacks": Check(
        f"kprobe:vfs_read {{ @[kstack(2), func] = count(); }} end {SEEN}",
        f"BINARY{FIRE}",
        setup="echo 2 >/proc/sys/kernel/kptr_restrict",
    ),
    "kallsyms hidden: kaddr": Check(
        'begin { @seen = kaddr("vfs_read"); exit(); }', "BINARY", r"ERROR: .*kernel\.kptr_restrict may hide addresses"
    ),
    "no BTF: no type needed": Check(
        f"kprobe:vfs_read {SEEN}", f"BINARY{FIRE}", setup="mount -t tmpfs t /sys/kernel/btf"
    ),
    "no BTF: a type needed": Check(
        "begin { print(curtask.pid); exit(); }",
        "BINARY",
        r"ERROR: .*'task_struct' is needed, but .*no type information",
    ),
    "no BTF: fentry": Check(
        f"fentry:vfs_read {SEEN}", f"BINARY{FIRE}", r"ERROR: fentry needs the kernel's BTF: it has none"
    ),
    "no BTF: iter": Check(f"iter:task {SEEN}", "BINARY", r"ERROR: iter needs the kernel's BTF: it has none"),
}
#: 5.10, where the memory of maps counts against a limit.
OLD = {
    "a limit that is too low": Check(
        "begin { @[pid] = count(); exit(); }",
        confined("bpf,perfmon", limits="memlock=65536"),
        r"ERROR: Cannot create the map \S+: .*raise `ulimit -l`, or give CAP_SYS_RESOURCE",
    ),
    "the right to raise it": Check(
        "begin { @seen = 1; @[pid] = count(); exit(); }",
        confined("bpf,perfmon,sys_resource", limits="memlock=65536"),
    ),
}
_KERNEL_MEMORY = Check(
    "begin { print(curtask.pid); exit(); }", "BINARY", r"ERROR: .*kernel lockdown \(confidentiality\) forbids"
)
LOCKED = {
    "confidentiality": {
        "uprobe": Check(f"uprobe:/t/fire:fire_user {SEEN}", f"BINARY{FIRE}"),
        "rawtracepoint": Check(f"rawtracepoint:sys_enter {SEEN}", f"BINARY{FIRE}"),
        "interval": Check(TIMER, "BINARY"),
        "kprobe": Check(f"kprobe:vfs_read {SEEN}", f"BINARY{FIRE}", setup="mount -t securityfs s /sys/kernel/security"),
        "tracepoint": Check(READ, f"BINARY{FIRE}", r"ERROR: .*tracefs: Operation not permitted \(kernel lockdown"),
        "the kernel's memory": _KERNEL_MEMORY,
    },
    "integrity": {
        "kprobe": Check(f"kprobe:vfs_read {SEEN}", f"BINARY{FIRE}"),
        "tracepoint": Check(READ, f"BINARY{FIRE}"),
        "the kernel's memory": Check("begin { @seen = curtask.pid; exit(); }", "BINARY"),
    },
}
GROUPS = {
    "types": ("6.12", "", TYPES),
    "old": ("5.10", "", OLD),
    **{mode: ("6.12", f"lockdown={mode}", checks) for mode, checks in LOCKED.items()},
}
_results: dict[str, dict[str, Result]] = {}


@pytest.fixture(scope="session")
def boot(
    binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Result]]:
    """Return the function that runs a group of checks in its guest, once."""

    def run(group: str) -> dict[str, Result]:
        if group not in _results:
            kernel, append, checks = GROUPS[group]
            binaries, folder = binaries_of("x86_64"), tmp_path_factory.mktemp("confined")
            words = build_fire(folder / "fire", "x86_64-linux-musl")
            source, flags = Path(__file__).parent / "confine.c", ["-target", "x86_64-linux-musl", "-static", "-O1"]
            subprocess.run([*zig_command(), "cc", *flags, str(source), "-o", str(folder / "confine")], check=True)
            commands = {}
            for name, check in checks.items():
                binary = binaries.add(check.script.replace("WATCHED", words["WATCHED"]))
                commands[name] = f"{check.setup}\n{check.command.replace('BINARY', binary)}"
            files = {**binaries.files, "fire": folder / "fire", "confine": folder / "confine"}
            _results[group] = run_guest("x86_64", kernel, files, commands, append=append, command_timeout=30)
        return _results[group]

    return run


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in GROUPS for name in GROUPS[group][2]])
def test_privilege(boot: Callable[[str], dict[str, Result]], group: str, name: str) -> None:
    check, result = GROUPS[group][2][name], boot(group)[name]
    if check.expect.startswith("ERROR"):
        assert result.status == 1, result
        assert re.search(check.expect, result.stderr), result
    else:
        assert re.search(check.expect, result.stdout, re.M), result
        assert "ERROR" not in result.stderr, result
