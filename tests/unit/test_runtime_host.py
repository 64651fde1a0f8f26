"""What aot-rt reads on its host: tracepoint formats, ELF symbols, USDT notes, function lists; sound and damaged."""

from __future__ import annotations

import platform
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from c_harness import build_harness

from btaot_tool.targets import host_target
from btaot_tool.zig import zig_command

SOURCES = (
    "arch", "archive", "elf_file", "event_format", "host", "kernel_functions", "ld_cache", "str", "sys_bpf", "tracefs",
    "usdt_argument", "usdt_note", "util",
)  # fmt: skip
FORMAT = """\
name: sched_thing
ID: 316
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
\tfield:__data_loc char[] filename;\toffset:24;\tsize:4;\tsigned:0;
\tfield:__rel_loc u32[] cpus;\toffset:28;\tsize:4;\tsigned:0;
\tfield:const char * ptr;\toffset:32;\tsize:8;\tsigned:0;
\tfield:u8 grid[2][3];\toffset:40;\tsize:6;\tsigned:0;
\tfield:long state;\toffset:48;\tsize:8;\tsigned:1;

print fmt: "%s field:x;", REC->prev_comm
"""
#: A program with two notes of one probe, whose places and arguments differ, and a semaphore.
USDT = """
#define NOTE(sema, args) __asm__ volatile("990: nop\\n.pushsection .note.stapsdt,\\"?\\",\\"note\\"\\n.balign 4\\n" \\
  ".4byte 992f-991f,994f-993f,3\\n991: .asciz \\"stapsdt\\"\\n992: .balign 4\\n" \\
  "993: .8byte 990b\\n.8byte 0\\n.8byte " sema \\
  "\\n.asciz \\"prov\\"\\n.asciz \\"one\\"\\n.asciz \\"" args "\\"\\n994: .balign 4\\n.popsection\\n")
__attribute__((section(".probes"), used)) unsigned short counter;
__attribute__((noinline)) int work(int n) { NOTE("counter", "-4@$7 8@$1"); NOTE("0", "4@$9"); return n + counter; }
int main(int argc, char **argv) { (void)argv; return work(argc) == 0; }
"""
X86 = platform.machine() == "x86_64"
Runner = Callable[..., list[str]]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile both programs; return their directory."""
    directory = tmp_path_factory.mktemp("host")
    for program in ("test_host", "fuzz_host"):
        build_harness(directory, program, SOURCES)
    return directory


@pytest.fixture(scope="module")
def ask(tools: Path) -> Runner:
    """Return a function that runs test_host and gives its lines."""

    def run(*argv: str | Path) -> list[str]:
        done = subprocess.run([str(tools / "test_host"), *map(str, argv)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a static program with a known function and USDT notes."""
    directory = tmp_path_factory.mktemp("traced")
    (directory / "traced.c").write_text(USDT, encoding="utf-8")
    target = directory / "traced"
    flags = ("-target", host_target().zig, "-static", "-O1")
    argv = [*zig_command(), "cc", *flags, str(directory / "traced.c"), "-o", str(target)]
    subprocess.run(argv, check=True, capture_output=True)
    return target


def test_format(ask: Runner, tmp_path: Path) -> None:
    (tmp_path / "format").write_text(FORMAT, encoding="utf-8")
    assert ask("format", tmp_path / "format") == [
        "id 316", "common_type 0 2 0 0", "common_pid 4 4 0 1", "prev_comm 8 16 0 0", "filename 24 4 1 0",
        "cpus 28 4 2 0", "ptr 32 8 0 0", "grid 40 6 0 0", "state 48 8 0 1",
    ]  # fmt: skip


def test_symbols_and_notes(ask: Runner, traced: Path) -> None:
    """The function is at the same place in both tables; the notes lie inside of it."""
    found = [line.split() for line in ask("symbols", traced)]
    (work,) = [row for row in found if row[0] == "work"]
    start, size = int(work[3], 16), int(work[2])
    notes = [line.split(maxsplit=4) for line in ask("notes", traced)]
    assert [(n[1], n[3], n[4]) for n in notes] == [("one", "1", "-4@$7 8@$1"), ("one", "0", "4@$9")]
    assert all(start <= int(n[2], 16) < start + size for n in notes)


