"""The guest's file system: an uncompressed cpio archive (inflating is slow in an emulated guest)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

BEGIN = "@@VM:BEGIN"
END = "@@VM:EXIT"

# The command runs in /t, where added files are; its status follows END on a line of its own.
_INIT = f"""#!/bin/busybox sh
export PATH=/t:/bin HOME=/t TERM=dumb
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /sbin /usr/bin /etc
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t debugfs dbg /sys/kernel/debug
mount -t tracefs trc /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cg /sys/fs/cgroup
ip link set lo up
stty -opost -echo </dev/console
cd /t
echo "{BEGIN} $(cut -d' ' -f1 /proc/uptime)"
sh -c '. /cmd' </dev/null
rc=$?
echo
echo "{END} $rc"
poweroff -f
"""


class Cpio:
    """Writes a "newc" archive; parent directories are made as needed."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._inode = 0
        self._directories = {"/"}

    def put(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        """Add a file, a directory or a device node."""
        parent = os.path.dirname(name)
        if parent and parent not in self._directories:
            self.put(parent, stat.S_IFDIR | 0o755)
        if stat.S_ISDIR(mode):
            self._directories.add(name)
        self._inode += 1
        text = name.lstrip("/").encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(text), 0)
        head = b"070701" + b"".join(b"%08X" % number for number in fields) + text
        self._out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def add(self, source: Path, destination: str) -> None:
        """Add a file, or a directory with all that is in it."""
        if source.is_dir():
            for entry in sorted(source.iterdir()):
                self.add(entry, f"{destination}/{entry.name}")
        else:
            self.put(destination, stat.S_IFREG | source.stat().st_mode & 0o777, source.read_bytes())

    def finish(self) -> None:
        """Write the end of the archive."""
        self.put("TRAILER!!!", 0)


def write_initramfs(path: Path, busybox: Path, files: Mapping[str, Path], command: str) -> None:
    """Write the archive: ``files`` are sources by their place in the guest."""
    with path.open("wb") as out:
        archive = Cpio(out)
        archive.put("/dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        archive.put("/t", stat.S_IFDIR | 0o755)
        archive.add(busybox, "/bin/busybox")
        for place, source in files.items():
            archive.add(source, place)
        archive.put("/init", stat.S_IFREG | 0o755, _INIT.encode())
        archive.put("/cmd", stat.S_IFREG | 0o644, command.encode() + b"\n")
        archive.finish()


def place_files(arguments: Iterable[str]) -> dict[str, Path]:
    """Read ``FILE[:PLACE]`` arguments; without a place a file goes to /t."""
    files = {}
    for argument in arguments:
        source, _, place = argument.partition(":")
        files[place or "/t/" + Path(source).name] = Path(source)
    return files
