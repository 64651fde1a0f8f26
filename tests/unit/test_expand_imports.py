"""Imports: which files take part, in which order, and what is refused."""

import os

import pytest
from syntax_show import show

from btaot_tool.diagnostics import CompileError, Diagnostics, Source
from btaot_tool.expand.imports import resolve_imports
from btaot_tool.scons.scanner import references
from btaot_tool.syntax import parse


def resolve(folder, text, include_dirs=()):
    diags = Diagnostics()
    source = Source(str(folder / "main.bt"), text)
    imports = resolve_imports(source, parse(source, diags), include_dirs, diags)
    diags.check()
    return imports


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_bpf_c", ".bpf.c").replace("_bt", ".bt").replace("_h", ".h")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.parent.chmod(0o755)


def error(folder, text):
    with pytest.raises(CompileError) as caught:
        resolve(folder, text)
    return str(caught.value)


def probes(imports):
    return [(p.attach_points[0].raw, show(p.body).replace("; ", "")) for p in imports.program.probes]


def names(imports, folder):
    return [str(path.relative_to(folder)) for path in imports.files]


def test_script_without_imports_is_unchanged(tmp_path):
    source = Source("stdin", "begin { 1 }")
    program = parse(source, Diagnostics())
    assert resolve_imports(source, program, (), Diagnostics()).program is program


def test_imported_declarations_and_order_of_probes(tmp_path):
    write(tmp_path, a_bt="let @a = hash(5);\nmacro m { 1 }\nbegin { 1 }\nend { 1 }", b_bt='import "c.bt";\nbegin { 2 }')
    write(tmp_path, c_bt="begin { 3 }")
    imports = resolve(tmp_path, 'import "a.bt";\nimport "b.bt";\nbegin { 4 }\nend { 4 }')
    assert probes(imports) == [
        ("begin", "{1}"),
        ("end", "{1}"),
        ("begin", "{3}"),
        ("begin", "{2}"),
        ("begin", "{4}"),
        ("end", "{4}"),
    ]
    assert [d.name for d in imports.program.map_decls] == ["@a"]
    assert [m.name for m in imports.program.macros] == ["m"]
    assert names(imports, tmp_path) == ["a.bt", "b.bt", "c.bt"]


def test_each_file_once(tmp_path):
    write(tmp_path, a_bt='import "b.bt";\nbegin { 1 }', b_bt='import "a.bt";\nimport "./b.bt";\nbegin { 2 }')
    imports = resolve(tmp_path, 'import "a.bt";\nimport "a.bt";\nimport "b.bt";\nbegin { 3 }')
    assert [text for _, text in probes(imports)] == ["{2}", "{1}", "{3}"]


def test_directory(tmp_path):
    write(tmp_path, lib__b_bt="begin { 2 }", lib__a_bt="begin { 1 }", lib__t_h="struct t { int x; };")
    write(tmp_path, lib__note="no script", lib__deeper__c_bt="begin { 3 }", lib__f_bpf_c="int f;")
    imports = resolve(tmp_path, 'import "lib";')
    assert [text for _, text in probes(imports)] == ["{1}", "{2}"]
    assert [p.name for p in imports.headers] == ["t.h"]
    assert [p.name for p in imports.bpf_sources] == ["f.bpf.c"]
    assert names(imports, tmp_path) == ["lib/a.bt", "lib/b.bt", "lib/f.bpf.c", "lib/t.h"]


def test_places_that_are_searched(tmp_path):
    write(tmp_path, sub__a_bt='import "b.bt";\nimport "c.bt";', sub__b_bt="begin { 1 }", c_bt="begin { 2 }")
    write(tmp_path, other__d_bt="begin { 3 }", other__b_bt="begin { 4 }")
    imports = resolve(tmp_path, 'import "sub/a.bt";\nimport "d.bt";', [str(tmp_path / "other")])
    assert names(imports, tmp_path) == ["sub/a.bt", "sub/b.bt", "c.bt", "other/d.bt"]


def test_import_in_a_block(tmp_path):
    write(tmp_path, t_h="struct t { int x; };", u_h="struct u { int x; };", a_bt="begin { }")
    imports = resolve(tmp_path, 'macro m() { import "t.h"; 1 }\nbegin { import "u.h"; print(1); }')
    assert [p.name for p in imports.headers] == ["t.h", "u.h"]
    assert show(imports.program.probes[0].body) == "{print(1); }"
    assert show(imports.program.macros[0].body) == "{1}"
    assert "Import statements that are not at the root are limited to" in error(tmp_path, 'begin { import "a.bt"; }')


def test_stdlib_is_always_there(tmp_path):
    assert resolve(tmp_path, 'import "stdlib";\nimport "stdlib/test";\nbegin { }').files == []


def test_missing_file(tmp_path):
    message = error(tmp_path, 'import "nothing.bt";\nbegin { }')
    assert "main.bt:1:1-20: ERROR: Unable to find suitable path for import" in message
    assert f"HINT: checked: {tmp_path}/nothing.bt" in message


def test_unknown_kind(tmp_path):
    (tmp_path / "x.txt").write_text("")
    assert "unknown import type: x.txt" in error(tmp_path, 'import "x.txt";\nbegin { }')


def test_config_in_import(tmp_path):
    write(tmp_path, a_bt="config = { max_strlen = 5 }")
    assert "a.bt:1:12-26: ERROR: invalid `config` within import" in error(tmp_path, 'import "a.bt";\nbegin { }')


def test_syntax_error_in_import(tmp_path):
    write(tmp_path, a_bt="begin { 1 + }")
    assert "a.bt:1:" in error(tmp_path, 'import "a.bt";\nbegin { }')


@pytest.mark.parametrize(("writable", "name", "refused"), [
    ("lib", "lib", True),
    ("lib", "lib/a.bt", True),
    (".", "lib", True),  # another directory could take its place
    (".", "lib/a.bt", False),
    ("lib/a.bt", "lib/a.bt", True),
    ("lib/a.bt", "lib", True),
])  # fmt: skip
def test_world_writable(tmp_path, writable, name, refused):
    write(tmp_path, top__lib__a_bt="begin { }")
    os.chmod(tmp_path / "top" / writable, 0o777)
    text = f'import "{name}";'
    if refused:
        assert "global write permissions" in error(tmp_path / "top", text)
    else:
        assert names(resolve(tmp_path / "top", text), tmp_path) == ["top/lib/a.bt"]


def test_scanner_of_scons_sees_the_same_references():
    text = 'import "a.bt";\n// import "no.bt"\nbegin { import "t.h"; }\n'
    assert references(text) == ["a.bt", "t.h"]
