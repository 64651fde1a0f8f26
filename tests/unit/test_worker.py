"""The worker: frames, reuse, death and replacement."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from btaot_tool.diagnostics import CompileError, Diagnostic, Severity, Source, Span
from btaot_tool.options import Options
from btaot_tool.worker.client import WorkerPool
from btaot_tool.worker.protocol import decode_diagnostics, encode_diagnostics, read_frame, write_frame


@pytest.fixture
def pool(stand_in_compiler: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerPool:
    monkeypatch.setenv("PYTHONPATH", str(stand_in_compiler))
    return WorkerPool()


def ask(pool: WorkerPool, text: str) -> int:
    """Compile; return the worker's process id."""
    result = pool.compile(Source("s.bt", text), Options())
    assert result.text == b"texttext" and result.dependencies == ["s.bt"]
    return int(result.meta)


def test_frames_survive_the_way_and_a_cut_one_is_the_end() -> None:
    stream = io.BytesIO()
    write_frame(stream, {"a": "\u00e9\udc80"}, b"\0\1")
    data = stream.getvalue()
    assert read_frame(io.BytesIO(data)) == ({"a": "\u00e9\udc80"}, b"\0\1")
    for size in range(len(data)):
        assert read_frame(io.BytesIO(data[:size])) is None


def test_diagnostics_survive_the_way() -> None:
    source = Source("a.bt", "one\ntwo\n")
    items = [
        Diagnostic(Severity.ERROR, "first", Span(source, 2, 1, 2, 4), "hint", "code"),
        Diagnostic(Severity.WARNING, "second"),
    ]
    assert decode_diagnostics(encode_diagnostics(items)) == items


def test_a_worker_is_kept(pool: WorkerPool) -> None:
    assert ask(pool, "x") == ask(pool, "y") != os.getpid()
    pool.close()


def test_jobs_at_the_same_time_have_their_own(pool: WorkerPool) -> None:
    with ThreadPoolExecutor(4) as threads:
        workers = set(threads.map(lambda _: ask(pool, "x"), range(40)))
    assert 1 <= len(workers) <= 4
    pool.close()


@pytest.mark.parametrize(("text", "how"), [("die", "exit status 1\nLLVM ERROR: Cannot select"), ("abort", "signal 6")])
def test_a_dead_worker_is_reported_and_replaced(pool: WorkerPool, text: str, how: str) -> None:
    first = ask(pool, "x")
    with pytest.raises(CompileError) as error:
        ask(pool, text)
    assert f"while it worked on s.bt: {how}" in str(error.value)
    assert ask(pool, "x") != first
    pool.close()


def test_errors_of_the_script_and_of_the_compiler(pool: WorkerPool) -> None:
    with pytest.raises(CompileError) as error:
        ask(pool, "wrong")
    assert str(error.value) == "s.bt:1:1-6: ERROR: no\nwrong\n~~~~~\nHINT: yes"
    with pytest.raises(CompileError, match=r"internal error .* s\.bt:(.|\n)*KeyError: 'what'"):
        ask(pool, "raise")
    pool.close()


def test_what_is_printed_does_not_break_the_frames(pool: WorkerPool) -> None:
    assert ask(pool, "print") > 0
    pool.close()


def test_closing_ends_the_process(pool: WorkerPool) -> None:
    worker = ask(pool, "x")
    pool.close()
    assert not os.path.exists(f"/proc/{worker}")
