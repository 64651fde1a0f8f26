"""One binary, kernels whose types differ: the right values on each, and the right message where a field is missing.

Fields that moved, changed their width, became a bitfield or ceased to be one; members of unions and of what has no
name; arrays; enumerators that kernels number differently; types of another flavour; questions whether something exists.
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

OLD = "x86_64-5.10"


@dataclass(frozen=True)
class Check:
    """A script and what it prints, after what ``command`` does; other texts for guests by name.

    ``{release}``, ``{inode}``: what uname and ls say in the guest.  A text that begins with ERROR is an error.
    ``warnings`` are what standard error has besides.
    """

    script: str
    expect: str
    command: str = "./{binary}"
    other: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


ASKS = 'field_exists("struct task_struct", "{}")'
CHECKS = {
    # `long state` became `unsigned int __state` in 5.14.
    "a field that was renamed": Check(
        f"""begin {{
          if ({ASKS.format("__state")}) {{ printf("new %d\\n", curtask.__state); }}
          else {{ printf("old %d\\n", curtask.state); }}
          exit();
        }}""",
        "new 0",
        other=((OLD, "old 0"),),
    ),
    "a field that is missing": Check(
        'begin {\n printf("%d\\n", curtask.state); exit(); }',
        "ERROR: t.bt:2: the type 'task_struct' of this kernel ({release}) has no field 'state'",
        other=((OLD, "0"),),
    ),
    "a flavour that the kernel does not have": Check(
        """struct task_struct___old { long state; };
        begin {
          $t = (struct task_struct___old *)curtask;
          if (field_exists("struct task_struct___old", "state")) { printf("old %d\\n", $t.state); }
          else { print("none"); }
          exit();
        }""",
        "none",
        other=((OLD, "old 0"),),
    ),
    "a flavour that every kernel has": Check(
        """struct task_struct___mine { int pid; int tgid; };
        begin { $t = (struct task_struct___mine *)curtask; print($t.tgid == pid); exit(); }""",
        "true",
    ),
    "types": Check(
        'begin { print((type_exists("struct task_struct"), type_exists("struct no"), type_exists("enum cpuhp_state")));'
        ' print(field_exists("struct task_struct", "se.vruntime")); exit(); }',
        "(true, false, true)\ntrue",
    ),
    "a string behind pointers": Check(
        'begin { printf("%s\\n", curtask.nsproxy.uts_ns.name.release); exit(); }', "{release}"
    ),
    # Elements of an array of structs, and of an array in a struct.
    "arrays": Check(
        f"uprobe:{TARGET}:add {{ $t = curtask;"
        ' printf("%d %d %c\\n", $t.signal.rlim[3].rlim_cur, $t.cpus_mask.bits[0], $t.comm[1]); }',
        "4194304 1 t",
        f"sh -c 'ulimit -s 4096; exec ./{{binary}} -c \"{TARGET} add=1\"'",
    ),
    # i_nlink stands in a union without a name, d_iname became d_shortname.string, f_path has a name in a union of 7.2.
    "a file": Check(
        """kprobe:vfs_read / comm == "dd" / {
          $f = (struct file *)arg0; $i = $f.f_inode; $d = $f.f_path.dentry;
          printf("%s %d %d %o %d\\n", str($d.d_name.name), $i.i_size, $i.i_nlink, $i.i_mode, $i.i_ino);
          if (field_exists("struct dentry", "d_iname")) { print(str($d.d_iname)); }
          else { print(str($d.d_shortname.string)); }
          exit();
        }""",
        "a-file 2 1 100644 {inode}\na-file",
        "echo x >/tmp/a-file; ls -i /tmp/a-file; ./{binary} -c 'dd if=/tmp/a-file'",
    ),
    # sk_userlocks: 4 bits up to 6.1, a byte from 6.12 on; sk_protocol moved; the port stands in unions without a name.
    "a socket": Check(
        """kprobe:inet_release / comm == "btaot-target" / {
          $s = ((struct socket *)arg0).sk; $c = $s.__sk_common;
          printf("%d %d %d", $c.skc_family, $s.sk_type, $s.sk_protocol);
          printf(" %d %d %x\\n", $s.sk_userlocks, $c.skc_num, bswap($c.skc_rcv_saddr));
        }""",
        "2 2 17 13 1234 7f000001",
        f"./{{binary}} -c '{TARGET} udp=1234'",
    ),
    # 220 in 5.10, 236 from 6.1 on.
    "an enumerator's number": Check(
        """begin {
          @n = 220; $n = (uint64)@n;
          printf("%d\\n", (uint64)CPUHP_ONLINE); print((enum cpuhp_state)$n); print(CPUHP_ONLINE); exit();
        }""",
        "236\n220\nCPUHP_ONLINE",
        other=((OLD, "220\nCPUHP_ONLINE\nCPUHP_ONLINE"),),
    ),
    # PGSTEAL_KSWAPD moved to another enum in 7.2.
    "an enumerator that moved": Check(
        'begin { printf("%d\\n", (uint64)PGSTEAL_KSWAPD); exit(); }', "28", other=((OLD, "25"), ("x86_64-7.2", "49"))
    ),
    "an enumerator of a missing enum": Check(
        'begin { printf("%d\\n", (uint64)SKB_DROP_REASON_TCP_CSUM); exit(); }',
        "9",
        other=(
            (OLD, "ERROR: t.bt:1: there is no enumerator 'SKB_DROP_REASON_TCP_CSUM' in this kernel ({release})"),
            ("x86_64-6.1", "4"),
            ("x86_64-7.2", "10"),
        ),
    ),
    "an enumerator that is missing": Check(
        'begin { printf("%d\\n", CPUHP_XFS_DEAD > 0); exit(); }',
        "ERROR: t.bt:1: there is no enumerator 'CPUHP_XFS_DEAD' in this kernel ({release})",
        other=(("x86_64-6.1", "1"),),
    ),
    "an enumerator that is asked for": Check(
        """begin {
          if (field_exists("enum cpuhp_state", "CPUHP_XFS_DEAD")) { print((int64)CPUHP_XFS_DEAD > 0); }
          else { print("none"); }
          exit();
        }""",
        "none",
        other=(("x86_64-6.1", "true"),),
    ),
    "a type that is missing": Check(
        'begin { printf("%d\\n", sizeof(struct maple_tree) > 0); exit(); }',
        "1",
        other=((OLD, "ERROR: t.bt:1: there is no type 'maple_tree' in this kernel ({release})"),),
    ),
    "all kinds of things that are missing": Check(
        """struct task_struct { int pid; int none; };
        config = { missing_probes = "warn" }
        begin { print(((struct task_struct *)curtask)->none); }
        kprobe:vfs_read { print(((struct task_struct *)curtask)->none); }
        begin { print(kaddr("no_such_symbol")); }
        kprobe:no_such_function { print(1); }
        kprobe:no_such_pair { print(1); }
        kretprobe:no_such_pair { print(1); }
        kretprobe:no_such_return { print(1); }
        fentry:no_such_function { print(1); }
        tracepoint:no:such_event { print(1); }
        rawtracepoint:no_such_event { print(1); }
        uprobe:/no/such/file:main { print(1); }
        uprobe:/bin/sh:no_such_function { print(1); }
        tracepoint:syscalls:sys_enter_read { @a = count(); }
        interval:ms:50 { print("rest"); exit(); }
        end { print("end"); }""",
        "rest\nend",
        warnings=(
            "t.bt:3: the type 'task_struct' of this kernel ({release}) has no field 'none'\n"
            "WARNING: Unable to attach probe: begin. Skipping.",
            "Unable to attach probe: kprobe:vfs_read. Skipping.",
            "t.bt:5:23-46: WARNING: Failed to resolve kernel symbol: no_such_symbol\n",
            "Unable to attach probe: kprobe:no_such_function. Skipping.",
            "Unable to attach probe: kprobe:no_such_pair. Skipping.",
            "No matches for kprobe no_such_pair. Skipping.",
            "Unable to attach probe: kretprobe:no_such_return. Skipping.",
            "No matches for fentry no_such_function. Skipping.",
            "No matches for tracepoint no:such_event. Skipping.",
            "Unable to attach probe: rawtracepoint:vmlinux:no_such_event. Skipping.",
            "/no/such/file",
            "No matches for uprobe /bin/sh:no_such_function. Skipping.",
        ),
    ),
}


@pytest.fixture(scope="session")
def boot(binaries_of: Callable[[str], Binaries]) -> Callable[[str], dict[str, Result]]:
    """Return the function that runs all checks in a guest, once."""

    @cache
    def run(guest: str) -> dict[str, Result]:
        arch, _, kernel = guest.partition("-")
        binaries = binaries_of(arch)
        commands = {
            name: check.command.replace("{binary}", f"b/{Path(binaries.add(check.script)).name}")
            for name, check in CHECKS.items()
        }
        return run_guest(arch, kernel, binaries.files, {"uname": "uname -r", **commands}, command_timeout=20)

    return run


@pytest.mark.parametrize("name", CHECKS)
def test_value(guest: str, boot: Callable[[str], dict[str, Result]], name: str) -> None:
    if not guest.startswith("x86_64"):
        pytest.skip("the numbers are those of x86_64")
    results = boot(guest)
    check, result = CHECKS[name], results[name]
    inode = re.search(r"^ *(\d+) /tmp/a-file$", result.stdout, re.M)
    words = {"{release}": results["uname"].stdout.strip(), "{inode}": inode[1] if inode else "?"}
    expect = dict(check.other).get(guest, check.expect)
    for word, text in words.items():
        expect = expect.replace(word, text)
    shown = f"{guest}\n{expect}\n{result}"
    errors = re.sub(r"(t\.bt:\d+):\d+:", r"\1:", result.stderr)
    for warning in check.warnings:
        assert warning.replace("{release}", words["{release}"]) in errors, (warning, shown)
    if expect.startswith("ERROR"):
        assert expect in errors, shown
        assert result.status == 1, shown
    else:
        assert "ERROR" not in result.stderr, shown
        assert expect in result.stdout, shown
