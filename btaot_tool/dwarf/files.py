"""Which files of the machine that compiles a script means by "libc", "bash" or "./server", and their debug files.

The order is that of the executable on its host (``binaries.c``): a name that begins with "lib" is a library first,
then a path, then a program in PATH.  With ``sysroot`` all is looked for below a directory, where the files of another
machine lie.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

_LIBRARY_DIRS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_TRIPLES = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}
_OLD_CACHE, _NEW_CACHE = b"ld.so-1.7.0", b"glibc-ld.so.cache1.1"
_DEBUG_DIRS = (".debug", "/usr/lib/debug")


def find_binary(target: str, machine: str, sysroot: str = "", path: str | None = None) -> Path | None:
    """Return the ELF file that the first part of a probe names; None if there is none here."""
    if target.startswith("lib") and "/" not in target:
        library = _find_library(target, machine, sysroot)
        if library:
            return library
    candidates = [_below(sysroot, target)]
    if "/" not in target:
        directories = (os.environ.get("PATH", "") if path is None else path).split(":")
        candidates += [_below(sysroot, f"{directory}/{target}") for directory in directories if directory]
    return next((file for file in candidates if _is_elf(file)), None)


def find_debug_files(
    binary: Path, build_id: str, link: str, search: Sequence[str], sysroot: str = ""
) -> Iterator[Path]:
    """Yield the files that may hold the debug information of a stripped binary, best first.

    ``search`` are files and directories of the user, directories relative to the binary's; ``link`` is the name in its
    ``.gnu_debuglink``.  The caller has to compare build-ids.
    """
    directory = binary.resolve().parent
    names = [link] if link else []
    names += [f"{binary.name}.debug", binary.name]
    by_id = f".build-id/{build_id[:2]}/{build_id[2:]}.debug" if build_id else ""
    for place in (*search, *(_DEBUG_DIRS if not sysroot else (".debug", f"{sysroot}/usr/lib/debug", "/usr/lib/debug"))):
        base = directory / place.removeprefix("+")
        found = [base / by_id] if by_id else []
        found += [base / name for name in names]
        found += [base / directory.relative_to("/") / name for name in names]
        yield from (file for file in [base, *found] if file.is_file() and file.resolve() != binary.resolve())
    if link and (directory / link).is_file():
        yield directory / link


def _below(sysroot: str, name: str) -> Path:
    return Path(f"{sysroot}/{name}") if sysroot else Path(name)


def _is_elf(file: Path, machine: str = "") -> bool:
    try:
        with open(file, "rb") as stream:
            head = stream.read(20)
    except OSError:
        return False
    return len(head) == 20 and head[:4] == b"\x7fELF" and (not machine or _machine(head) == machine)


def _machine(head: bytes) -> str:
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    return {62: "x86_64", 183: "aarch64"}.get(number, "")


def _find_library(name: str, machine: str, sysroot: str) -> Path | None:
    try:
        cache = _below(sysroot, "/etc/ld.so.cache").read_bytes()
    except OSError:
        cache = b""
    for file, path in _cached_libraries(cache):
        if _names_library(file, name) and _is_elf(found := _below(sysroot, path), machine):
            return found
    triple = _TRIPLES.get(machine, "")
    directories = [*_LIBRARY_DIRS, f"/lib/{triple}", f"/usr/lib/{triple}"]
    pattern = f"{name}*" if ".so" in name else f"{name}.so*"
    for directory in directories:
        for found in sorted(_below(sysroot, directory).glob(pattern)):
            if _is_elf(found, machine):
                return found
    return None


def _cached_libraries(cache: bytes) -> Iterator[tuple[str, str]]:
    """Yield names and paths from the content of ``/etc/ld.so.cache``."""
    base = 0
    if cache.startswith(_OLD_CACHE) and len(cache) >= 16:
        base = (16 + 12 * struct.unpack_from("I", cache, 12)[0] + 7) & ~7
    if cache[base : base + len(_NEW_CACHE)] != _NEW_CACHE or len(cache) < base + 48:
        return
    (count,) = struct.unpack_from("I", cache, base + 20)
    for index in range(min(count, (len(cache) - base - 48) // 24)):
        name, path = struct.unpack_from("II", cache, base + 48 + 24 * index + 4)
        yield _text(cache, base + name), _text(cache, base + path)


def _text(data: bytes, offset: int) -> str:
    return os.fsdecode(data[offset : data.find(b"\0", offset)])


def _names_library(file: str, name: str) -> bool:
    """Whether a script means a library by a name: "libc" and "libc.so" mean libc.so.6."""
    if not file.startswith(name):
        return False
    rest = file[len(name) :]
    return not rest or rest.startswith(".so") or (name.endswith(".so") and rest.startswith("."))
