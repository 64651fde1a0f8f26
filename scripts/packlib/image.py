"""Finds the BTF inside a kernel image."""

from __future__ import annotations

import bz2
import contextlib
import lzma
import struct
import subprocess
import zlib

from vmlib.images import unwrap_image
from vmlib.packages import VmError, require_tool

_BTF_START = {"<": b"\x9f\xeb\x01", ">": b"\xeb\x9f\x01"}
_SETUP_MAGIC = b"HdrS"  # of x86's bzImage, at 0x202


class NoBtf(Exception):
    """The image has no BTF (or is compressed in a way that is not known)."""


def extract_btf(image: bytes) -> bytes:
    """Return the BTF section of a kernel image: vmlinux, Image, bzImage, or one of them compressed."""
    image = unwrap_image(image)
    if image[0x202:0x206] == _SETUP_MAGIC:
        image = _decompress(_bzimage_payload(image))
    found = _find_btf(image) or _find_compressed(image)
    if found is None:
        raise NoBtf("the kernel image holds no BTF; is the kernel built with CONFIG_DEBUG_INFO_BTF?")
    return found


def _bzimage_payload(image: bytes) -> bytes:
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return image[start : start + length]


_TOOLS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4", b"\x89LZO": "lzop"}
_MAGICS = (b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"BZh", *_TOOLS)


def _decompress(data: bytes) -> bytes:
    """Undo the compression of a payload, which has the unpacked size (and more) behind its end."""
    if data.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(data)
    if data.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"]\0\0"):
        return lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(data)
    if data.startswith(b"BZh"):
        return bz2.BZ2Decompressor().decompress(data)
    for magic, tool in _TOOLS.items():
        if data.startswith(magic):
            # What is behind the end is no frame: the tool complains after all is out.
            command = [require_tool(tool, tool), "-dc"]
            return subprocess.run(command, input=data, capture_output=True, check=False).stdout
    raise NoBtf(f"the kernel image is compressed in an unknown way ({data[:4].hex()})")


def _find_compressed(image: bytes) -> bytes | None:
    """Look for a compressed kernel inside an image whose head is not known (s390x)."""
    for magic in _MAGICS:
        at = image.find(magic)
        while at >= 0:
            with contextlib.suppress(zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, VmError):
                if found := _find_btf(_decompress(image[at:])):
                    return found
            at = image.find(magic, at + 1)
    return None


def _find_btf(image: bytes) -> bytes | None:
    """Return the largest thing that looks like BTF (the code that reads BTF holds its magic number, too)."""
    best = b""
    for order, start in _BTF_START.items():
        at = image.find(start)
        while at >= 0:
            best = max(best, _section_at(image, at, order), key=len)
            at = image.find(start, at + 1)
    return best or None


def _section_at(image: bytes, at: int, order: str) -> bytes:
    if len(image) < at + 24:
        return b""
    size, type_at, type_len, string_at, string_len = struct.unpack_from(f"{order}5I", image, at + 4)
    end = at + size + string_at + string_len
    plausible = size == 24 and type_at == 0 and string_at == type_len and type_len > 4096 and end <= len(image)
    if not plausible or image[at + size + string_at] or image[end - 1]:
        return b""
    return image[at:end]
