"""Parameters, types and source lines of programs, from their debug information."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cases_params import CASES
from harness import Builder, run
from programs import BUILD_ID, HERE, compile_program

from btaot_tool.diagnostics import CompileError
from btaot_tool.inspect import inspect_file
from btaot_tool.targets import host_target


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("programs")
    return {name: compile_program(folder, host_target(), f"params.{name}", BUILD_ID) for name in ("c", "cpp")}


def filled(text: str, programs: dict[str, Path]) -> str:
    return text.replace("{cpp}", str(programs["cpp"])).replace("{c}", str(programs["c"]))


@pytest.mark.parametrize("name", CASES)
def test_case(build: Builder, programs: dict[str, Path], name: str) -> None:
    script, expected = CASES[name]
    program = programs["cpp" if "{cpp}" in script else "c"]
    outcome = run([build(filled(script, programs)), "-q", "-c", str(program)])
    assert (outcome.stdout.rstrip("\n"), outcome.stderr, outcome.status) == (expected.rstrip("\n"), "", 0)


REFUSED = [
    ("uprobe:{c}:floats { print(args.d); }", "d has unsupported type", "floating-point register"),
    ("uprobe:{c}:widths { print(args.nope); }", "Can't find function parameter nope", "widths has: b, c, uc"),
    ("uprobe:{c}:no_such { print(args.x); }", "Cannot read function parameters", "does not describe no_such"),
    ("uprobe:{c}:0x1000 { print(args.x); }", "Cannot read function parameters", ""),
    ("uprobe:{c}:nothing { print(args); }", "Cannot read function parameters", "has none"),
    ("uprobe:/no/such/program:f { print(args.x); }", "no debuginfo found for /no/such/program", "--sysroot"),
    ("uretprobe:{c}:widths { print(args.b); }", "The args builtin can only be used with", "uretprobe used here"),
    ("kprobe:f { print(args.b); }", "The args builtin can only be used with", "kprobe used here"),
    ("uprobe:{c}:strings { print(args.h->x); }", "struct hidden", ""),
    ("uprobe:{c}: { }", "uprobe should be attached to a function, address, or source file and line (using DWARF)", ""),
    ("uprobe:{c}@params.c { }", "expected format: uprobe:TARGET@FILE:LINE[:COL]", ""),
    ("uprobe:{c}@params.c:x { }", "Invalid line number: invalid integer: x", ""),
    ("uprobe:{c}@params.c:2 { }", "Unable to map 'params.c:2' to address", ""),
    ("uprobe:{c}@other.c:2 { }", "No compilation unit matches other.c", ""),
    ("uprobe:{c}*@params.c:2 { }", "Cannot use wildcards with source code location", ""),
    ("uretprobe:{c}@params.c:2 { }", "Source code location not allowed", ""),
    ("uprobe:/no/such@params.c:2 { }", "No DWARF debug info found for '/no/such'", ""),
]


@pytest.mark.parametrize(("script", "message", "hint"), REFUSED)
def test_refused(build: Builder, programs: dict[str, Path], script: str, message: str, hint: str) -> None:
    with pytest.raises(CompileError) as error:
        build(filled(script, programs))
    assert message in str(error.value) and hint in str(error.value)


def line_of(text: str) -> int:
    lines = (HERE / "params.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_source_lines(build: Builder, programs: dict[str, Path]) -> None:
    """A line in a loop runs as often as the loop; one behind it once."""
    point = f"uprobe:{programs['c']}@params.c"
    binary = build(
        f"{point}:{line_of('// in the loop')} {{ @in = count(); }} {point}:{line_of('// after the loop')}"
        f" {{ @after = count(); @probe[probe] = 1; }}"
    )
    outcome = run([binary, "-c", str(programs["c"])])
    assert "@in: 3\n" in outcome.stdout and "@after: 1\n" in outcome.stdout
    assert f"@probe[uprobe:{programs['c']}:" in outcome.stdout  # bpftrace, too, shows the address


def test_column(build: Builder, programs: dict[str, Path]) -> None:
    number = line_of("// in the loop")
    column = (HERE / "params.c").read_text().splitlines()[number - 1].index("+=") + 1
    binary = build(f"uprobe:{programs['c']}@params.c:{number}:{column} {{ @ = count(); }}")
    assert run([binary, "-c", str(programs["c"])]).stdout == "\n\n@: 3\n"
    with pytest.raises(CompileError, match=f"Unable to map 'params.c:{number}:1' to address"):
        build(f"uprobe:{programs['c']}@params.c:{number}:1 {{ }}")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A second build, which a test may replace."""
    return compile_program(tmp_path, host_target(), "params.c", BUILD_ID)


