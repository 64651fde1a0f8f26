"""Functions of the script (fn): parsed, and that they cannot be called."""

from __future__ import annotations

import pytest

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.options import Options
from btaot_tool.targets import find_target


def test_call() -> None:
    script = "fn next($a : int64) : int64 { return $a + 1; } begin { print(next(1)); }"
    with pytest.raises(CompileError) as caught:
        compile_script(Source("t.bt", script), Options(target=find_target("x86_64")))
    text = str(caught.value)
    assert "t.bt:1:62-69: ERROR: Unknown function: 'next'\n" in text  # as bpftrace 0.27 says it
    assert "write a macro" in text
