"""Imported C with maps, data, functions of its own and CO-RE, as source (.bpf.c) and as clang's object (.bpf.o)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from harness import Builder, run

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.kernel.clang import kernel_headers
from btaot_tool.options import Options
from btaot_tool.targets import find_target, host_target
from btaot_tool.zig import zig_command

EVERYTHING = Path(__file__).parent / "imported" / "everything.bpf.c"

DATA = """
  print((next(), next(), add(5), add(6), bump(1), bump(1), get_limit(), letter(2, 1), letter(9, 0)));
  print((times(3), times(3), times(4), slot(1, 10), slot(1, 5), slot(9, 1)));
"""
TYPES = """
  print((task_tgid(curtask) == pid, parent_tgid(curtask) == ppid, fields(), comm_size()));
  print((task_size() == sizeof(struct task_struct), locked(), address() == kaddr("vfs_read")));
"""
NEWER = """
  print((direct_tgid() == pid, sum_to(10)));
"""
PRINTED = """
(5, 6, 5, 11, 1, 2, 7, 104, -1)
(1, 2, 1, 10, 15, 0)
(true, true, 10, 16)
(true, 1, true)
(true, 45)
"""
HEAD = '#define KSYM __attribute__((section(".ksyms")))\n#define NUMBER(n, v) int (*n)[v]\n'
MAP = '__attribute__((section(".maps"), used));\nstatic void *(*get)(void *, const void *) = (void *)1;\n'


def compile_object(source: Path, path: Path, *options: str, target: str = "bpfel") -> None:
    """Compile C as its users do, with stock clang."""
    places = [option for place in kernel_headers(host_target()) for option in ("-isystem", str(place))]
    argv = [*zig_command(), "cc", "-target", f"{target}-freestanding", "-O2", *options, *places]
    subprocess.run([*argv, "-c", str(source), "-o", str(path)], check=True)


def script(imported: str, *parts: str) -> str:
    return f'import "{imported}";\nbegin {{{"".join(parts)}  exit();\n}}\n'


def error(folder: Path, text: str, call: str = "f()", head: str = HEAD) -> str:
    (folder / "lib.bpf.c").write_text(head + text)
    source = Source(str(folder / "main.bt"), script("lib.bpf.c", f"{call};\n"))
    with pytest.raises(CompileError) as caught:
        compile_script(source, Options(target=find_target("x86_64")))
    return str(caught.value)


def test_source(build: Builder, tmp_path: Path) -> None:
    shutil.copy(EVERYTHING, tmp_path / "lib.bpf.c")
    binary = build(script("lib.bpf.c", DATA, TYPES, NEWER), name=str(tmp_path / "main.bt"))
    assert run([binary]).stdout.strip() == PRINTED.strip()


@pytest.mark.parametrize("cpu", ["v1", "v3"])
def test_object(build: Builder, tmp_path: Path, cpu: str) -> None:
    compile_object(EVERYTHING, tmp_path / "lib.bpf.o", "-g", f"-mcpu={cpu}")
    binary = build(script("lib.bpf.o", f"  // {cpu}", DATA, TYPES, NEWER), name=str(tmp_path / "main.bt"))
    assert run([binary]).stdout.strip() == PRINTED.strip()


HEADERS = """
  let $name : string[16] = "";
  let $comm : string[16] = "";
  print((times(1), times(1), times(2), parent() == ppid, user() == uid, kernel_thread()));
  print((program(&$name) > 0, copy_comm(&$comm) == strlen(comm) + 1, $comm == comm, $name));
  print((exist(), process_group(), bits()));