def build_id(path: Path) -> str:
    from btaot_tool.dwarf.elf import ElfProgram

    return ElfProgram(path).build_id


SCRIPTS = {
    "args": "uprobe:{c}:wide { print(args.n); }",
    "type": "uprobe:{c}:members { print(((struct parts *)arg0)->low); }",
    "static": "usdt:{c}:params:members { print(((struct parts *)arg0)->low); }",
    "line": "uprobe:{c}@params.c:LINE { print(1); }",
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_another_build_is_refused(build: Builder, other: Path, tmp_path: Path, kind: str) -> None:
    script = SCRIPTS[kind].replace("LINE", str(line_of("// after the loop"))).replace("{c}", str(other))
    binary, was = build(script), build_id(other)
    assert was in inspect_file(str(binary))
    assert run([binary, "-c", str(other)]).status == 0
    compile_program(tmp_path, host_target(), "params.c", BUILD_ID, "-O0")
    outcome = run([binary, "-c", str(other)])
    message = f"{other} has build-id {build_id(other)}, the script was compiled for {was}\n"
    assert f"ERROR: {message}" in outcome.stderr and outcome.status == 1
    outcome = run([binary, "-c", str(other)], env={"BPFTRACE_MISSING_PROBES": "warn"})
    assert f"WARNING: {message}" in outcome.stderr
    compile_program(tmp_path, host_target(), "params.c", "-Wl,--build-id=none")
    outcome = run([binary, "-c", str(other)])
    assert f"{other} has build-id none, the script was compiled for {was}" in outcome.stderr and outcome.status == 1


def test_without_build_id_the_file_counts(build: Builder, tmp_path: Path) -> None:
    program = compile_program(tmp_path, host_target(), "params.c", "-Wl,--build-id=none")
    binary = build(SCRIPTS["args"].replace("{c}", str(program)))
    assert run([binary, "-c", str(program)]).stdout == "1\n\n\n"
    with open(program, "ab") as stream:
        stream.write(b"more")
    outcome = run([binary, "-c", str(program)])
    assert ", the script was compiled for " in outcome.stderr and outcome.status == 1


def test_without_facts_any_build_will_do(build: Builder, other: Path, tmp_path: Path) -> None:
    binary = build(f"uprobe:{other}:wide {{ print(arg0); }}")
    compile_program(tmp_path, host_target(), "params.c", BUILD_ID, "-O0")
    assert run([binary, "-c", str(other)]).stdout == "1\n\n\n"


@pytest.mark.skipif(shutil.which("objcopy") is None, reason="needs objcopy")
@pytest.mark.parametrize("strip", ["--strip-debug", "--strip-all"])
def test_stripped_program_with_a_debug_file(build: Builder, other: Path, strip: str) -> None:
    """As distributions have it; without a symbol in the program the address is that of the debug file."""
    script = SCRIPTS["args"].replace("{c}", str(other))
    folder = other.parent / ".debug"
    folder.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", str(other), str(folder / f"{other.name}.debug")], check=True)
    subprocess.run(["objcopy", strip, str(other)], check=True)
    assert run([build(script), "-q", "-c", str(other)]).stdout.strip() == "1"
    lines = SCRIPTS["line"].replace("LINE", str(line_of("// after the loop"))).replace("{c}", str(other))
    assert run([build(lines), "-q", "-c", str(other)]).stdout.strip() == "1"
    names = f"uprobe:{other}:wi* {{ print((func, probe, args.c)); }}"
    shown = run([build(names), "-q", "-c", str(other)]).stdout.split("\n")
    assert shown[:2] == [f"(widths, uprobe:{other}:widths, -1)", f"(wide, uprobe:{other}:wide, BLUE)"]


def test_a_file_that_is_no_program_is_another_build(build: Builder, other: Path) -> None:
    binary = build(SCRIPTS["line"].replace("LINE", str(line_of("// after the loop"))).replace("{c}", str(other)))
    other.unlink()
    other.write_text("#!/bin/sh\n" + "#" * 100000)
    outcome = run([binary])
    assert f"uprobe target file '{other}' does not exist or is not executable" in outcome.stderr
    assert outcome.status == 1
