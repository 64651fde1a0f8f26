"""Decompression in aot-rt against zlib's, under AddressSanitizer."""

from __future__ import annotations

import random
import subprocess
import zlib
from pathlib import Path

import pytest
from c_harness import build_harness

NOISE = random.Random(1).randbytes(70_000)
#: name -> data: every kind of block, symbols of one kind only, the longest and the farthest repeats
DATA = {
    "empty": b"",
    "one": b"x",
    "zeros": bytes(100_000),
    "noise": NOISE,
    "far": NOISE[:32_700] + NOISE[:300],
    "skewed": b"".join(bytes([n]) * (1 << n) for n in range(17)),
    "text": Path(__file__).read_bytes() * 3,
}
STRATEGIES = {
    "default": zlib.Z_DEFAULT_STRATEGY,
    "fixed": zlib.Z_FIXED,
    "huffman": zlib.Z_HUFFMAN_ONLY,
    "rle": zlib.Z_RLE,
}


@pytest.fixture(scope="module")
def inflate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the harness."""
    return build_harness(tmp_path_factory.mktemp("inflate"), "test_inflate", ["inflate"])


def compress(data: bytes, level: int, strategy: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, 15, 8, strategy)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", DATA)
def test_every_kind_of_block(inflate: Path, name: str, strategy: str) -> None:
    for level in (0, 1, 6, 9):
        packed = compress(DATA[name], level, STRATEGIES[strategy])
        done = subprocess.run([inflate, str(len(DATA[name]))], input=packed, capture_output=True, check=True)
        assert done.stdout == DATA[name], level


@pytest.mark.parametrize("change", [-1, 1])
def test_another_size_is_damage(inflate: Path, change: int) -> None:
    packed = compress(DATA["text"], 9, zlib.Z_DEFAULT_STRATEGY)
    size = str(len(DATA["text"]) + change)
    assert subprocess.run([inflate, size], input=packed, capture_output=True).stdout == b"damaged\n"


@pytest.mark.parametrize("name", ["far", "skewed", "text"])
def test_damaged_data_touches_nothing_else(inflate: Path, name: str) -> None:
    packed = compress(DATA[name][-5000:], 9, zlib.Z_DEFAULT_STRATEGY)
    done = subprocess.run([inflate, "5000", "damage", "3000"], input=packed, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
