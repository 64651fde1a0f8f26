"""The payload reader of aot-rt against damaged payloads: ``tests/unit/c/fuzz_payload.c`` under AddressSanitizer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from c_harness import build_harness
from payload_sample import sample_payload

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import Source
from btaot_tool.options import Options
from btaot_tool.targets import host_target

SOURCES = ("inflate", "parts", "payload", "payload_check", "section", "sha256", "str", "util")
SCRIPT = """
BEGIN { @start = nsecs; printf("start %s %d\\n", comm, pid); }
tracepoint:sched:sched_switch /pid != 0/ { @[comm, tid] = count(); @h = hist(cpu); @s[kstack] = sum(1); }
interval:s:1 { print(@h); clear(@h); exit(); }
"""


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the harness."""
    return build_harness(tmp_path_factory.mktemp("fuzz"), "fuzz_payload", SOURCES)


@pytest.fixture(scope="module", params=["sample", "script"])
def payload(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the paths of the two sections."""
    directory = tmp_path_factory.mktemp("payload")
    if request.param == "sample":
        meta, text = sample_payload(host_target())
    else:
        done = compile_script(Source("probe.bt", SCRIPT), Options(target=host_target()))
        meta, text = done.meta, done.text
    (directory / "meta").write_bytes(meta)
    (directory / "text").write_bytes(text)
    return str(directory / "meta"), str(directory / "text")


def run(*argv: str | Path) -> str:
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_flipped_bit_is_refused(fuzzer: Path, payload: tuple[str, str]) -> None:
    size = sum(Path(path).stat().st_size for path in payload)
    assert run(fuzzer, "flips", *payload) == f"{size * 8} flips refused\n"


def test_every_truncation_is_refused(fuzzer: Path, payload: tuple[str, str]) -> None:
    assert "cuts refused" in run(fuzzer, "cuts", *payload)


@pytest.mark.parametrize("seed", [1, 2])
def test_changed_tables_do_no_harm(fuzzer: Path, payload: tuple[str, str], seed: int) -> None:
    """With the digest check off, what the reader accepts can be used without a bad access."""
    assert "runs" in run(fuzzer, "mutate", *payload, "50000", str(seed))
