"""What BtAot makes, and under which names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from project import HELLO, Project

from btaot_tool.targets import TARGETS, host_target


def machine(path: Path) -> int:
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        assert elf.get_section_by_name(".btaot.meta") and elf.get_section_by_name(".btaot.text")
        return int(elf.header["e_machine"] == "EM_X86_64") * 62 or int(elf.header["e_machine"] == "EM_AARCH64") * 183


def test_default_and_given_name(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("env.BtAot('probe.bt')\nenv.BtAot('sub/name', 'probe.bt')")
    assert project.built() == {"probe", "sub/name"}
    assert machine(project.path("probe")) == host_target().machine
    assert os.access(project.path("sub/name"), os.X_OK)
    assert project.path("probe").stat().st_mode & 0o777 == 0o755


def test_list_of_scripts(project: Project) -> None:
    project.write(a_bt=HELLO, b_bt=HELLO)
    project.sconstruct("env.BtAot(Glob('*.bt'))")
    assert project.built() == {"a", "b"}


def test_list_of_targets(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("print([str(n) for n in env.BtAot('bin/probe', 'probe.bt', BTAOT_TARGET=['x86_64', 'arm64'])])")
    assert "['bin/x86_64/probe', 'bin/aarch64/probe']" in project.scons()
    for name in ("x86_64", "aarch64"):
        assert machine(project.path(f"bin/{name}/probe")) == TARGETS[name].machine


def test_unknown_target(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("env.BtAot('probe.bt', BTAOT_TARGET='vax')")
    assert "BTAOT_TARGET: unknown target 'vax'; known: x86_64" in project.scons(status=2)


def test_unknown_flag(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("env.BtAot('probe.bt', BTAOTFLAGS='--fast')")
    assert "BTAOTFLAGS: unrecognized arguments: --fast" in project.scons(status=2)


def test_printed_command_and_comstr(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("del env['BTAOTCOMSTR']\nenv.BtAot('probe.bt', BTAOTFLAGS='--unsafe')")
    assert project.scons().startswith(f"btaot build -o probe --target {host_target().name} --unsafe probe.bt\n")


def test_own_command_line(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("env.BtAot('probe.bt', BTAOTCOM='cp $SOURCE $TARGET', ENV={'PATH': '/bin:/usr/bin'})")
    project.scons()
    assert project.path("probe").read_text() == HELLO


def test_same_bytes_in_another_place(tmp_path: Path, plain_stubs: Path) -> None:
    contents = []
    for name in ("one", "somewhere/else"):
        project = Project(tmp_path / name, plain_stubs)
        project.write(probe_bt=HELLO)
        project.sconstruct("env.BtAot('probe.bt')")
        project.scons()
        contents.append(project.path("probe").read_bytes())
    assert contents[0] == contents[1]


def test_reading_imports_no_heavy_library(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("env.BtAot('probe.bt')\nprint({'llvmlite', 'lief', 'lark'} & set(sys.modules))")
    assert "set()" in project.scons("-n")


@pytest.mark.parametrize("duplicate", [0, 1])
def test_variant_directory(project: Project, duplicate: int) -> None:
    project.write(src__probe_bt=f'import "lib/common.bt";\n{HELLO}', src__lib__common_bt="")
    project.put("src/SConscript", "Import('env')\nenv.BtAot('probe.bt')\n")
    project.sconstruct(f"SConscript('src/SConscript', exports='env', variant_dir='out', duplicate={duplicate})")
    assert project.built() == {"out/probe"}
    assert project.built() == set()
    project.write(src__lib__common_bt="// changed\n")
    assert project.built() == {"out/probe"}


def test_dry_run_clean_and_cache(project: Project) -> None:
    project.write(probe_bt=HELLO)
    project.sconstruct("CacheDir('cache')\nenv.BtAot('probe.bt')")
    assert project.built("-n") == {"probe"}
    assert not project.path("probe").exists()
    project.scons()
    first = project.path("probe").read_bytes()
    project.scons("-c")
    assert not project.path("probe").exists()
    assert "Retrieved `probe' from cache" in project.scons()
    assert project.path("probe").read_bytes() == first
    assert os.access(project.path("probe"), os.X_OK)


def test_stub_builder_and_its_dependencies(project: Project) -> None:
    project.sconstruct("env['BTAOTSTUBCOMSTR'] = 'STUB $TARGET'\nenv.BtAotStub('stub')")
    listed = project.scons("-n", "--tree=all")
    assert "STUB stub" in listed and "util.c" in listed and "util.h" in listed and ".toml" in listed


def test_variants_of_the_stub(project: Project) -> None:
    """They are built for the script that imports what uses them, on targets that have them; not for others."""
    project.write(
        a_bt=HELLO,
        b_bt=f'import "u.bt";\nconfig = {{ unstable_import_statement = enable; unstable_dw_ustack = enable }}\n{HELLO}',
        u_bt="uprobe:/bin/sh:main { print(dw_ustack); }\n",
    )
    project.sconstruct(
        "targets = ['x86_64', 'aarch64']\n"
        "env.Replace(BTAOT_TARGET=targets, BTAOT_STUB='out/$BTAOT_TARGET/stub', BTAOTSTUBCOMSTR='BUILD $TARGET')\n"
        "env.BtAot('out/b', 'b.bt')\nenv.BtAotStub('out/stub')\nenv.BtAot('out/a', 'a.bt')\n"
    )
    usual = {f"out/{name}/{file}" for name in TARGETS for file in ("a", "stub")}
    assert project.built("out/x86_64/a", "out/aarch64/a") == usual
    variants = {"out/x86_64/stub-unwind", "out/x86_64/stub-lines", "out/aarch64/stub-lines"}
    assert variants <= set(project.scons("-n").split())
    assert project.built("-j2") == {*variants, "out/x86_64/b", "out/aarch64/b"}
    assert "is up to date" in project.scons()
    for name in TARGETS:
        made = project.path(f"out/{name}/b")
        assert made.stat().st_size < 150_000
        assert (b"dw_ustack requires a target process" in made.read_bytes()) == (name == "x86_64")
        with made.open("rb") as stream:
            types = {segment["p_type"] for segment in ELFFile(stream).iter_segments()}
        assert not types & {"PT_INTERP", "PT_DYNAMIC"}
    project.scons("-c")
    assert not [path for path in project.path("out").rglob("*") if path.is_file()]
