"""A probe that fires while the program stops: what was counted is printed or reported lost, nothing after `end`.

Each program counts its events in a map and prints a line for each; both happen or neither.  The load never pauses, and
the signal comes in the middle of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest

from btaot_tool.targets import find_target

from .binaries import TARGET, Binaries
from .guest import Result, run_guest

ROUNDS = 3
BODY = ' { @n = count(); printf("e %d\\n", pid); } end { printf("end\\n"); }'
PROBES = {
    "kprobe": "kprobe:vfs_read",
    "kprobe, wildcard": "kprobe:vfs_rea*",
    "kretprobe, wildcard": "kretprobe:vfs_rea*",
    "rawtracepoint": "rawtracepoint:sys_enter",
    "tracepoint": "tracepoint:syscalls:sys_enter_getppid",
    "fentry": "fentry:vfs_read",
    "fexit": "fexit:vfs_read",
    "uprobe": f"uprobe:{TARGET}:greet",
    "uprobe, wildcard": f"uprobe:{TARGET}:gree*",
    "uretprobe": f"uretprobe:{TARGET}:greet",
    "usdt": "usdt:/t/fire:fire:sam*",
    "profile": "profile:hz:2000",
    "software": "software:page-faults:1",
}
#: Reads, system calls, calls of functions, faults, static probes: as fast as they come.
LOAD = f"while :; do fire 500; {TARGET} flood=500 texts=500; done"
COMMAND = """
for round in {rounds}; do
  : >/tmp/lines; : >/tmp/errors
  __BPFTRACE_NOTIFY_PROBES_ATTACHED=1 {binary} >/tmp/lines 2>/tmp/errors & tracer=$!
  while ! grep -q NOTIFY /tmp/lines && kill -0 $tracer; do usleep 20000; done
  sh -c '{load}' & load=$!
  usleep 200000
  kill -INT $tracer; wait $tracer; status=$?
  kill $load; wait $load
  lost=$(grep -o 'Lost [0-9]* events' /tmp/errors | awk '{{ n += $2 }} END {{ print n + 0 }}')
  awk '/^end/ {{ end = 1 }} /^e / {{ n++; late += end }} /^@n: /{{ count = $2 }}
       END {{ print "status '$status' printed", n + 0, "late", late + 0, "lost '$lost' counted", count + 0 }}
      ' /tmp/lines
done 2>/dev/null
grep -v "Attached\\|Lost" /tmp/errors >&2
"""
ROUND = re.compile(r"^status (\d+) printed (\d+) late (\d+) lost (\d+) counted (\d+)$", re.M)


@pytest.fixture(scope="session")
def boot(
    binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Result]]:
    """Return the function that runs all checks in a guest, once."""
    from vmlib.matrix import build_fire

    @cache
    def run(guest: str) -> dict[str, Result]:
        arch, _, kernel = guest.partition("-")
        binaries = binaries_of(arch)
        fire = tmp_path_factory.mktemp("fire") / "fire"
        build_fire(fire, find_target(arch).zig)
        rounds = " ".join(map(str, range(ROUNDS)))
        commands = {
            name: COMMAND.format(binary=binaries.add(probe + BODY), load=LOAD, rounds=rounds)
            for name, probe in PROBES.items()
        }
        files = {**binaries.files, "fire": fire}
        return run_guest(arch, kernel, files, commands, cpus=2, timeout=600, command_timeout=60)

    return run


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("kernel", ["x86_64-6.1", "x86_64-7.2"])
def test_no_event_is_lost_uncounted(kernel: str, boot: Callable[[str], dict[str, Result]], name: str) -> None:
    result = boot(kernel)[name]
    rounds = [tuple(map(int, found)) for found in ROUND.findall(result.stdout)]
    assert len(rounds) == ROUNDS, result
    for status, printed, late, lost, counted in rounds:
        assert status == 0, result
        assert late == 0, "printed after `end`"
        assert printed + lost == counted, result
    assert sum(printed for _, printed, *_ in rounds) > 0, result
