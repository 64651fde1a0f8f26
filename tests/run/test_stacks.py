"""User stacks and symbols of processes that end, call exec, lose their file or live in another mount namespace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import Builder, Traced, run

from btaot_tool.zig import zig_command

HERE = Path(__file__).parent
ARCH = os.uname().machine
FRAMES = ["-O1", "-fno-omit-frame-pointer", "-fno-sanitize=all"]
#: At its entry a function has no frame yet: older kernels then miss its caller.
CALLS = r"\n +leaf\+0\n(?: +middle\+\d+\n)? +outer\+\d+\n +main\+\d+\n"


def compiled(path: Path, *flags: str) -> Path:
    debug = [] if "-g" in flags else ["-g0"]
    subprocess.run([*zig_command(), "cc", *FRAMES, *debug, *flags, str(HERE / "stacks.c"), "-o", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that the kernel loads to another address each time, with shared libraries."""
    return compiled(tmp_path_factory.mktemp("moved") / "btaot-moved", "-target", f"{ARCH}-linux-gnu", "-fPIE", "-pie")


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(
        tmp_path_factory.mktemp("fixed") / "btaot-fixed", "-target", f"{ARCH}-linux-musl", "-static", "-Wl,--build-id"
    )


def traced_run(binary: Path, argv: list[str | Path]) -> str:
    """Run a program to its end under a script that knows it only from then on, then end the script."""
    traced = Traced([binary])
    subprocess.run(argv, check=True)
    return traced.stop().stdout


def test_a_process_that_has_ended(build: Builder, moved: Path) -> None:
    binary = build(
        f'uprobe:{moved}:leaf {{ @s[ustack] = count(); @a[usym(reg("ip"))] = count(); @p[ustack(perf, 1)] = 1; }}'
    )
    shown = traced_run(binary, [moved, "outer", "nap=50"])
    assert re.search(r"@s\[" + CALLS, shown), shown
    assert "\n@a[leaf]: 1\n" in shown
    assert re.search(rf"@p\[\n\t[0-9a-f]+ leaf\+0 \({moved}\)\n\]: 1\n", shown), shown


@pytest.mark.parametrize("kind", ["moved", "fixed"])
def test_a_process_that_ends_at_once(build: Builder, kind: str, request: pytest.FixtureRequest) -> None:
    """Its mappings are never seen: the place of the probe tells where its file was."""
    program = request.getfixturevalue(kind)
    traced = Traced([build(f'uprobe:{program}:leaf {{ @s[ustack] = count(); @a[usym(reg("ip"))] = count(); }}')])
    traced.send(signal.SIGSTOP)
    subprocess.run([program, "outer"], check=True)
    traced.send(signal.SIGCONT)
    shown = traced.stop().stdout
    assert re.search(r"@s\[" + CALLS, shown), shown
    assert "@a[leaf]: 1\n" in shown


def test_a_path_that_is_relative(build: Builder, fixed: Path) -> None:
    """The place of the probe names a file as the script does: relative to where the tracer was started."""
    binary = build(f"uprobe:./{fixed.name}:leaf {{ @s[ustack] = count(); }}")
    code = (
        "import os, signal, subprocess, sys\n"
        "tracer = subprocess.Popen(sys.argv[1], stderr=subprocess.PIPE)\n"
        "assert b'Attached' in tracer.stderr.readline()\n"
        "tracer.send_signal(signal.SIGSTOP)\n"
        "subprocess.run([sys.argv[2], 'outer'], check=True)\n"
        "tracer.send_signal(signal.SIGCONT); tracer.send_signal(signal.SIGINT); tracer.wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, binary, fixed], cwd=fixed.parent, capture_output=True, text=True, check=True
    )
    assert re.search(r"@s\[" + CALLS, done.stdout), done


def test_in_a_pid_namespace(build: Builder, moved: Path) -> None:
    """Processes have other numbers there, by which the tracer has to look for them."""
    asked = f'tracepoint:syscalls:sys_enter_getppid / comm == "{moved.name[:15]}" /'
    binary = build(f"{asked} {{ @s[ustack] = count(); exit(); }}")
    shown = run(["unshare", "--pid", "--fork", "--mount-proc", binary, "-q", "-c", f"{moved} ask nap=200"]).stdout
    assert re.search(r"\n +asker\+\d+\n +main\+\d+\n", shown), shown


def test_names_only_when_they_are_printed(build: Builder, moved: Path) -> None:
    binary = build(
        f"config = {{ lazy_symbolication = 1 }} tracepoint:syscalls:sys_enter_getppid "
        f'/ comm == "{moved.name[:15]}" / {{ @[ustack(2)] = count(); }}'
    )
    shown = traced_run(binary, [moved, "ask", "nap=50"])
    assert re.search(r"@\[\n +0x[0-9a-f]+\n +0x[0-9a-f]+\n\]: 1\n", shown), shown


