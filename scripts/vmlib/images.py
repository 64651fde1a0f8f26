"""What a guest is made of: kernel, busybox and emulator, found in the cache or fetched into it."""

from __future__ import annotations

import contextlib
import fcntl
import lzma
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .guests import ARCHES, QEMU_PACKAGES, find_suites
from .packages import Archive, VmError, cache_root, require_tool


@dataclass(frozen=True, slots=True)
class Images:
    """Files of a guest, and the command that starts its emulator."""

    kernel: Path
    busybox: Path
    qemu: tuple[str, ...]


def prepare_images(arch: str, kernel: str, image: Path | None = None) -> Images:
    """Return what a guest needs, with another kernel image if one is given; fetch what is missing."""
    with _lock():
        return Images(image or get_kernel(arch, kernel), get_busybox(arch, kernel), get_qemu(arch))


def kernel_directory(arch: str, kernel: str) -> Path:
    """Return where a kernel is (or will be) cached: ``vmlinuz``, ``config`` and the list ``packages``."""
    return cache_root() / f"{arch}-{kernel}"


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def get_kernel(arch: str, kernel: str) -> Path:
    """Return the kernel image."""
    directory = kernel_directory(arch, kernel)
    if not directory.exists():
        archive, image = find_kernel_package(arch, kernel)
        with tempfile.TemporaryDirectory(dir=cache_root()) as name:
            _fetch_kernel(archive, image, Path(name))
            shutil.copytree(name, f"{directory}.new", dirs_exist_ok=True)
        Path(f"{directory}.new").rename(directory)
    return directory / "vmlinuz"


def find_kernel_package(arch: str, kernel: str) -> tuple[Archive, str]:
    """Return the archive and the name of the ``linux-image`` package of a kernel."""
    flavour = ARCHES[arch].flavour
    suites = find_suites(arch, kernel)
    for suite, version in suites:
        archive = Archive(suite, ARCHES[arch].deb)
        image = archive.newest(rf"linux-image-{version}\.[\d.]+(-\d+|\+[\w.]+)-{flavour}")
        if image is not None:
            return archive, image
    raise VmError(f"Debian has no {kernel} kernel for {arch} in {', '.join(suite for suite, _ in suites)}")


def _fetch_kernel(archive: Archive, image: str, directory: Path) -> None:
    # From 6.19 on the package is split: the image is in linux-binary, the configuration in linux-base.
    base, binary = (image.replace("-image-", part) for part in ("-base-", "-binary-"))
    if archive.has(base):
        archive.extract(base, [r"/config$"], directory)
    members = [r"/vmlinu[xz](-[^/]*)?$", r"^./boot/config-"]
    archive.extract(binary if archive.has(binary) else image, members, directory)
    for file in list(directory.iterdir()):
        if file.name.startswith("vmlinu"):
            file.write_bytes(unwrap_image(file.read_bytes()))
            file.rename(directory / "vmlinuz")
        elif file.name.startswith("config"):
            file.rename(directory / "config")


def get_module(arch: str, kernel: str, name: str) -> Path:
    """Return a module (``loop``) of a cached kernel, from the very package that the kernel came from."""
    get_kernel(arch, kernel)
    path = kernel_directory(arch, kernel) / "modules" / f"{name}.ko"
    with _lock():
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            _fetch_module(arch, kernel, path)
    return path


def _fetch_module(arch: str, kernel: str, path: Path) -> None:
    package, version = kernel_package_name(arch, kernel).split("_")[:2]
    modules = package.replace("-binary-", "-modules-")  # where the package is split
    wanted = rf"/{path.stem}\.ko(\.xz|\.zst)?$"
    for suite, _ in find_suites(arch, kernel):
        archive = Archive(suite, ARCHES[arch].deb)
        if archive.has(modules):
            archive.extract(f"{modules}={version}", [wanted], path.parent)
            break
    for file in path.parent.glob(f"{path.name}.*"):
        unpack = [require_tool("xz", "xz-utils")] if file.suffix == ".xz" else [require_tool("zstd", "zstd")]
        path.write_bytes(subprocess.run([*unpack, "-dc", file], check=True, stdout=subprocess.PIPE).stdout)
        file.unlink()
    if not path.exists():
        raise VmError(f"{path.stem}: no such module of {modules} {version}, or the mirror has another version by now")


def unwrap_image(data: bytes) -> bytes:
    """Undo the wrappers that QEMU's loaders do not know: EFI zboot and gzip."""
    if data[:2] == b"MZ" and data[4:8] == b"zimg":
        offset, size = struct.unpack_from("<II", data, 8)
        kind = data[24:56].split(b"\0")[0].decode()
        data = data[offset : offset + size]
        if kind.startswith("zstd"):
            zstd = require_tool("zstd", "zstd")
            data = subprocess.run([zstd, "-dc"], input=data, check=True, stdout=subprocess.PIPE).stdout
        elif kind.startswith("xz"):
            data = lzma.decompress(data)
    if data[:2] == b"\x1f\x8b":
        data = zlib.decompressobj(31).decompress(data)
    return data


def get_busybox(arch: str, kernel: str) -> Path:
    """Return a static busybox."""
    directory = cache_root() / f"{arch}-busybox"
    if not (directory / "busybox").exists():
        directory.mkdir(parents=True, exist_ok=True)
        # The suite of the kernel: its index is needed anyway.
        suite = find_suites(arch, kernel)[0][0].replace("-backports", "")
        Archive(suite, ARCHES[arch].deb).extract("busybox-static", [r"bin/busybox$"], directory)
    return directory / "busybox"


def get_qemu(arch: str) -> tuple[str, ...]:
    """Return the emulator's command: the installed one, or a newer one unpacked into the cache."""
    entry = ARCHES[arch]
    program = f"qemu-system-{entry.qemu}"
    if not entry.qemu_from:
        return (require_tool(program, QEMU_PACKAGES.get(entry.qemu, "qemu-system-misc")),)
    root = cache_root() / f"qemu-{entry.qemu}"
    if not (root / "usr").exists():
        suite, *packages = entry.qemu_from
        dpkg = ["dpkg", "--print-architecture"]
        host = subprocess.run(dpkg, check=True, capture_output=True, text=True).stdout.strip()
        with tempfile.TemporaryDirectory(dir=cache_root()) as name:
            Archive(suite, host).unpack(packages, Path(name, "root"))
            Path(name, "root").rename(root)
    return str(root / "usr" / "bin" / program), "-L", str(root / "usr" / "share" / "qemu")


def kernel_package_name(arch: str, kernel: str) -> str:
    """Return the package file that a cached kernel came from (the one with the image, which is noted last)."""
    notes = (kernel_directory(arch, kernel) / "packages").read_text().split()
    return re.sub(r"_[a-z0-9]+\.deb$", "", notes[-1])
