"""The file format of kernel packs, and the cache of expanded packs.

A pack is ``MAGIC``, the length of the header (32 bits, little-endian), the header (JSON) and an xz stream.  The stream
holds the sections that the header lists: columns as little-endian 32-bit numbers (names and ``first`` columns as
differences, which compress better) and texts.  Expanding takes 60 ms, so that the result is kept in
``packs`` of btaot's cache under the stream's digest and mapped from there; the cache may be deleted at any
time and need not be writable.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import lzma
import mmap
import os
import struct
import sys
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..cache import cache_dir
from .columns import Column, Columns, column_names

MAGIC = b"BTAOTPK1"
SUFFIX = ".btpack"
_IMAGE_MAGIC = b"BTAOTIM1"
_LENGTH = struct.Struct("<I")


class PackError(Exception):
    """A kernel pack cannot be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PackSource:
    """A Debian package that facts were taken from, and the sha256 of its file."""

    package: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PackIdentity:
    """Where a pack's facts come from; empty where that is not known.

    ``over`` names the packs that this one lies over: it holds only what these do not know.
    """

    name: str
    arch: str
    uname: str = ""
    package: str = ""
    version: str = ""
    sources: tuple[PackSource, ...] = ()
    over: tuple[str, ...] = ()


@dataclass(slots=True)
class PackData:
    """The content of a pack; ``tracepoints`` as ``formats.py`` encodes them, ``constants`` as ``NAME=value`` lines."""

    identity: PackIdentity
    columns: Columns
    tracepoints: bytes
    constants: bytes
    digest: str = ""


def write_pack(path: Path, data: PackData, *, fast: bool = False) -> PackData:
    """Write a pack; return it with its digest.  ``fast`` compresses less."""
    sections: list[tuple[str, int]] = []
    stream = bytearray()
    for name in column_names():
        stored = _encode_column(name, data.columns.data[name])
        sections.append((name, len(stored)))
        stream += stored
    texts = {"strings": data.columns.strings, "tracepoints": data.tracepoints, "constants": data.constants}
    for name, text in texts.items():
        sections.append((name, len(text)))
        stream += text
    digest = hashlib.sha256(stream).hexdigest()
    identity = data.identity
    header = {
        "name": identity.name, "arch": identity.arch, "uname": identity.uname, "package": identity.package,
        "version": identity.version, "sources": [astuple(source) for source in identity.sources],
        "over": identity.over, "sha256": digest, "sections": sections,
    }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    packed = lzma.compress(stream, check=lzma.CHECK_CRC32, preset=0 if fast else 9 | lzma.PRESET_EXTREME)
    path.write_bytes(MAGIC + _LENGTH.pack(len(text)) + text + packed)
    return PackData(identity, data.columns, data.tracepoints, data.constants, digest)


def read_pack(path: Path, *, use_cache: bool = True) -> PackData:
    """Open a pack, from the cache of expanded packs if it is there."""
    header, start = _read_header(path)
    image = image_path(header["sha256"]) if use_cache else None
    if image:
        found = _map_image(image, header)
        if found is not None:
            return found
    data = _expand(path, header, start)
    if image:
        # Without a place for the cache everything works, only slower.
        with contextlib.suppress(OSError):
            _store_image(image, data)
    return data


def read_identity(path: Path) -> tuple[PackIdentity, str]:
    """Return identity and digest of a pack without expanding it."""
    header, _ = _read_header(path)
    return _identity(header), header["sha256"]


def image_path(digest: str) -> Path:
    """Return where the expanded form of a pack is cached."""
    return cache_dir() / "packs" / f"{digest}-{sys.byteorder}.img"


def _identity(header: dict[str, Any]) -> PackIdentity:
    return PackIdentity(
        *(header["name"], header["arch"], header["uname"], header["package"], header["version"]),
        sources=tuple(PackSource(*source) for source in header.get("sources", ())),
        over=tuple(header.get("over", ())),
    )


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC) + _LENGTH.size)
            if not start.startswith(MAGIC) or len(start) != len(MAGIC) + _LENGTH.size:
                raise PackError(f"{path} is not a kernel pack (of this version of btaot)")
            length = _LENGTH.unpack_from(start, len(MAGIC))[0]
            header: dict[str, Any] = json.loads(file.read(length))
    except OSError as error:
        raise PackError(f"cannot read the kernel pack {path}: {error.strerror}") from None
    except ValueError:
        raise PackError(f"the kernel pack {path} is damaged") from None
    return header, len(start) + length


