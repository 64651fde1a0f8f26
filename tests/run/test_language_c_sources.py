"""Imported C sources (.bpf.c): their functions are called from the script."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Builder, run

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.options import Options
from btaot_tool.targets import find_target

LIBRARY = """
#include <linux/types.h>
#include "half.h"

static long (*get_ns)(void) = (void *)5;

int __add_one(int value) { return value + 1; }
_Bool __is_big(unsigned long value) { return value > 1000; }
unsigned char __low(__u64 value) { return value; }
signed char __signed_low(__u64 value) { return value; }
__attribute__((noinline)) long __half(long value) { return half(value); }
__u64 __now(void) { return get_ns(); }
void *__same(void *pointer) { return pointer; }
void __nothing(int value) { }
"""

SCRIPT = """
import "lib.bpf.c";
begin {
  print((__add_one(1), __add_one(-5), __is_big(5), __is_big(5000)));
  print((__low(0x1ff), __signed_low(0x1ff), __half(-9)));
  $now = __now();
  print(nsecs - $now < 1000000000);
  print(__same(kptr(4096)) == kptr(4096));
  __nothing(3);
  exit();
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib.bpf.c").write_text(LIBRARY)
    (tmp_path / "half.h").write_text("static inline long half(long x) { return x / 2; }\n")
    return tmp_path


def compiled(folder: Path, script: str = SCRIPT, target: str = "x86_64") -> list[str]:
    source = Source(str(folder / "main.bt"), script)
    return compile_script(source, Options(target=find_target(target))).dependencies


def errors(folder: Path, script: str = SCRIPT) -> str:
    with pytest.raises(CompileError) as caught:
        compiled(folder, script)
    return str(caught.value)


def test_calls(build: Builder, folder: Path) -> None:
    outcome = run([build(SCRIPT, name=str(folder / "main.bt"))])
    assert outcome.stdout.strip() == "(2, -4, false, true)\n(255, -1, -4)\ntrue\ntrue"


def test_import_inside_of_a_macro(build: Builder, folder: Path) -> None:
    config = "config = { unstable_import_statement=enable }\n"
    script = config + 'macro next(x) { import "lib.bpf.c"; __add_one(x) } begin { print(next(next(1))); exit(); }'
    assert run([build(script, name=str(folder / "main.bt"))]).stdout.strip() == "3"


@pytest.mark.parametrize("target", ["x86_64", "aarch64"])
def test_dependencies(folder: Path, target: str) -> None:
    assert compiled(folder, target=target) == [str(folder / "lib.bpf.c"), str(folder / "half.h")]


def test_errors_of_the_compiler(folder: Path) -> None:
    (folder / "lib.bpf.c").write_text("int f(void)\n{\n\treturn missing;\n}\n")
    text = errors(folder)
    assert f"{folder}/lib.bpf.c:3:9-16: ERROR: use of undeclared identifier 'missing'\n    return missing;\n" in text


@pytest.mark.parametrize(("call", "expected"), [
    ("__add_one()", "__add_one() requires 1 argument (0 provided)"),
    ("__add_one(1, 2)", "__add_one() requires 1 argument (2 provided)"),
    ('__add_one("x")', "__add_one() expects a number or a pointer here (string[2] provided)"),
    ("__missing(1)", "Unknown function: '__missing'"),
])  # fmt: skip
def test_wrong_calls(folder: Path, call: str, expected: str) -> None:
    assert expected in errors(folder, f'import "lib.bpf.c";\nbegin {{ {call}; }}')


@pytest.mark.parametrize(("text", "expected"), [
    ("struct s { int a, b; }; struct s f(void) { struct s x = { 1, 2 }; return x; }",
     "aggregate returns are not supported"),
])  # fmt: skip
def test_what_c_cannot_do_here(folder: Path, text: str, expected: str) -> None:
    (folder / "lib.bpf.c").write_text(text)
    assert expected in errors(folder, 'import "lib.bpf.c";\nbegin { f(); }')
