"""Imports, from files to a running binary."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Builder, run

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.options import Options


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "helpers.bt": 'import "deep/more.bt";\n'
        'macro greet(who) { printf("hello %s\\n", who); }\n'
        'begin { print("helpers"); }',
        "deep/more.bt": '#define FROM_MORE 17\nimport "types.h";\nlet @kept = hash(2);\nbegin { print("more"); }',
        "deep/types.h": '#include "numbers.h"\nstruct thing { int first; long second[COUNT]; };\n'
        '#define NAMED "thing"\n',
        "deep/numbers.h": "#define COUNT 3\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


SCRIPT = """
import "helpers.bt";
begin {
  greet("you");
  print((sizeof(struct thing), COUNT, NAMED, FROM_MORE));
  @kept[1] = 1; @kept[2] = 2;
  clear(@kept);
  exit();
}
"""


def test_scripts_and_headers(build: Builder, folder: Path) -> None:
    outcome = run([build(SCRIPT, name=str(folder / "main.bt"))])
    assert outcome.stdout.strip() == "more\nhelpers\nhello you\n(32, 3, thing, 17)"
    assert outcome.status == 0


def test_dependencies_are_all_files_that_were_read(folder: Path) -> None:
    result = compile_script(Source(str(folder / "main.bt"), SCRIPT), Options())
    assert sorted(Path(name).relative_to(folder).as_posix() for name in result.dependencies) == [
        "deep/more.bt",
        "deep/numbers.h",
        "deep/types.h",
        "helpers.bt",
    ]


def test_include_directories_and_defines(folder: Path) -> None:
    script = "#include <numbers.h>\nbegin { print((COUNT, GIVEN, FLAG)); exit(); }"
    options = Options(include_dirs=(str(folder / "deep"),), defines=("GIVEN=8", "FLAG"))
    with pytest.raises(CompileError):
        compile_script(Source("t.bt", script), Options())
    assert compile_script(Source("t.bt", script), options).dependencies == [str(folder / "deep/numbers.h")]


def test_headers_of_the_command_line_come_first(folder: Path) -> None:
    """In their order, before the script's own definitions; a missing one is named."""
    (folder / "first.h").write_text("#define FIRST 1\n")
    (folder / "second.h").write_text("struct pair { int a[FIRST + 1]; };\n")
    script = "struct two { struct pair p[2]; };\nbegin { print((FIRST, sizeof(struct two))); exit(); }"
    options = Options(include_dirs=(str(folder),), includes=("first.h", "second.h"))
    result = compile_script(Source("t.bt", script), options)
    assert result.dependencies == [str(folder / "first.h"), str(folder / "second.h")]
    with pytest.raises(CompileError, match=r"<command line>:1: 'no\.h' file not found"):
        compile_script(Source("t.bt", script), Options(includes=("no.h",)))


def test_error_in_an_imported_header_names_its_line(folder: Path) -> None:
    (folder / "deep/types.h").write_text("struct thing {\n  int x;\n  no_such_type y;\n};\n")
    with pytest.raises(CompileError) as caught:
        compile_script(Source(str(folder / "main.bt"), SCRIPT), Options())
    assert f"{folder}/deep/types.h:3:3-15: ERROR: unknown type name 'no_such_type'" in str(caught.value)


def test_headers_of_the_c_library_on_the_command_line() -> None:
    script = 'begin { static_assert(EPERM == 1, "wrong"); exit(); }'
    assert compile_script(Source("t.bt", script), Options(includes=("errno.h",))).dependencies == []


def test_error_in_the_c_section_of_an_imported_script(folder: Path) -> None:
    (folder / "deep/more.bt").write_text("\nstruct broken { no_such_type y; };\nbegin { }")
    with pytest.raises(CompileError) as caught:
        compile_script(Source(str(folder / "main.bt"), SCRIPT), Options())
    assert f"{folder}/deep/more.bt:2:17-29: ERROR: unknown type name 'no_such_type'" in str(caught.value)


def test_error_in_the_scripts_own_c_section_beside_imports(folder: Path) -> None:
    script = f"\nstruct broken {{ no_such_type y; }};\n{SCRIPT}"
    with pytest.raises(CompileError) as caught:
        compile_script(Source(str(folder / "main.bt"), script), Options())
    assert f"{folder}/main.bt:2:17-29: ERROR: unknown type name 'no_such_type'" in str(caught.value)
