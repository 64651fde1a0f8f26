"""A build is done again when, and only when, something that it depends on changed.

What a script means does not matter here, so a stand-in for the compiler reads none of the scripts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from project import HELLO, Project

PACKS = Path(__file__).resolve().parents[2] / "btaot_tool" / "kernel" / "packs"


@pytest.fixture
def two(project: Project, stand_in_compiler: Path) -> Project:
    """Return a project of two scripts that is up to date; ``a`` imports and includes."""
    project.env.update(PYTHONPATH=str(stand_in_compiler), PAYLOAD="1")
    project.write(
        a_bt=f'#include "inc/a.h"\nimport "lib/one.bt";\nimport "more";\n{HELLO}',
        b_bt=HELLO,
        inc__a_h='#include "deep.h"\n',
        inc__deep_h="#define DEEP 1\n",
        lib__one_bt='import "two.bt";\nimport "root.bt";\n',
        lib__two_bt="",
        root_bt="// beside the script that begins\n",
        more__x_bt="",
    )
    project.sconstruct(
        "env['BTAOT_STUB'] = ARGUMENTS.get('stub', env['BTAOT_STUB'])\n"
        "env['BTAOTFLAGS'] = ARGUMENTS.get('flags', '')\n"
        "env['BTAOT_KERNEL'] = ARGUMENTS.get('kernel', '')\n"
        "import btaot_tool.scons.settings as settings\n"
        "identity = ARGUMENTS.get('identity')\n"
        "if identity: settings.compiler_identity = lambda: identity\n"
        "env.BtAot('a.bt')\nenv.BtAot('b.bt')"
    )
    assert project.built() == {"a", "b"}
    assert project.built() == set()
    return project


@pytest.mark.parametrize("name", ["a.bt", "inc/a.h", "inc/deep.h", "lib/one.bt", "lib/two.bt", "root.bt", "more/x.bt"])
def test_a_file_that_is_read(two: Project, name: str) -> None:
    path = two.path(name)
    path.write_text(path.read_text() + "// changed\n")
    assert two.built() == {"a"}


def test_a_new_file_in_an_imported_directory(two: Project) -> None:
    two.write(more__y_bt="")
    assert two.built() == {"a"}


def test_a_file_that_is_not_read(two: Project) -> None:
    two.write(lib__unused_bt="// nobody imports it\n")
    assert two.built() == set()


def test_flags(two: Project) -> None:
    assert two.built("flags=--unsafe") == {"a", "b"}
    assert two.built("flags=--unsafe -w") == set(), "-w changes what is printed, not what is built"


def test_stub(two: Project) -> None:
    other = two.path("other-stub")
    shutil.copy(next(two.stubs.glob("x86_64")), other)
    assert two.built(f"stub={other}") == set(), "same content"
    shutil.copy(two.stubs / "aarch64", other)
    assert two.built(f"stub={other}") == {"a", "b"}


def test_kernel_pack(two: Project) -> None:
    pack = two.path("my.btpack")
    shutil.copy(PACKS / "linux-6.12-x86_64.btpack", pack)
    assert two.built("kernel=my.btpack") == {"a", "b"}
    assert two.built("kernel=my.btpack") == set()
    shutil.copy(PACKS / "linux-6.12-aarch64.btpack", pack)
    assert two.built("kernel=my.btpack") == {"a", "b"}


def test_compiler_version(two: Project) -> None:
    assert two.built("identity=other") == {"a", "b"}
    assert two.built("identity=other") == set()


def test_search_path(project: Project) -> None:
    project.write(a_bt=f'import "common.bt";\n{HELLO}', lib__common_bt="")
    project.sconstruct("env.BtAot('a.bt', BTAOTPATH=['lib'])")
    assert project.built() == {"a"}
    project.write(lib__common_bt="// changed\n")
    assert project.built() == {"a"}


def test_a_header_of_the_flags(project: Project) -> None:
    project.write(a_bt=HELLO, b_bt=HELLO, inc__given_h='#include "deep.h"\n', inc__deep_h="#define A 1\n")
    project.sconstruct(
        "env.BtAot('a.bt', BTAOTPATH=['inc'], BTAOTFLAGS='--include given.h')\nenv.BtAot('b.bt')",
    )
    assert project.built() == {"a", "b"}
    project.write(inc__deep_h="#define A 2\n")
    assert project.built() == {"a"}


def test_commented_out_import_is_no_dependency(project: Project) -> None:
    project.write(a_bt=f'// import "lib.bt"\n/* #include "lib.bt" */\n{HELLO}', lib_bt="")
    project.sconstruct("env.BtAot('a.bt')")
    project.scons()
    project.write(lib_bt="// changed\n")
    assert project.built() == set()


def test_a_program_whose_debug_information_is_used(project: Project, stand_in_compiler: Path) -> None:
    """It is built before the script; a script that uses nothing of it does not depend on it."""
    project.env.update(PYTHONPATH=str(stand_in_compiler), PAYLOAD="1")
    project.put("prog.txt", "1")
    project.write(
        a_bt="uprobe:./out/prog:f { print(args.n); }\n",
        b_bt="uprobe:./out/prog:f { @ = count(); }\n",
        c_bt="uprobe:out/prog@prog.c:3 { @ = count(); }\n",
    )
    project.sconstruct(
        "env.BtAot('a.bt')\nenv.BtAot('b.bt')\nenv.BtAot('c.bt')\n"
        "env.Command('out/prog', 'prog.txt', Action('cp $SOURCE $TARGET', 'BUILD $TARGET'))\n"
    )
    text = project.scons()
    assert text.index("BUILD out/prog") < min(text.index("BUILD a"), text.index("BUILD c"))
    assert project.built() == set()
    project.put("prog.txt", "2")
    assert project.built() == {"out/prog", "a", "c"}