def test_no_elf(ask: Runner, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program", encoding="utf-8")
    assert ask("symbols", tmp_path / "text") == ["error 8"]
    assert ask("symbols", tmp_path) == ["error 8"]
    assert ask("symbols", tmp_path / "nothing") == ["error 2"]


@pytest.mark.skipif(not X86, reason="names of x86_64")
def test_usdt_arguments_x86(ask: Runner) -> None:
    spec = "-4@%eax 8@8(%rbp,%rax,4) 4@$5 -1@$-128 2@%r10w 1@%dil 8@(%rdi) 8@sym+4(%rip) 8@-8+sym(%rip) -8@%rsp"
    assert ask("usdt", "8f@%xmm0 8@%xmm0 3@%rax 8@ 8@(") == ["error"] * 5
    assert [line.strip() for line in ask("usdt", spec)] == [
        "s32 reg 80 +0", "u64 mem 32 + 80 * 4 +8", "u32 const +5", "s8 const -128", "u16 reg 56 +0", "u8 reg 112 +0",
        "u64 mem 112 +0", "u64 mem 128 +4 sym", "u64 mem 128 -8 sym", "s64 reg 152 +0",
    ]  # fmt: skip


@pytest.mark.skipif(platform.machine() != "aarch64", reason="names of aarch64")
def test_usdt_arguments_arm(ask: Runner) -> None:
    spec = "-4@w0 8@[sp, 16] 8@[x1] 4@[x1, x2] 4@[x1, x2, lsl #2] 4@-5 8@x30"
    assert [line.strip() for line in ask("usdt", spec)] == [
        "s32 reg 0 +0", "u64 mem 248 +16", "u64 mem 8 +0", "u32 mem 8 + 16 * 1 +0", "u32 mem 8 + 16 * 4 +0",
        "u32 const -5", "u64 reg 240 +0",
    ]  # fmt: skip


@pytest.mark.skipif(not X86, reason="names of x86_64")
def test_registers_x86(ask: Runner) -> None:
    names = ("arg0", "arg5", "arg6", "retval", "sarg3", "ip", "orig_ax", "sysarg3", "nix")
    assert [ask("register", name)[0] for name in names] == ["112", "64", "-2", "80", "152", "128", "120", "56", "-2"]


def test_function_lists(ask: Runner) -> None:
    assert ask("function", "vfs_read") == ["vfs_read [] 0"]
    assert ask("function", "ext4_read [ext4]") == ["ext4_read [ext4] 0"]
    assert ask("kallsyms", "ffffffff81000010 T vfs_read") == ["vfs_read [] ffffffff81000010"]
    assert ask("kallsyms", "ffffffffc0000010 t helper\t[ext4]") == ["helper [ext4] ffffffffc0000010"]
    for line in ("ffffffff81000000 D data", "ffffffff81000000 t foo.cold", "ffffffff81000000 T __pfx_foo", "", "x"):
        assert ask("kallsyms", line) == ["no"]


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_files(tools: Path, traced: Path, tmp_path: Path, seed: int) -> None:
    (tmp_path / "format").write_text(FORMAT, encoding="utf-8")
    (tmp_path / "text").write_bytes(b"-4@%eax 8@8(%rbp,%rax,4) 8@[x1, x2, lsl #2]\nvfs_read [mod]\nff T x\n")
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        for name in ("first", "member"):
            archive.writestr(name, "content")
    cache = Path("/etc/ld.so.cache")
    jobs = [("elf", traced, 3000), ("format", tmp_path / "format", 30000), ("text", tmp_path / "text", 30000)]
    jobs.append(("archive", tmp_path / "archive", 30000))
    if cache.exists():
        jobs.append(("ldcache", cache, 3000))
    for kind, path, runs in jobs:
        argv = [str(tools / "fuzz_host"), kind, str(path), str(runs), str(seed)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{kind}: {done.stdout}{done.stderr}"