"""


def test_headers_of_bpf(build: Builder, tmp_path: Path) -> None:
    shutil.copy(EVERYTHING.parent / "headers.bpf.c", tmp_path / "lib.bpf.c")
    binary = build(script("lib.bpf.c", HEADERS), name=str(tmp_path / "main.bt"))
    lines = run([binary]).stdout.split("\n")
    assert lines[0] == "(1, 2, 1, true, true, false)"
    assert lines[1] == f"(true, true, true, {binary.name[:15]})"
    assert lines[2] == "(1110, 2, 32)"


def test_headers_for_another_target(tmp_path: Path) -> None:
    shutil.copy(EVERYTHING.parent / "headers.bpf.c", tmp_path / "lib.bpf.c")
    source = Source(str(tmp_path / "main.bt"), script("lib.bpf.c", HEADERS))
    result = compile_script(source, Options(target=find_target("aarch64")))
    assert [Path(path).name for path in result.dependencies] == ["lib.bpf.c"]


def test_frames_of_both_fit_the_stack(build: Builder, tmp_path: Path) -> None:
    """All functions of a program share 512 bytes."""
    (tmp_path / "deep.bpf.c").write_text(
        "static long (*read)(void *dst, unsigned size, const void *src) = (void *)113;\n"
        "long deep(long n) { long a[30]; read(a, sizeof(a), 0); a[n & 15] = n; return a[n & 7] + a[9]; }\n"
    )
    values = "".join(f'  $t{i} = ((int64){i}, "abcdefghijklmnopqrstuvwxyz");\n' for i in range(8))
    shown = "".join(f"  print($t{i}.0);\n" for i in range(8))
    binary = build(script("deep.bpf.c", values, "  print(deep(5));\n", shown), name=str(tmp_path / "main.bt"))
    assert run([binary]).stdout.split() == ["5", *map(str, range(8))]


def test_each_object_has_its_own_data(build: Builder, tmp_path: Path) -> None:
    (tmp_path / "one.bpf.c").write_text("static int n = 1; int both(void); int one(void) { return both() + n++; }\n")
    (tmp_path / "two.bpf.c").write_text("static int n = 10; int both(void) { return n++; }\n")
    text = 'import "one.bpf.c"; import "two.bpf.c";\nbegin { print((one(), one(), both())); }\nend { print(both()); }\n'
    binary = build(text.replace("both());", "both()); exit();", 1), name=str(tmp_path / "main.bt"))
    assert run([binary]).stdout.split("\n")[0] == "(11, 13, 12)"


def test_the_result_does_not_depend_on_the_place(tmp_path: Path) -> None:
    made = []
    for name in ("here", "there/deeper"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        shutil.copy(EVERYTHING, folder / "lib.bpf.c")
        source = Source("main.bt", script(str(folder / "lib.bpf.c"), DATA, TYPES, NEWER))
        result = compile_script(source, Options(target=find_target("aarch64")))
        made.append((result.meta.replace(str(folder).encode(), b""), result.text))
        assert str(folder).encode() not in result.meta
    assert made[0][1] == made[1][1]


@pytest.mark.parametrize(("text", "expected"), [
    ("int g(int); int f(void) { return g(1); }",
     "lib.bpf.c: function 'f' (section '.text'): 'g' is not defined"),
    ("extern int jiffies KSYM; int f(void) { return jiffies; }",
     "'jiffies' is a typed variable of the kernel, which is not supported; declare it as void"),
    ("extern int LINUX_KERNEL_VERSION __attribute__((section(\".kconfig\"))); int f(void)"
     " { return LINUX_KERNEL_VERSION; }", "'LINUX_KERNEL_VERSION' is an option of the kernel's configuration"),
    (f"struct {{ NUMBER(type, 12); NUMBER(max_entries, 1); }} m {MAP} int f(void) {{ return !!get(&m, 0); }}",
     "the map 'm' is of a kind (array of maps) that is not supported"),
    (f"struct {{ NUMBER(type, 1); NUMBER(pinning, 1); }} m {MAP} int f(void) {{ return !!get(&m, 0); }}",
     "'pinning' of the map 'm' is not supported"),
    ("struct __attribute__((preserve_access_index)) task_struct { int pid; };\n"
     "int f(void) { return __builtin_btf_type_id(*(struct task_struct *)0, 1); }",
     "CO-RE relocation 'type id host' of 'task_struct' is not supported"),
])  # fmt: skip
def test_what_cannot_be_linked(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in error(tmp_path, text)


@pytest.mark.parametrize(("options", "target", "expected"), [
    (["-g"], "bpfeb", "lib.bpf.o: it is of the other byte order than the target"),
    ([], "bpfel", "lib.bpf.o: it has no type information: compile it with clang -g"),
])  # fmt: skip
def test_objects_that_do_not_fit(tmp_path: Path, options: list[str], target: str, expected: str) -> None:
    (tmp_path / "lib.c").write_text("int f(void) { return 1; }\n")
    compile_object(tmp_path / "lib.c", tmp_path / "lib.bpf.o", *options, target=target)
    with pytest.raises(CompileError) as caught:
        compile_script(Source(str(tmp_path / "main.bt"), script("lib.bpf.o")), Options(target=find_target("x86_64")))
    assert expected in str(caught.value)


def test_no_object(tmp_path: Path) -> None:
    (tmp_path / "lib.bpf.o").write_bytes(b"nothing")
    with pytest.raises(CompileError) as caught:
        compile_script(Source(str(tmp_path / "main.bt"), script("lib.bpf.o")), Options(target=find_target("x86_64")))
    assert "lib.bpf.o: not a 64-bit ELF file" in str(caught.value)
