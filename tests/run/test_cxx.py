"""C++ functions: named with cpp:, shown demangled in stacks and by func."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness import Builder, run

SOURCE = """
#include <unistd.h>
namespace app {
struct Server {
	template <typename T> __attribute__((noinline)) long handle(T n) { asm volatile("" ::: "memory"); return n + 1; }
	__attribute__((noinline)) long twice(int n) const { asm volatile("" ::: "memory"); return n * 2; }
	__attribute__((noinline)) long twice(const char *s) { asm volatile("" ::: "memory"); return s[0]; }
};
}
int main()
{
	app::Server s;
	long n = s.handle(3) + s.twice(4) + s.twice("x");
	usleep(300000);  // its stacks are looked up while it lives
	return n == 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from btaot_tool.zig import zig_command

    folder = tmp_path_factory.mktemp("cxx")
    (folder / "p.cpp").write_text(SOURCE)
    flags = ["-static", "-O1", "-g0", "-fno-omit-frame-pointer", "-fno-sanitize=all", "-nostdlib++"]
    argv = [*zig_command(), "c++", "-target", f"{os.uname().machine}-linux-musl", *flags]
    subprocess.run([*argv, str(folder / "p.cpp"), "-o", str(folder / "p")], check=True)
    return folder / "p"


def rows(build: Builder, program: Path, point: str) -> list[str]:
    binary = build(f"uprobe:{program}:cpp:{point} {{ @[func] = count(); }}")
    outcome = run([binary, "-c", str(program)])
    assert outcome.status == 0, outcome
    return sorted(line for line in outcome.stdout.splitlines() if line.startswith("@"))


def test_overloads_of_a_name(build: Builder, program: Path) -> None:
    found = rows(build, program, '"app::Server::twice"')
    assert found == ["@[app::Server::twice(char const*)]: 1", "@[app::Server::twice(int) const]: 1"]


def test_one_overload(build: Builder, program: Path) -> None:
    found = rows(build, program, '"app::Server::twice(char const*)"')
    assert found == ["@[app::Server::twice(char const*)]: 1"]


def test_wildcard(build: Builder, program: Path) -> None:
    found = rows(build, program, '"*app::Server::*"')
    assert "@[long app::Server::handle<int>(int)]: 1" in found and len(found) == 3


def test_stack_is_demangled(build: Builder, program: Path) -> None:
    binary = build(f'uprobe:{program}:cpp:"app::Server::twice(int)*" {{ print(ustack(1)); }}')
    assert "        app::Server::twice(int) const+0\n" in run([binary, "-c", str(program)]).stdout


def test_mangled_on_request(build: Builder, program: Path) -> None:
    binary = build(f'config = {{ cpp_demangle = 0 }} uprobe:{program}:cpp:"*twice(int)*" {{ print(func); }}')
    assert "_ZNK3app6Server5twiceEi\n" in run([binary, "-c", str(program)]).stdout
