"""Calls that only some kernels allow: what they do there, and what is said elsewhere."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable

import pytest

from .binaries import ROOT, Binaries
from .guest import Result, run_guest

pytestmark = pytest.mark.vm

EVERYTHING = ROOT / "tests" / "run" / "imported" / "everything.bpf.c"
KERNELS = ["5.10", "6.1", "7.2"]
PACKETS = """
fentry:__dev_queue_xmit { $ret = skboutput("/t/skb.pcap", args.skb, args.skb.len, 14); @ret[$ret] = count(); }
"""
COOKIES = """
rawtracepoint:inet_sock_set_state { @[socket_cookie((struct sock *)arg0) > 0] = count(); }
"""
PATH = """
fentry:filp_close /comm == "cat"/ { $path = path(args.filp.f_path); @[$path] = count(); }
"""
OPEN = """
rm -f /tmp/errors; {binary} >/tmp/lines 2>/tmp/errors & tracer=$!
while ! grep -q -e Attached -e ERROR /tmp/errors; do sleep 0.1; done
echo text >/t/some.txt; cat </t/some.txt >/dev/null
kill -INT $tracer; wait $tracer
cat /tmp/lines; cat /tmp/errors >&2
"""
IMPORTED = """
import "everything.bpf.c";
begin {
  print((next(), next(), add(5), add(6), bump(1), bump(1), get_limit(), letter(2, 1), letter(9, 0)));
  print((times(3), times(3), times(4), slot(1, 10), slot(1, 5), slot(9, 1)));
  print((task_tgid(curtask) == pid, parent_tgid(curtask) == ppid, fields(), comm_size()));
  print((task_size() == sizeof(struct task_struct), locked(), address() == kaddr("vfs_read")));
  exit();
}
"""
HEADERS = """
import "headers.bpf.c";
begin {
  let $name : string[16] = "";
  let $comm : string[16] = "";
  print((times(1), times(1), times(2), parent() == ppid, user() == uid, kernel_thread()));
  print((program(&$name) > 0, copy_comm(&$comm) == strlen(comm) + 1, $comm == comm));
  print((exist(), process_group(), bits()));
  exit();
}
"""
HEADERS_PRINTED = """
(1, 2, 1, true, true, false)
(true, true, true)
(1110, 2, 32)
"""
PRINTED = """
(5, 6, 5, 11, 1, 2, 7, 104, -1)
(1, 2, 1, 10, 15, 0)
(true, true, 10, 16)
(true, 1, true)
"""
# Sends three pings to itself while a binary runs; then the file, in hexadecimal digits.
PING = """
ip link set lo up
rm -f /tmp/errors; {binary} >/tmp/lines 2>/tmp/errors & tracer=$!
while ! grep -q -e Attached -e ERROR /tmp/errors; do sleep 0.1; done
ping -c 3 -i 0.1 127.0.0.1 >/dev/null
nc -w 1 127.0.0.1 1 </dev/null
kill -INT $tracer; wait $tracer
cat /tmp/lines; cat /tmp/errors >&2
[ ! -f /t/skb.pcap ] || hexdump -v -e '1/1 "%02x"' /t/skb.pcap
"""


@pytest.fixture(scope="module", params=KERNELS)
def guest(
    request: pytest.FixtureRequest, binaries_of: Callable[[str], Binaries], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Result]]:
    binaries = binaries_of("x86_64")
    folder = tmp_path_factory.mktemp("imported")
    for name in ("everything.bpf.c", "headers.bpf.c"):
        shutil.copy(EVERYTHING.parent / name, folder)
    script = IMPORTED.replace("everything.bpf.c", str(folder / EVERYTHING.name))
    commands = {
        "packets": PING.format(binary=binaries.add(PACKETS)),
        "cookies": PING.format(binary=binaries.add(COOKIES)).replace("/t/skb.pcap", "/t/none"),
        "override": binaries.add("kprobe:do_nanosleep { override(-4); }", unsafe=True),
        "path": OPEN.format(binary=binaries.add(PATH)),
        "imported": binaries.add(script),
        "headers": binaries.add(HEADERS.replace("headers.bpf.c", str(folder / "headers.bpf.c"))),
        "kfunc": binaries.add("begin { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); print(1); exit(); }"),
    }
    return request.param, run_guest("x86_64", request.param, binaries.files, commands)


Guest = tuple[str, dict[str, Result]]


def test_packets(guest: Guest) -> None:
    result = guest[1]["packets"]
    *_, digits = result.stdout.split("\n")
    data = bytes.fromhex(digits)
    assert struct.unpack_from("<IHHIIII", data) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101), result
    kinds, at = [], 24
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        packet = data[at + 16 : at + 16 + size]
        kinds += [packet[20]] if packet[0] == 0x45 and packet[9] == 1 else []
        at += 16 + size
    assert kinds.count(8) == 3 and kinds.count(0) == 3, result  # ICMP: echo request and reply
    assert "@ret[0]: " in result.stdout


def test_cookies(guest: Guest) -> None:
    kernel, results = guest
    if kernel == "5.10":
        assert "socket_cookie() needs bpf_get_socket_cookie, which this kernel" in results["cookies"].stderr
    else:
        assert "@[true]: " in results["cookies"].stdout and "@[false]" not in results["cookies"].stdout


def test_override_is_refused(guest: Guest) -> None:
    """No kernel of Debian has CONFIG_BPF_KPROBE_OVERRIDE."""
    result = guest[1]["override"]
    assert result.status == 1
    assert "override() needs bpf_override_return (CONFIG_BPF_KPROBE_OVERRIDE), which this kernel" in result.stderr


def test_path(guest: Guest) -> None:
    assert "@[/t/some.txt]: 1\n" in guest[1]["path"].stdout, guest[1]["path"]


def test_imported(guest: Guest) -> None:
    assert guest[1]["imported"].stdout.strip() == PRINTED.strip(), guest[1]["imported"]


def test_headers(guest: Guest) -> None:
    assert guest[1]["headers"].stdout.strip() == HEADERS_PRINTED.strip(), guest[1]["headers"]


def test_kfunc(guest: Guest) -> None:
    kernel, results = guest
    if kernel == "7.2":
        assert results["kfunc"].stdout.strip() == "1"
    else:
        assert (
            "Failed to resolve kernel symbol: bpf_rcu_read_lock" in results["kfunc"].stderr
            and results["kfunc"].status == 1
        )
