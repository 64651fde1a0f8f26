"""The VM harness itself: streams stay apart, statuses are right, a slow command is stopped, files arrive."""

from __future__ import annotations

import pytest

from .guest import Result, run_guest

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    data = tmp_path_factory.mktemp("guest") / "data"
    data.write_bytes(bytes(range(256)))
    commands = {
        "streams": "echo out; echo err >&2; exit 7",
        "no newline": "printf abc",
        "slow": "sleep 30",
        "file": "wc -c <data; pwd",
        "tracing": "ls /sys/kernel/tracing/events/sched/sched_switch/format /sys/kernel/btf/vmlinux; uname -m",
        "last": "true",
    }
    return run_guest("x86_64", "6.12", {"data": data}, commands, command_timeout=2)


def test_streams_and_status(results: dict[str, Result]) -> None:
    assert results["streams"] == Result("out\n", "err\n", 7)
    assert results["no newline"] == Result("abc", "", 0)


def test_slow_command_is_killed_and_the_next_runs(results: dict[str, Result]) -> None:
    assert results["slow"].status == 137
    assert results["last"] == Result("", "", 0)


def test_files_arrive(results: dict[str, Result]) -> None:
    assert results["file"].stdout == "256\n/t\n"


def test_guest_can_trace(results: dict[str, Result]) -> None:
    assert results["tracing"].status == 0
    assert results["tracing"].stdout.endswith("x86_64\n")
