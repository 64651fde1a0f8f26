"""Packets: skboutput() writes them to pcap files, socket_cookie() tells their sockets apart."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from harness import Builder, Traced

SEND = (
    'rawtracepoint:net_dev_queue /pid == $1/ {{ $ret = skboutput("{file}", args.skb, args.skb.len, {offset}); {more} }}'
)
ETHERNET = 14


def send(count: int, port: int = 9) -> list[bytes]:
    """Send datagrams on the loopback device; returns what they hold."""
    texts = [b"packet %d " % i * (i + 1) for i in range(count)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for text in texts:
            sender.sendto(text, ("127.0.0.1", port))
    return texts


def read_pcap(path: Path) -> list[tuple[float, bytes]]:
    """Return time and bytes of the packets of a file, whose head must be right."""
    data = path.read_bytes()
    magic, major, minor, zone, digits, limit, link = struct.unpack_from("=IHHiIII", data)
    assert (magic, major, minor, zone, digits, limit, link) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    packets, at = [], 24
    while at < len(data):
        seconds, micros, kept, length = struct.unpack_from("=IIII", data, at)
        assert kept == length and micros < 1000000
        packets.append((seconds + micros / 1e6, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return packets


def datagrams(packets: list[tuple[float, bytes]]) -> list[bytes]:
    """Return what the UDP packets hold (not what ICMP answers)."""
    assert all(packet[0] == 0x45 for _, packet in packets if packet[9] == 17)
    return [packet[28:] for _, packet in packets if packet[9] == 17]


def test_packets(build: Builder, tmp_path: Path) -> None:
    import os

    file, before = tmp_path / "out.pcap", time.time()
    more = 'printf("%d\\n", $ret);'
    traced = Traced([build(SEND.format(file=file, offset=ETHERNET, more=more)), str(os.getpid())])
    assert file.stat().st_size == 24
    texts = send(20)
    outcome = traced.stop()
    packets = read_pcap(file)
    assert datagrams(packets) == texts
    assert all(before - 0.1 < at < time.time() + 0.1 for at, _ in packets)
    assert set(outcome.stdout.split()) == {"0"}


def test_packets_after_exit_are_kept(build: Builder, tmp_path: Path) -> None:
    import os

    file = tmp_path / "out.pcap"
    traced = Traced([build(SEND.format(file=file, offset=ETHERNET, more="exit();")), str(os.getpid())])
    texts = send(5)
    assert traced.finish().status == 0
    assert datagrams(read_pcap(file))[0] == texts[0]


def test_two_calls_share_a_file(build: Builder, tmp_path: Path) -> None:
    import os

    file = tmp_path / "out.pcap"
    more = f'skboutput("{file}", args.skb, args.skb.len, {ETHERNET});'
    traced = Traced([build(SEND.format(file=file, offset=ETHERNET, more=more)), str(os.getpid())])
    texts = send(3)
    traced.stop()
    assert datagrams(read_pcap(file)) == [text for text in texts for _ in "12"]


def test_more_than_the_packet_has(build: Builder, tmp_path: Path) -> None:
    import os

    file = tmp_path / "out.pcap"
    script = (
        f'rawtracepoint:net_dev_queue /pid == $1/ {{ printf("%d\\n", (int32)skboutput("{file}", args.skb, 9000, 0)); }}'
    )
    traced = Traced([build(script), str(os.getpid())])
    send(1)
    assert traced.stop().stdout.split()[0] == "-14"  # EFAULT
    assert read_pcap(file) == []


def test_a_file_that_cannot_be_made(build: Builder, tmp_path: Path) -> None:
    script = SEND.format(file=tmp_path / "missing" / "out.pcap", offset=0, more="")
    outcome = Traced([build(script), "1"], ready=False).finish()
    assert outcome.status == 1
    assert f"Failed to create pcap file {tmp_path}/missing/out.pcap: No such file or directory" in outcome.stderr


def test_socket_cookie(build: Builder) -> None:
    import os

    script = (
        "rawtracepoint:sock_send_length /pid == $1/ { @[socket_cookie(args.sk)] = count(); @n = count(); }\n"
        'end { printf("%d %d\\n", len(@), (int64)@n); clear(@); clear(@n); }'
    )
    traced = Traced([build(script), str(os.getpid())])
    send(4)
    send(3)
    assert traced.stop().stdout.split() == ["2", "7"]
