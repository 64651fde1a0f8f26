"""The examples and some scripts of kernels' differences, in guests: what happens there is what they print.

One binary per architecture, the same bytes on all its kernels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from .binaries import TARGET, Binaries
from .guest import Result, run_guest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Check:
    """A script (or an example by its name), what is done while it runs, and what it prints; ``status`` of the run."""

    script: str
    do: str = ""
    match: tuple[str, ...] = ()
    error: str = ""
    stop: str = "INT"
    args: str = ""


#: ``{do}`` is the process that acts.
CHECKS = {
    "hello": Check("hello.bt", match=(r"\Ahello, world\n",), stop=""),
    "opensnoop": Check(
        "opensnoop.bt",
        "cat /t/opened /t/not-there",
        (r"^\d+ +cat +\d+ +0 /t/opened$", r"^\d+ +cat +-1 +2 /t/not-there$"),
    ),
    "execsnoop": Check("execsnoop.bt", f"{TARGET} add=1", (rf"^\d+ +{{do}} +\d+ +{TARGET}$",)),
    "syscount": Check("syscount.bt", f"{TARGET} flood=500", (r"^@calls\[btaot-target, {do}\]: 5\d\d$",)),
    "runqlat": Check("runqlat.bt", f"{TARGET} nap=5 nap=5 nap=5", (r"^@usecs:\n", r"^\[[^]]+[\])] +[1-9]\d* \|")),
    "offcpu": Check(
        "offcpu.bt", f"{TARGET} nap=5", (r"schedule\w*\+\d+\n(.*\n)*, btaot-target\]: [1-9]",), args="btaot-target"
    ),
    "uprobe": Check(
        f'uprobe:{TARGET}:greet {{ printf("%s %d\\n", str(arg0), pid); }}'
        f" uretprobe:{TARGET}:greet {{ print(str(retval)); }}",
        f"{TARGET} greet=Ada",
        (r"^Ada {do}\nhello$",),
    ),
    "kprobe": Check(
        'kprobe:do_nanosleep /comm == "btaot-target"/ { @n = count(); }'
        " kretprobe:do_nanosleep /pid == tid/ { @r[comm] = count(); }",
        f"{TARGET} nap=1 nap=1",
        (r"^@n: 2$", r"^@r\[btaot-target\]: 2$"),
    ),
    # `char child_comm[16]` up to 6.12, `__data_loc char[] child_comm` in 7.2.
    "tracepoint layout": Check(
        "tracepoint:sched:sched_process_fork"
        ' / comm == "traced" / { printf("%s %s %d\\n", args.parent_comm, args.child_comm, args.child_pid); }',
        f"{TARGET} add=1",
        (r"^traced traced {do}$",),
    ),
    "tracepoint layout as key": Check(
        "tracepoint:sched:sched_process_wait { @[args.comm, comm] = count(); }",
        f"{TARGET} add=1",
        (r"^@\[traced, traced\]: [1-9]",),
    ),
    # Every one of these fields has another offset in each kernel (see test_layouts_differ).
    "struct layout": Check(
        f"""uprobe:{TARGET}:add {{
          printf("%d %d %s %d\\n", curtask.pid, curtask.tgid, curtask.comm, curtask.mm.owner.pid);
          printf("%s\\n", curtask.real_parent.comm);
          printf("%d %d\\n", curtask.start_time < nsecs, curtask.nsproxy.pid_ns_for_children.level);
          printf("prio %d policy %d\\n", curtask.static_prio, curtask.policy);
        }}""",
        f"{TARGET} add=1",
        (r"^{do} {do} btaot-target {do}\ntraced\n1 0\nprio 120 policy 0$",),
    ),
    "offsets": Check(
        'begin { printf("%d %d %d\\n", offsetof(struct task_struct, comm), offsetof(struct task_struct, real_parent),'
        " sizeof(struct task_struct)); exit(); }",
        match=(r"^\d+ \d+ \d+$",),
        stop="",
    ),
    "missing tracepoint": Check(
        "tracepoint:sched:sched_no_such { }", error=r"ERROR: .*sched_no_such", stop="", match=()
    ),
    "missing function": Check("kprobe:no_such_function { }", error=r"ERROR: .*no_such_function", stop=""),
    # Loads of the kinds that tools are written for; busybox causes them.
    "demo": Check("demo.bt", "cat /t/opened", (r"^{do} +cat +/t/opened$", r"^@opens\[cat\]: [1-9]"), stop=""),
    "connections": Check(
        """kprobe:tcp_connect {
          $sk = (struct sock *)arg0;
          $common = $sk.__sk_common;
          printf("%s %s ", comm, ntop(AF_INET, $common.skc_daddr));
          printf("%d %d\\n", bswap($common.skc_dport), $common.skc_family);
        }
        kretprobe:tcp_v4_connect { printf("%s %d\\n", comm, retval); }""",
        "nc 127.0.0.1 9",
        (r"^nc 127\.0\.0\.1 9 2\nnc 0$",),
    ),
    "datagrams": Check(
        "rawtracepoint:net_dev_queue { $skb = (struct sk_buff *)arg0; @len[str($skb.dev.name)] = stats($skb.len); }",
        "ping -c 2 -s 100 127.0.0.1",
        (r"^@len\[lo\]: \{ \.count = 4, \.average = 142, \.total = 568 \}$",),
    ),
    # `comm` of this one, too, became dynamic in 7.2.
    "signals": Check(
        'tracepoint:signal:signal_generate / args.sig == 10 / { printf("%d %s\\n", args.sig, args.comm); }',
        "timeout -s USR1 0.1 sleep 3",
        (r"^10 (timeout|sleep)$",),
    ),
    "mounts": Check(
        "tracepoint:syscalls:sys_enter_mount { @type[tid] = str(args.type); }"
        ' tracepoint:syscalls:sys_exit_mount / @type[tid] != "" / { printf("%s %d\\n", @type[tid], args.ret);'
        " delete(@type, tid); }",
        "mount -t nonsense nowhere /tmp",
        (r"^nonsense -19$",),
    ),
    "arguments of programs": Check(
        'tracepoint:syscalls:sys_enter_execve { join(args.argv); join(args.argv, "|"); }',
        "cat /t/opened /dev/null",
        (r"^cat /t/opened /dev/null\ncat\|/t/opened\|/dev/null$",),
    ),
    "page faults": Check(
        'software:page-faults:1 / comm == "btaot-target" / { @faults = count(); @where[usermode] = count(); }',
        f"{TARGET} add=1",
        (r"^@faults: [1-9]", r"^@where\[1\]: [1-9]"),
    ),
    "symbols of each CPU": Check(
        'begin { $rq = (struct rq *)percpu_kaddr("runqueues", 0); $own = (struct rq *)percpu_kaddr("runqueues");'
        ' printf("%d %s %d %d\\n", $rq.cpu, $rq.idle.comm, $own.cpu == cpu, percpu_kaddr("runqueues", 999) == 0);'
        " exit(); }",
        match=(r"^0 swapper/0 1 1$",),
        stop="",
    ),
    "write_user": Check(
        f"""uprobe:{TARGET}:greet {{ printf("%s %d ", str(arg0), write_user(arg0, "x", 1)); print(str(arg0)); }}
        uretprobe:{TARGET}:greet {{ print(str(retval)); }}
        uprobe:{TARGET}:add {{ @empty = 1; }}
        uprobe:{TARGET}:greet / @empty / {{ print(write_user(arg0, "", 1)); }}""",
        f"{TARGET} greet=Ada add=1 greet=Bea",
        (r"^Ada 1 xda\nhello$", r"^nobody$"),
    ),
    "losses": Check(
        'rawtracepoint:sys_enter / comm == "btaot-target" / { @n++; printf("%d %s\\n", @n, comm); }',
        f"{TARGET} flood=1000",
        (r"^1000 btaot-target$", r"^@n: 10\d\d$"),
    ),
}

Results = dict[str, Result]


def command(binaries: Binaries, check: Check) -> str:
    """Return the shell command of a check."""
    text = (EXAMPLES / check.script).read_text() if check.script.endswith(".bt") else check.script
    return f'DO="{check.do}" STOP={check.stop} traced {binaries.add(text, unsafe=True)} {check.args}'


@pytest.fixture(scope="session")
def boot(binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Return the function that runs all checks in a guest, once."""
    opened = tmp_path_factory.mktemp("files") / "opened"
    opened.write_text("x\n")

    @cache
    def run(guest: str) -> Results:
        arch, _, kernel = guest.partition("-")
        binaries = binaries_of(arch)
        commands = {name: command(binaries, check) for name, check in CHECKS.items()}
        return run_guest(arch, kernel, {**binaries.files, "opened": opened}, commands, command_timeout=20)

    return run


