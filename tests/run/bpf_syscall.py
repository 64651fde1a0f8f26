"""bpf(2) through ctypes: just what the tests of the kernel's behaviour need."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence

import pytest

from btaot_tool.bpf.insn import Insn, encode_insns

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: loads BPF programs into this kernel")

(MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD, TEST_RUN, BTF_LOAD) = (0, 1, 2, 5, 10, 18)
(KPROBE, TRACEPOINT, PERF_EVENT, RAW_TRACEPOINT, SYSCALL) = (2, 5, 7, 17, 31)
(HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, RINGBUF) = (1, 2, 5, 6, 27)
F_NO_PREALLOC, F_MMAPABLE, F_SLEEPABLE = 1, 1 << 10, 1 << 4

_NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}[platform.machine()]
_ORDER = "<" if sys.byteorder == "little" else ">"
_LIBC = ctypes.CDLL(None, use_errno=True)


class VerifierError(Exception):
    """A program was not loaded; ``log`` is the verifier's."""

    def __init__(self, number: int, log: str) -> None:
        self.errno = number
        self.log = log
        super().__init__(f"{errno.errorcode.get(number, number)}\n{log}")


def bpf(command: int, attr: ctypes.Array[ctypes.c_char]) -> int:
    """Call bpf(2); OSError on failure."""
    result = int(_LIBC.syscall(_NUMBER, command, attr, len(attr)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _attr(layout: str, *values: object) -> ctypes.Array[ctypes.c_char]:
    data = struct.pack("=" + layout, *values)
    return ctypes.create_string_buffer(data + bytes(-len(data) % 8), len(data) + -len(data) % 8)


def _address(buffer: object) -> int:
    return ctypes.addressof(buffer) if buffer is not None else 0  # type: ignore[arg-type]


def _buffer(data: bytes) -> ctypes.Array[ctypes.c_char] | None:
    return ctypes.create_string_buffer(data, len(data)) if data else None


class Fd:
    """A descriptor that is closed with its object."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


class Map(Fd):
    """A BPF map with keys and values as bytes."""

    def __init__(self, kind: int, key: int, value: int, entries: int, flags: int = 0) -> None:
        super().__init__(bpf(MAP_CREATE, _attr("IIIIIII16s", kind, key, value, entries, flags, 0, 0, b"t")))
        self.value_size = value

    def lookup(self, key: bytes) -> bytes:
        k, v = _buffer(key), ctypes.create_string_buffer(self.value_size * (os.cpu_count() or 1) * 2 + 4096)
        bpf(MAP_LOOKUP, _attr("IIQQQ", self.fd, 0, _address(k), _address(v), 0))
        return v.raw[: self.value_size]

    def update(self, key: bytes, value: bytes) -> None:
        k, v = _buffer(key), _buffer(value)
        bpf(MAP_UPDATE, _attr("IIQQQ", self.fd, 0, _address(k), _address(v), 0))

    def mapped(self, size: int) -> mmap.mmap:
        return mmap.mmap(self.fd, size)


class Ringbuf(Map):
    """A ring buffer that is read through its mapping."""

    def __init__(self, size: int) -> None:
        super().__init__(RINGBUF, 0, 0, size)
        self.size = size

    def records(self) -> list[bytes]:
        """Return all records, without consuming them."""
        page = mmap.PAGESIZE
        with mmap.mmap(self.fd, page + 2 * self.size, prot=mmap.PROT_READ, offset=page) as memory:
            (end,) = struct.unpack_from("=Q", memory)
            found, position = [], 0
            while position < end:
                (length,) = struct.unpack_from("=I", memory, page + position)
                length &= 0x3FFFFFFF
                found.append(memory[page + position + 8 :][:length])
                position += length + 8 + -length % 8
        return found


class Prog(Fd):
    """A loaded program."""

    def run(self, ctx: Sequence[int] | bytes = ()) -> int:
        """Run it by hand (raw tracepoints: up to 12 arguments; syscall programs: bytes) and return its result."""
        data = _buffer(ctx if isinstance(ctx, bytes) else struct.pack(f"={len(ctx)}Q", *ctx))
        size = len(data) if data else 0
        attr = _attr("IIIIQQIIIIQQII", self.fd, 0, 0, 0, 0, 0, 0, 0, size, 0, _address(data), 0, 0, 0)
        bpf(TEST_RUN, attr)
        return int(struct.unpack_from("=I", attr.raw, 4)[0])


class Btf(Fd):
    """BTF in the kernel."""

    def __init__(self, data: bytes) -> None:
        blob, log = _buffer(data), ctypes.create_string_buffer(65536)
        try:
            super().__init__(bpf(BTF_LOAD, _attr("QQIIII", _address(blob), _address(log), len(data), len(log), 1, 0)))
        except OSError as problem:
            self.fd = os.open(os.devnull, os.O_RDONLY)
            raise VerifierError(problem.errno or 0, log.value.decode()) from problem


def load(
    kind: int,
    program: Iterable[Insn] | bytes,
    btf: Btf | None = None,
    func_info: Sequence[tuple[int, int]] = (),
    line_info: Sequence[tuple[int, int, int, int]] = (),
    flags: int = 0,
) -> Prog:
    """Load a program; VerifierError has the log."""
    text = program if isinstance(program, bytes) else encode_insns(program, _ORDER)
    code, license_text, log = _buffer(text), _buffer(b"GPL\0"), ctypes.create_string_buffer(1 << 20)
    funcs = _buffer(b"".join(struct.pack("=II", *row) for row in func_info))
    lines = _buffer(b"".join(struct.pack("=IIII", *row) for row in line_info))
    attr = _attr(
        "IIQQIIQII16sIIIIQIIQIIII",
        kind,
        len(text) // 8,
        _address(code),
        _address(license_text),
        1,
        len(log),
        _address(log),
        0,
        flags,
        b"t",
        0,
        0,
        btf.fd if btf else 0,
        8,
        _address(funcs),
        len(func_info),
        16,
        _address(lines),
        len(line_info),
        0,
        0,
        0,
    )
    try:
        return Prog(bpf(PROG_LOAD, attr))
    except OSError as problem:
        raise VerifierError(problem.errno or 0, log.value.decode(errors="replace")) from problem
