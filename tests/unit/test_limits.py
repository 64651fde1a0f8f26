"""Blocks that no kernel takes are refused by the compiler, which names them."""

from __future__ import annotations

import pytest

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.options import Options
from btaot_tool.worker.client import WorkerPool

MAPS = "".join(f"@m{n} = {n}; " for n in range(65))
CODE = "".join(f"@h[comm, {n}] = hist(nsecs); " for n in range(450))
LOOPS = "".join(f"for ($k{n} : @m) {{\n" for n in range(8))
VALUES = "".join(f"$p{n} = curtask; " for n in range(120))


@pytest.mark.parametrize(
    ("script", "place", "message"),
    [
        (f"begin {{ }}\nend {{ {MAPS} }}", "2:1-4", "this block uses 65 maps with the compiler's own, and the kernel"),
        (f"begin {{ }}\nend {{ {CODE} }}", "2:1-4", "this block is too large: about "),
        (f"begin {{ @m[1] = 1;\n{LOOPS} print(1); {'}' * 8} }}", "9-10", "loops over maps can be nested 7 deep"),
    ],
    ids=["maps", "code", "loops"],
)
def test_refused(script: str, place: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_script(Source("t.bt", script), Options())
    assert f"t.bt:{place}" in str(caught.value)
    assert f"ERROR: {message}" in str(caught.value)


def test_stack() -> None:
    """LLVM ends the process; its words about the stack are no bug of the compiler."""
    script = f"kprobe:vfs_read {{\n{VALUES}\nprint(({', '.join(f'$p{n}.pid' for n in range(120))})); }}"
    pool = WorkerPool()
    with pytest.raises(CompileError) as caught:
        pool.compile(Source("t.bt", script), Options())
    pool.close()
    assert "t.bt:3:1-2: ERROR: " in str(caught.value)
    assert "need more than the 512 bytes of a BPF stack" in str(caught.value)
    assert "bug" not in str(caught.value)


def test_as_many_as_allowed() -> None:
    """The kernel's 64 maps."""
    script = f"begin {{ {MAPS.replace('@m64 = 64; ', '')} }}"
    assert compile_script(Source("t.bt", script), Options()).text