@pytest.mark.parametrize("name", CHECKS)
def test_tool(guest: str, boot: Callable[[str], Results], name: str) -> None:
    check, result = CHECKS[name], boot(guest)[name]
    found = re.search(r"@@PROCESSES \d* (\d*)\n\Z", result.stdout)
    assert found, result
    shown = f"{guest}\n{result.stdout}\n{result.stderr}"
    for pattern in check.match:
        assert re.search(pattern.replace("{do}", found[1]), result.stdout, re.M), shown
    if check.error:
        assert re.search(check.error, result.stderr, re.M), shown
        assert result.status == 1
    else:
        assert "ERROR" not in result.stderr, shown
        assert result.status == 0, shown


def test_layouts_differ(boot: Callable[[str], Results]) -> None:
    """What the tests above stand on: between these two kernels, the struct and the tracepoint differ."""
    old, new = boot("x86_64-6.1"), boot("x86_64-7.2")
    assert old["offsets"].stdout.split()[:3] != new["offsets"].stdout.split()[:3]


def test_field_changed_its_form(guest: str) -> None:
    """``child_comm`` of sched_process_fork lies inline up to 6.12 and behind a ``__data_loc`` in 7.2."""
    arch, _, kernel = guest.partition("-")
    look = {"format": "grep child_comm /sys/kernel/tracing/events/sched/sched_process_fork/format"}
    text = run_guest(arch, kernel, {}, look)["format"].stdout
    assert ("__data_loc char[] child_comm;" if kernel == "7.2" else "char child_comm[16];") in text
