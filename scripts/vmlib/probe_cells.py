"""The cells of the matrix "probe type x kernel": scripts, what causes their events, and how many there must be.

A script counts what it sees into ``@seen``; ``caused`` says how many events the command causes.  ``prints`` are
patterns that the output must have besides.  FIRE is tests/vm/fire.c in the guest; WATCHED and ENTRY are addresses in
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

N = 5
#: Columns: kernels of x86_64, or of the architecture before the hyphen.
KERNELS = ("5.10", "6.1", "6.12", "7.2", "aarch64-6.12", "aarch64-7.2")
WITH_CHILD = "./BIN -c 'FIRE 5'"
#: FIRE waits until the executable, which is given its number, has attached.
WITH_PROCESS = (
    "rm -f out; mkfifo /tmp/go 2>/dev/null; sh -c 'read x </tmp/go; exec FIRE 5' & P=$!; "
    "__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 ./BIN -p $P >out & touch out; until grep -q NOTIFY out; do usleep 20000; done; "
    "echo >/tmp/go; wait $P; kill -INT $!; wait; cat out"
)
#: Sets up a loop device, which calls loop_configure() of the module loop once.
WITH_LOOP = (
    "[ -e /dev/loop0 ] || insmod loop.ko; truncate -s 64K /tmp/disk; "
    "./BIN --wait-detach -c 'losetup /dev/loop0 /tmp/disk'; losetup -d /dev/loop0"
)
#: -p of a shell that reads, while others do, too.  (A guest that has to share its machine may take seconds to attach.)
ONE_PROCESS = (
    "while :; do read x </proc/uptime; done & P=$!; "
    "__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 ./BIN -p $P >out & touch out; until grep -q NOTIFY out; do usleep 20000; done; "
    "FIRE 5; usleep 100000; kill $P; wait $!; cat out"
)

#: What capital words in scripts, patterns and commands stand for; FIRE, WATCHED and ENTRY come from the build.
WORDS = {
    "COUNT": "@seen = count();",
    "NAMES": "@seen = count(); @names[probe, func, probetype] = count();",
    "READ": "/ arg2 == 7 /",
    "PROCESSES": "if (!@pids[pid]) { @pids[pid] = 1; @seen++; }",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a kernel cannot: a pattern of the error that the run must give, the reason for the table, and what must fail.

    ``raw`` are arguments for tests/vm/raw.c, which tries the same without btaot; its answer stands in the table.
    """

    pattern: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One row: a script and the command that causes its events.  ``at_least``: other events are counted, too.

    ``impossible`` maps kernels (or "*") to refusals.
    """

    name: str
    script: str
    caused: int = N
    prints: tuple[str, ...] = ()
    command: str = WITH_CHILD
    at_least: bool = False
    binary: str = ""
    impossible: Mapping[str, Refusal] = field(default_factory=dict)

    def refusal(self, kernel: str) -> Refusal | None:
        """Return why the kernel cannot, if so."""
        return self.impossible.get(kernel) or self.impossible.get("*")


def _row(name: str, body: str, *prints: str, caused: int = N, **more: object) -> Cell:
    return Cell(name, body, caused, prints, **more)  # type: ignore[arg-type]


_NO_PMU = Refusal(r"this machine has no counter for it", "QEMU emulates no performance counters", "counter")
_OLD_MODULES = {
    "5.10": Refusal(r"No matches|no valid attach points", "no BTF of modules (5.11)", "open /sys/kernel/btf/loop")
}
_OLD_FUNC = {"5.10": Refusal(r"func here needs bpf_get_func_ip", "no bpf_get_func_ip (5.15)", "helper 173")}
_OLD_VMA = Refusal(
    r"iter task_vma not available for your kernel version", "no iter:task_vma (5.12)", "name bpf_iter_task_vma"
)

CELLS = (
    _row("begin, end", "begin { @seen = 1; } end { @seen = 2; }", caused=2, command="./BIN"),
    _row("self:signal", "self:signal:SIGUSR1 { @seen++; } interval:s:60 { }", caused=1, binary="signal",
         command="./BIN >out & sleep 1; kill -USR1 $!; sleep 0.3; kill -INT $!; wait; cat out"),
    _row("interval", "interval:ms:20 { @seen++; if (@seen == 5) { exit(); } }", command="./BIN"),
    _row("profile", "profile:hz:99 { @seen = count(); } interval:s:1 { exit(); }", at_least=True, command="./BIN"),
    _row("tracepoint", "tracepoint:syscalls:sys_enter_read / args.count == 7 / { COUNT @names[probe, probetype, comm] = count(); }",
         r"^@names\[tracepoint:syscalls:sys_enter_read, tracepoint, fire\]: 5$"),
    _row("tracepoint, wildcard", "tracepoint:syscalls:sys_e*_read / comm == \"fire\" / { COUNT @[probe] = count(); }",
         r"^@\[tracepoint:syscalls:sys_enter_read\]: 5$", r"^@\[tracepoint:syscalls:sys_exit_read\]: 5$", caused=2 * N),
    _row("tracepoint, string", "tracepoint:sched:sched_process_exec / str(args.filename) == \"FIRE\" / { COUNT }", caused=1),
    _row("rawtracepoint", "rawtracepoint:sys_exit / arg1 == 7 && comm == \"fire\" / { COUNT @[probe, probetype] = count(); }",
         r"^@\[rawtracepoint:vmlinux:sys_exit, rawtracepoint\]: 5$"),
    _row("rawtracepoint, args by name", "rawtracepoint:sys_exit / args.ret == 7 && comm == \"fire\" / { COUNT }"),
    _row("rawtracepoint, wildcard", "rawtracepoint:sys_e* / comm == \"fire\" / { COUNT @[probe] = count(); }",
         r"^@\[rawtracepoint:vmlinux:sys_enter\]: \d+$", r"^@\[rawtracepoint:vmlinux:sys_exit\]: \d+$", at_least=True, caused=2 * N),
    _row("kprobe", "kprobe:vfs_read READ { NAMES }", r"^@names\[kprobe:vfs_read, vfs_read, kprobe\]: 5$"),
    _row("kprobe, offset", "kprobe:vfs_read+0 READ { COUNT }"),
    _row("kprobe, module name", "kprobe:vmlinux:vfs_read READ { COUNT }"),
    _row("kprobe, wildcard", "kprobe:vfs_rea? READ { NAMES }", r"^@names\[kprobe:vfs_read, vfs_read, kprobe\]: 5$"),
    _row("kprobe of a module", "kprobe:loop:loop_configure { NAMES }", caused=1, command=WITH_LOOP),
    _row("kprobe of a module, wildcard", "kprobe:loop:loop_configur* { NAMES }", r"^@names\[kprobe:loop:loop_configure, loop_configure, kprobe\]: 1$",
         caused=1, command=WITH_LOOP),
    _row("kprobe, set", "kprobe:vfs_rea[cd] READ { NAMES }", r"^@names\[kprobe:vfs_read, vfs_read, kprobe\]: 5$"),
    _row("kretprobe", "kretprobe:vfs_read / retval == 7 / { NAMES }", r"^@names\[kretprobe:vfs_read, vfs_read, kretprobe\]: 5$"),
    _row("kretprobe, wildcard", "kretprobe:vfs_rea? / retval == 7 / { COUNT @[probe] = count(); }", r"^@\[kretprobe:vfs_read\]: 5$"),
    _row("kretprobe, wildcard, func", "kretprobe:vfs_rea? / retval == 7 / { NAMES }",
         r"^@names\[kretprobe:vfs_read, vfs_read, kretprobe\]: 5$", impossible=_OLD_FUNC),
    _row("kprobe and kretprobe", "kprobe:vfs_read READ { @in[tid] = 1; } kretprobe:vfs_read / @in[tid] / { COUNT @[retval] = count(); delete(@in[tid]); }",
         r"^@\[7\]: 5$"),
    _row("fentry", "fentry:vfs_read / args.count == 7 / { NAMES }", r"^@names\[fentry:vmlinux:vfs_read, vfs_read, fentry\]: 5$"),
    _row("fexit", "fexit:vfs_read / args.count == 7 && retval == 7 / { NAMES }", r"^@names\[fexit:vmlinux:vfs_read, vfs_read, fexit\]: 5$"),
    _row("fentry, wildcard", "fentry:vfs_rea? / comm == \"fire\" / { COUNT @[probe] = count(); }", r"^@\[fentry:vmlinux:vfs_read\]: 5$"),
    _row("fentry of a module", "fentry:loop:loop_configure / args.lo.lo_number == 0 / { COUNT }", caused=1, command=WITH_LOOP,
         impossible=_OLD_MODULES),
    _row("fexit of a module, wildcard", "fexit:loop:loop_configur* { COUNT @[probe] = count(); }", r"^@\[fexit:loop:loop_configure\]: 1$",
         caused=1, command=WITH_LOOP, impossible=_OLD_MODULES),
    _row("fentry on a BPF program", "fentry:bpf:self_signal_* { COUNT exit(); }", caused=1,
         command="./signal >/dev/null & A=$!; sleep 0.7; ./BIN & sleep 1; kill -USR1 $A; wait $!; kill $A"),
    _row("kprobe, -p", "kprobe:vfs_read { PROCESSES } kretprobe:vfs_read { PROCESSES }", caused=1, command=ONE_PROCESS),
    _row("fentry, -p", "fentry:vfs_read { PROCESSES } fexit:vfs_read { PROCESSES }", caused=1, command=ONE_PROCESS),
    _row("uprobe", "uprobe:FIRE:fire_user / str(arg1) == \"text\" / { NAMES @arg[arg0] = count(); }",
         r"^@names\[uprobe:FIRE:fire_user, fire_user, uprobe\]: 5$", r"^@arg\[4\]: 1$"),
    _row("uprobe, offset", "uprobe:FIRE:fire_user+0 { COUNT }"),
    _row("uprobe, address", "uprobe:FIRE:ENTRY { COUNT }"),
    _row("uprobe, wildcard", "uprobe:FIRE:fire_* { NAMES }", r"^@names\[uprobe:FIRE:fire_twice, fire_twice, uprobe\]: 5$",
         r"^@names\[uprobe:FIRE:fire_user, fire_user, uprobe\]: 5$", caused=2 * N),
    _row("uretprobe", "uretprobe:FIRE:fire_user { NAMES @ret[retval] = count(); }",
         r"^@names\[uretprobe:FIRE:fire_user, fire_user, uretprobe\]: 5$", r"^@ret\[8\]: 1$"),
    _row("usdt", "usdt:FIRE:fire:shot / str(arg1) == \"text\" / { COUNT @[probe, probetype] = count(); @arg[arg0, (int32)arg2] = count(); }",
         r"^@\[usdt:FIRE:fire:shot, usdt\]: 5$", r"^@arg\[4, -96\]: 1$"),
    _row("usdt, semaphore", "usdt:FIRE:armed { COUNT @arg[(int32)arg0, (int32)arg1] = count(); }", r"^@arg\[-4, -7\]: 1$"),
    _row("usdt, wildcard, several places", "usdt:FIRE:fire:sam* { COUNT @arg[arg0] = count(); }",
         r"^@arg\[5\]: 1$", r"^@arg\[1\]: 2$", caused=2 * N),
    _row("uprobe of a process", "uprobe:FIRE:fire_user { COUNT }", command=WITH_PROCESS),
    _row("usdt of a process", "usdt:FIRE:fire:shot { COUNT }", command=WITH_PROCESS),
    _row("usdt of a process, semaphore", "usdt:FIRE:armed { COUNT }", command=WITH_PROCESS),
    _row("software", "software:page-faults:1 / comm == \"fire\" / { COUNT }", at_least=True),
    _row("hardware", "hardware:cycles:100000 { COUNT }", at_least=True, caused=1, impossible={kernel: _NO_PMU for kernel in KERNELS if "-" not in kernel}),
    _row("watchpoint, w", "watchpoint:WATCHED:4:w { COUNT @[probetype] = count(); }", r"^@\[watchpoint\]: 5$"),
    _row("watchpoint, x", "watchpoint:ENTRY:8:x { COUNT }"),
    _row("iter:task", "iter:task / ctx.task.pid == 1 / { COUNT @[probe, ctx.task.comm] = count(); }", caused=1, command="./BIN"),
    _row("iter:task_file", "iter:task_file / ctx.task.pid == 1 / { COUNT }", caused=1,
         command="n=$(ls /proc/1/fd | wc -l); ./BIN | sed \"s/^@seen: $n$/@seen: 1/\""),
    _row("iter:task_vma", "iter:task_vma / ctx.task.pid == 1 / { COUNT }", caused=1,
         command="n=$(grep -vc vsyscall /proc/1/maps); ./BIN | sed \"s/^@seen: $n$/@seen: 1/\"",
         impossible={"5.10": _OLD_VMA}),
    _row("iter:bpf_map", "iter:bpf_map { COUNT }", at_least=True, command="./BIN", caused=1),
    _row("iter:bpf_prog", "iter:bpf_prog { COUNT }", at_least=True, command="./BIN", caused=1),
    _row("iter:tcp", "iter:tcp / ctx.sk_common.skc_num == 1234 / { COUNT }", caused=1,
         command="nc -l -p 1234 & sleep 0.2; ./BIN; kill $!"),
    _row("iter, pin", "iter:task:list { COUNT }", caused=1,
         command="mkdir -p /sys/fs/bpf; mount -t bpf bpf /sys/fs/bpf; ./BIN; ls /sys/fs/bpf/list && echo '@seen: 1'"),
    _row("test", "test:a { @seen++; } test:b { @seen++; return 1; }", r"OK \]\S* a ", r"FAILED  \]\S* b ", caused=2, command="./BIN --test"),
    _row("bench", "bench:a { COUNT }", r"^a +\d+ +\d+$", at_least=True, command="./BIN --bench"),
)  # fmt: skip
