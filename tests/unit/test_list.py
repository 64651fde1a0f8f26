"""``btaot list``: probes, their arguments and types, as packs and programs tell it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "run"))

from programs import LIBRARY, compile_program

from btaot_tool.cli import main
from btaot_tool.targets import host_target

Listed = Callable[..., str]

LISTED = {
    "software:cpu-*": "software:cpu-clock:\nsoftware:cpu-migrations:\n",
    "*ware:cpu-c*": "software:cpu-clock:\nhardware:cpu-cycles:\n",
    "p:*": "profile:hz:\nprofile:ms:\nprofile:s:\nprofile:us:\n",
    "t:raw_syscalls:*": "tracepoint:raw_syscalls:sys_enter\ntracepoint:raw_syscalls:sys_exit\n",
    "rt:vmlinux:sched_swi*,begin": "rawtracepoint:sched_switch\nbegin\n",
    "fr:vfs_fsync": "fexit:vfs_fsync\n",
    "*:do_nanosleep": "kprobe:do_nanosleep\nkretprobe:do_nanosleep\nfentry:do_nanosleep\nfexit:do_nanosleep\n",
    "iter:task_*": "iter:task_file\niter:task_vma\n",
}


@pytest.fixture
def listed(capsys: pytest.CaptureFixture[str]) -> Listed:
    def call(*args: str, status: int = 0) -> str:
        assert main(["list", *args]) == status
        done = capsys.readouterr()
        return done.out + done.err

    return call


@pytest.mark.parametrize("pattern", LISTED)
def test_patterns(listed: Listed, pattern: str) -> None:
    assert listed(pattern) == LISTED[pattern]


def test_with_arguments(listed: Listed) -> None:
    assert listed("-v", "t:raw_syscalls:sys_enter") == (
        "tracepoint:raw_syscalls:sys_enter\n    long id\n    unsigned long args[6]\n"
    )
    assert listed("-v", "rt:consume_skb", "--kernel", "linux-6.12-x86_64") == (
        "rawtracepoint:consume_skb\n    struct sk_buff * skb\n    void * location\n"
    )
    assert listed("-v", "fexit:vfs_fsync") == (
        "fexit:vfs_fsync\n    struct file * file\n    int datasync\n    int retval\n"
    )


def test_types(listed: Listed) -> None:
    assert listed("struct path,enum pid_type") == (
        "vmlinux: struct path {\n\tstruct vfsmount *mnt;\n\tstruct dentry *dentry;\n};\n\n"
        "vmlinux: enum pid_type {\n\tPIDTYPE_PID = 0,\n\tPIDTYPE_TGID = 1,\n\tPIDTYPE_PGID = 2,\n\tPIDTYPE_SID = 3,\n"
        "\tPIDTYPE_MAX = 4,\n};\n\n"
    )


def test_probes_of_a_script(listed: Listed, tmp_path: Path) -> None:
    script = "begin { } interval:ms:100 { } t:raw_syscalls:sys_* { } h:cache-misses:10 { }"
    expected = (
        "begin\ninterval:ms:\ntracepoint:raw_syscalls:sys_enter\ntracepoint:raw_syscalls:sys_exit\n"
        "hardware:cache-misses:\n"
    )
    file = tmp_path / "probes.bt"
    file.write_text(script)
    assert listed(str(file)) == listed("-e", script) == expected
    assert "syntax" in listed("-e", "begin { $x = ; }", status=1)


NOTED = """
int fire(long n)
{
    __asm__ volatile("990: nop\\n.pushsection .note.stapsdt,\\"\\",@note\\n.balign 4\\n.4byte 8, 993f-992f, 3\\n"
             ".asciz \\"stapsdt\\"\\n992: .8byte 990b, 0, 0\\n.asciz \\"gun\\"\\n.asciz \\"shot\\"\\n.asciz \\"\\"\\n"
             "993: .balign 4\\n.popsection\\n");
    return n + 1;
}
"""


def test_programs(listed: Listed, tmp_path: Path) -> None:
    (tmp_path / "noted.c").write_text(NOTED)
    program = compile_program(tmp_path, host_target(), str(tmp_path / "noted.c"), *LIBRARY)
    assert listed(f"usdt:{program}:*") == f"usdt:{program}:gun:shot\n"
    assert listed("-v", f"u:{program}:fi*") == f"uprobe:{program}:fire\n    long n\n"
    assert listed(f"ur:{program}:*re") == f"uretprobe:{program}:fire\n"


def test_nothing(listed: Listed) -> None:
    assert listed("t:no:such") == ""
    assert "'nothing.bt' is a filename but the file does not exist." in listed("nothing.bt")
