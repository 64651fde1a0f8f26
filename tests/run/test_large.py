"""Large scripts and blocks, deep loops, many variables: limits of the machine that a script does not meet."""

from __future__ import annotations

import os

import pytest
from harness import Builder, run

from btaot_tool.codegen.llvm import LARGE
from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import Source
from btaot_tool.options import Options


def test_large_script(build: Builder) -> None:
    """A script that is optimised in the quick way: every kind of statement, in 150 blocks."""
    block = """
begin {
  @count[comm, %(n)d] = count(); $t = (%(n)d, str("text"), comm); @tuple[%(n)d] = $t;
  $sum = 0; for ($i : 0..%(n)d) { if ($i == 3) { continue; } $sum += $i; if ($i == 9) { break; } }
  for ($i : 5..5) { for ($j : 0..$i) { print("never"); } }
  @hist = hist(%(n)d); if (comm == "t") { @t++; } else { @other = str(comm, 8); }
  printf("%%d %%s %%d\\n", %(n)d, $t.1 == str("text") ? "yes" : "no", $sum);
}
"""
    script = "".join(block % {"n": n} for n in range(150))
    script += "end { print(len(@count)); clear(@count); clear(@tuple); clear(@hist); clear(@t); clear(@other); }\n"
    script += "begin { exit(); }"
    result = compile_script(Source("t.bt", script), Options())
    assert len(result.text) > LARGE // 20  # the IR has far more bytes than the program
    sums = [sum(i for i in range(min(n, 10)) if i != 3) for n in range(150)]
    done = run([build(script)])
    lines = done.stdout.split("\n")
    assert lines[:150] == [f"{n} yes {sums[n]}" for n in range(150)], done
    assert lines[150] == "150"


@pytest.mark.parametrize("loop", ["for ($i{n} : 0..2) {{ ", "$i{n} = 0; while ($i{n} < 2) {{ $i{n}++; "])
def test_loops_deeper_than_the_kernel_calls(build: Builder, loop: str) -> None:
    """Eight frames are all that a program may have; the loops inside are code then."""
    script = f"begin {{ $s = 0; {''.join(loop.format(n=n) for n in range(9))} $s++; {'}' * 9} print($s); exit(); }}"
    assert run([build(script)]).stdout.split() == ["512"]


def test_many_variables(build: Builder) -> None:
    """More than the stack holds, in straight code, in branches and in loops."""
    names = range(90)
    script = (
        "begin { "
        + " ".join(f"let $v{n}: int64;" for n in names)
        + " ".join(f"if (pid > 0) {{ $v{n} = {n}; }}" for n in names if n % 2)
        + " for ($i : 0..3) { "
        + " ".join(f"$v{n} += $i;" for n in names)
        + " } while ($v1 < 10) { "
        + " ".join(f"$v{n}++;" for n in names)
        + " } "
        + " ".join(f"print($v{n});" for n in names)
        + " exit(); }"
    )
    expected = [str((n if n % 2 else 0) + 3 + 6) for n in names]
    assert run([build(script)]).stdout.split() == expected


def test_scratch_memory_of_every_processor(build: Builder) -> None:
    """It does not depend on the size of the script's maps."""
    binary = build('config = { max_map_keys = 1 } begin { print((str_concat("a", "b"), cpu)); exit(); }')
    allowed = os.sched_getaffinity(0)
    try:
        for cpu in allowed:
            os.sched_setaffinity(0, {cpu})
            assert run([binary]).stdout.strip() == f"(ab, {cpu})"
    finally:
        os.sched_setaffinity(0, allowed)


def test_long_key(build: Builder) -> None:
    """Only old kernels, such as 5.10, cut keys that end in a string at 512 bytes."""
    text = "x" * 1000
    assert run([build("begin { @[str($1)] = count(); exit(); }"), text]).stdout == f"\n\n@[{text}]: 1\n"