def test_a_file_that_was_removed(build: Builder, moved: Path, tmp_path: Path) -> None:
    program = shutil.copy(moved, tmp_path / "btaot-removed")
    binary = build(f"uprobe:{program}:leaf {{ @[ustack] = count(); }}")
    assert re.search(CALLS, traced_run(binary, [program, "leave", "outer", "nap=50"]))


def test_a_file_of_another_mount_namespace(build: Builder, fixed: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    binary = build('tracepoint:syscalls:sys_enter_getppid / comm == "btaot-inside" / { @[ustack(perf)] = count(); }')
    script = f"mount -t tmpfs none {hidden}; cp {fixed} {hidden}/btaot-inside; exec {hidden}/btaot-inside ask nap=50"
    shown = traced_run(binary, ["unshare", "-m", "sh", "-c", script])
    assert not list(hidden.iterdir())
    assert re.search(rf"\n\t[0-9a-f]+ asker\+\d+ \({hidden}/btaot-inside\)\n\t[0-9a-f]+ main\+\d+ ", shown), shown


def test_stacks_before_and_after_exec(build: Builder, moved: Path, fixed: Path) -> None:
    binary = build(f"uprobe:{moved}:leaf, uprobe:{fixed}:leaf {{ @[probe, ustack] = count(); }}")
    shown = traced_run(binary, [moved, "outer", "nap=50", f"exec={fixed}"])
    for program in (moved, fixed):
        assert re.search(rf"@\[uprobe:{program}:leaf, {CALLS}", shown), shown


def test_code_of_the_kernel_in_the_process(build: Builder, moved: Path) -> None:
    binary = build(f'profile:hz:999 / comm == "{moved.name[:15]}" / {{ @[ustack(perf, 1)] = count(); }}')
    shown = traced_run(binary, [moved, "clocks=300"])
    assert re.search(r"\n\t[0-9a-f]+ __(vdso|kernel)_clock_gettime\+\d+ \(\[vdso\]\)\n", shown), shown


def test_symbols_of_a_stripped_program(build: Builder, moved: Path, tmp_path: Path) -> None:
    """Dynamic symbols are left: exported functions have names, the others do not."""
    program = compiled(tmp_path / "btaot-bare", "-target", f"{ARCH}-linux-gnu", "-fPIE", "-pie", "-rdynamic", "-s")
    binary = build(f"uprobe:{program}:leaf {{ @[ustack] = count(); }}")
    assert re.search(CALLS, traced_run(binary, [program, "outer"]))


def test_more_stacks_than_are_kept(build: Builder, fixed: Path) -> None:
    binary = build(f'uprobe:{fixed}:leaf {{ printf("%s", ustack(raw, 40)); }}')
    traced = Traced([binary])
    subprocess.run([fixed, "paths=8192"], check=True)
    outcome = traced.stop()
    assert "Lost" not in outcome.stderr
    assert len({*outcome.stdout.strip().split("\n\n")}) >= 8192


def test_build_id(build: Builder, fixed: Path) -> None:
    from elftools.elf.elffile import ELFFile

    with fixed.open("rb") as stream:
        elf = ELFFile(stream)
        note = next(iter(elf.get_section_by_name(".note.gnu.build-id").iter_notes()))["n_desc"].ljust(40, "0")
        address = elf.get_section_by_name(".symtab").get_symbol_by_name("leaf")[0]["st_value"]
        offset = next(iter(elf.address_offsets(address)))
    binary = build(f"uprobe:{fixed}:leaf {{ $s = ustack(build_id, 3); print($s); print(len($s)); exit(); }}")
    shown = run([binary, "-c", f"{fixed} outer nap=100"]).stdout
    assert re.fullmatch(rf"\n{note} {offset:#x}\n({note} 0x[0-9a-f]+\n){{2}}\n3\n\n\n", shown), shown


@pytest.mark.parametrize("kind", ["moved", "fixed"])
def test_addresses_of_a_program(build: Builder, kind: str, request: pytest.FixtureRequest) -> None:
    """Where the kernel put a program is known from the place of the probe in it."""
    program = request.getfixturevalue(kind)
    point = f"probe:{program}"
    binary = build(
        f'u{point}:leaf, u{point}:middle {{ printf("%d %ld\\n", *uaddr("counter"), *uaddr("big")); }} '
        f'uret{point}:leaf {{ printf("%d\\n", *(int32 *)uaddr("counter")); }}'
    )
    shown = run([binary, "-c", f"{program} outer"]).stdout.split("\n")
    assert shown[:3] == ["42 1099511627776", "42 1099511627776", "42"]


def test_addresses_of_a_library(build: Builder, moved: Path) -> None:
    binary = build('uprobe:libc:usleep { printf("%s\\n", str(*uaddr("program_invocation_name"))); }')
    assert run([binary, "-c", f"{moved} nap=1"]).stdout == f"{moved}\n\n\n"


def test_a_symbol_that_a_program_lacks(build: Builder, moved: Path) -> None:
    outcome = run([build(f'uprobe:{moved}:leaf {{ print(uaddr("nowhere")); }}')])
    assert outcome.status == 1
    assert f"Could not resolve symbol: {moved}:nowhere\n" in outcome.stderr


def test_source_lines(build: Builder, tmp_path: Path) -> None:
    """Those of the addresses themselves, as bpftrace shows them: after a call it is where the caller goes on."""
    program = compiled(tmp_path / "btaot-lines", "-target", f"{ARCH}-linux-musl", "-static", "-g")
    text = (HERE / "stacks.c").read_text().splitlines()
    start = text.index("TRACED int leaf(int n)") + 1
    outer = text.index("TRACED int outer(int n)") + 1
    where = r"\S*tests/run/stacks\.c"
    lines = (
        rf"\n +leaf\+0@{where}:(?:{start + 1}|{start + 2})\n(?:.*\n)? +outer\+\d+@{where}:(?:{outer + 4}|{outer + 5})\n"
    )
    point = f"uprobe:{program}:leaf"
    shown = run([build(f"{point} {{ print(ustack); print(usym(reg(\"ip\"))); print(ustack(perf, 1)); exit(); }}"),
                 "-c", f"{program} outer nap=50"]).stdout  # fmt: skip
    assert re.search(lines, shown), shown
    assert re.search(rf"\nleaf\n\n\t[0-9a-f]+ leaf\+0 \({program}\)\n", shown), shown
    bare = run([build(f"config = {{ show_debug_info = 0 }} {point} {{ print(ustack(1)); exit(); }}"),
                "-c", f"{program} outer nap=50"]).stdout  # fmt: skip
    assert bare.startswith("\n        leaf+0\n\n")


def test_inlined_functions(build: Builder, tmp_path: Path) -> None:
    """They have frames of their own, without offsets; a limit counts frames that are none of them."""
    program = compiled(tmp_path / "btaot-inlined", "-target", f"{ARCH}-linux-musl", "-static", "-g")
    text = (HERE / "stacks.c").read_text().splitlines()
    within = text.index("\tint r = middle(n + 1);", text.index("TRACED int outer(int n)") + 4) + 1
    around, inliner = text.index("\treturn within(n + 1);") + 1, text.index("\tint r = around(n + 1);") + 1
    where = r"\S*tests/run/stacks\.c"
    frames = (
        rf" +\[inlined\] within@{where}:(?:{within}|{within + 2})\n"
        rf" +\[inlined\] around@{where}:{around}\n"
        rf" +inliner\+\d+@{where}:{inliner}\n"
    )
    point = f"uprobe:{program}:leaf"
    shown = run([build(f"{point} {{ print(ustack); print(ustack(perf)); exit(); }}"),
                 "-c", f"{program} inliner nap=50"]).stdout  # fmt: skip
    assert re.search(frames, shown), shown
    perf = rf"\t(\w+) within \(inlined\)\n\t\1 around \(inlined\)\n\t\1 inliner\+\d+ \({program}\)\n"
    assert re.search(perf, shown), shown
    bare = run([build(f"config = {{ show_debug_info = 0 }} {point} {{ print(ustack); exit(); }}"),
                "-c", f"{program} inliner nap=50"]).stdout  # fmt: skip
    assert "inlined" not in bare and re.search(r"\n +middle\+\d+\n", bare) and re.search(r"\n +inliner\+\d+\n", bare)


@pytest.mark.parametrize("kind", ["build-id", "checksum", "other"])
def test_debug_file(build: Builder, tmp_path: Path, kind: str) -> None:
    """Names and lines of a stripped program are in the file that it names, if that is the right one."""
    if not (shutil.which("objcopy") and shutil.which("strip")):
        pytest.skip("no binutils")
    program, debug = tmp_path / "btaot-split", tmp_path / ".debug/split.debug"
    compiled(program, "-g", f"-Wl,--build-id={'sha1' if kind == 'build-id' else 'none'}")
    debug.parent.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", "--compress-debug-sections=zlib", program, debug], check=True)
    subprocess.run(["strip", program], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", program], check=True)
    if kind == "other":
        debug.write_bytes(debug.read_bytes() + b"x")
    outcome = run([build(f"uprobe:{program}:leaf {{ print(ustack); exit(); }}"), "-c", f"{program} outer nap=50"])
    if kind == "other":
        assert f"No matches for uprobe {program}:leaf" in outcome.stderr
    else:
        where = r"\S*tests/run/stacks\.c"
        assert re.search(rf"^\n +leaf\+0@{where}:\d+\n(?:.*\n)? +outer\+\d+@{where}:\d+\n", outcome.stdout), outcome


def test_relative_path_of_a_process_that_is_gone(
    build: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is that of the probe, which may have been named from here."""
    program = compiled(tmp_path / "btaot-gone", "-target", f"{ARCH}-linux-musl", "-static")
    monkeypatch.chdir(tmp_path)
    script = "config = { lazy_symbolication = 1 } uprobe:./btaot-gone:leaf { @[ustack(1)] = count(); }"
    traced = Traced([build(script)])
    subprocess.run([program, "outer"], check=True)
    assert traced.stop().stdout == "\n\n@[\n        leaf+0\n]: 1\n"