def _expand(path: Path, header: dict[str, Any], start: int) -> PackData:
    with path.open("rb") as file:
        file.seek(start)
        try:
            stream = lzma.decompress(file.read())
        except lzma.LZMAError:
            raise PackError(f"the kernel pack {path} is damaged") from None
    if hashlib.sha256(stream).hexdigest() != header["sha256"]:
        raise PackError(f"the kernel pack {path} is damaged: its digest is wrong")
    columns: dict[str, Column] = {}
    texts: dict[str, bytes] = {}
    at = 0
    for name, size in header["sections"]:
        piece = stream[at : at + size]
        at += size
        if name in _COLUMN_NAMES:
            columns[name] = _decode_column(name, piece)
        else:
            texts[name] = piece
    try:
        types = Columns(texts["strings"], columns)
        return PackData(_identity(header), types, texts["tracepoints"], texts["constants"], header["sha256"])
    except KeyError as missing:
        raise PackError(f"the kernel pack {path} lacks the section {missing}") from None


_COLUMN_NAMES = frozenset(column_names())


def _is_delta(name: str) -> bool:
    """Tell whether a column rises for the most part."""
    group, _, column = name.partition(".")
    return column == "first" or (column == "name" and group not in ("members", "params"))


def _encode_column(name: str, column: Column) -> bytes:
    numbers = array("I", column)
    if _is_delta(name):
        numbers = array("I", ((b - a) & 0xFFFFFFFF for a, b in zip([0, *numbers], numbers, strict=False)))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _decode_column(name: str, stored: bytes) -> Column:
    # As signed numbers the differences add up without a mask.
    numbers = array("i" if _is_delta(name) else "I", stored)
    if sys.byteorder == "big":
        numbers.byteswap()
    return array("I", accumulate(numbers)) if _is_delta(name) else numbers


def _image_sections(data: PackData) -> Iterator[tuple[str, bytes]]:
    for name in column_names():
        yield name, data.columns.data[name].tobytes()
    yield "strings", data.columns.strings
    yield "tracepoints", data.tracepoints
    yield "constants", data.constants


def _store_image(path: Path, data: PackData) -> None:
    """Write the expanded form, complete or not at all: others may be reading or writing the same file."""
    sections = list(_image_sections(data))
    text = json.dumps([(name, len(piece)) for name, piece in sections]).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            head = _IMAGE_MAGIC + _LENGTH.pack(len(text)) + text
            file.write(head.ljust(len(head) + -len(head) % 8, b" "))
            for _, piece in sections:
                file.write(piece + bytes(-len(piece) % 8))
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _map_image(path: Path, header: dict[str, Any]) -> PackData | None:
    """Map the expanded form; None if it is not there or not whole."""
    try:
        with path.open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return _read_image(view, header)
    except (OSError, ValueError, KeyError, struct.error):
        return None


def _read_image(view: memoryview, header: dict[str, Any]) -> PackData:
    if view[:8] != _IMAGE_MAGIC:
        raise ValueError("not an image")
    end = 12 + _LENGTH.unpack_from(view, 8)[0]
    columns: dict[str, Column] = {}
    texts: dict[str, bytes] = {}
    at = end + -end % 8
    for name, size in json.loads(bytes(view[12:end])):
        piece = view[at : at + size]
        if len(piece) != size:
            raise ValueError("the image is cut")
        if name in _COLUMN_NAMES:
            columns[name] = piece.cast("I")
        else:
            texts[name] = bytes(piece)
        at += size + -size % 8
    types = Columns(texts["strings"], columns)
    return PackData(_identity(header), types, texts["tracepoints"], texts["constants"], header["sha256"])
