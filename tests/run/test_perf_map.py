"""Names of code that a process made itself, from its /tmp/perf-PID.map."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Builder, Traced

#: Calls getppid() from a page of its own: mov $110, %eax; syscall; ret.
MAKES_CODE = """
import ctypes, mmap, os, sys
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b86e0000000f05c3"))
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
with open(f"/tmp/perf-{os.getpid()}.map", "w") as out:
    out.write(f"1000 10 elsewhere\\nnot a line\\n{address:x} 8 made at run time\\n")
ctypes.CFUNCTYPE(ctypes.c_long)(address)()
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86_64")
def test_perf_map(build: Builder) -> None:
    binary = build('rawtracepoint:sys_enter / arg1 == 110 && comm == "python3" / { print((pid, ustack(1))); }')
    traced = Traced([binary])
    process = subprocess.Popen(
        [sys.executable, "-c", "import ctypes; ctypes.CDLL(None).prctl(15, b'python3')\n" + MAKES_CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pid = process.stdout.readline().strip()
    try:
        traced.read_until("made at run time")
        outcome = traced.stop()
    finally:
        process.communicate("", timeout=10)
        Path(f"/tmp/perf-{pid}.map").unlink()
    assert re.search(rf"{pid}, *\n +made at run time\+7\n", outcome.stdout), outcome.stdout
