"""Whole scripts: top level, statements, attach points, the C section."""

from __future__ import annotations

import pytest
from syntax_show import show

from btaot_tool.diagnostics import Diagnostics, Source
from btaot_tool.syntax import parse, tree
from btaot_tool.syntax.dump import dump
from btaot_tool.syntax.providers import PROVIDERS, canonical_provider


def program(text: str) -> tree.Program:
    return parse(Source("s.bt", text), Diagnostics())


def body(text: str) -> list[tree.Stmt]:
    return program(f"begin {{ {text} }}").probes[0].body.body


def points(text: str) -> list[tuple[str, list[str]]]:
    return [(p.provider, p.parts) for p in program(text + " { }").probes[0].attach_points]


# ---- attach points


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BEGIN", [("begin", [])]),
        ("begin", [("begin", [])]),
        ("END", [("end", [])]),
        ("self:signal:SIGUSR1", [("self", ["signal", "SIGUSR1"])]),
        ("k:vfs_read", [("kprobe", ["vfs_read"])]),
        ("kprobe:vfs_read+0x10", [("kprobe", ["vfs_read+0x10"])]),
        ("kprobe:module:f*", [("kprobe", ["module", "f*"])]),
        ("kprobe:[abc]_?", [("kprobe", ["[abc]_?"])]),
        ("kfunc:bpf:*:prog", [("fentry", ["bpf", "*", "prog"])]),
        ("kretfunc:f,fr:g", [("fexit", ["f"]), ("fexit", ["g"])]),
        ("tracepoint:syscalls:sys_enter_*", [("tracepoint", ["syscalls", "sys_enter_*"])]),
        ("t:a:b,\n  rt:c", [("tracepoint", ["a", "b"]), ("rawtracepoint", ["c"])]),
        ("t:a:b , t:c:d,", [("tracepoint", ["a", "b"]), ("tracepoint", ["c", "d"])]),
        ("interval:s:1", [("interval", ["s", "1"])]),
        ("interval:1s", [("interval", ["1s"])]),
        ("profile:hz:$1", [("profile", ["hz", "$1"])]),
        ("uprobe:/bin/bash:readline", [("uprobe", ["/bin/bash", "readline"])]),
        ("u:./a.out:f", [("uprobe", ["./a.out", "f"])]),
        ("uprobe:libc:malloc", [("uprobe", ["libc", "malloc"])]),
        ("uprobe:libc@malloc.c:3538", [("uprobe", ["libc", "@", "malloc.c", "3538"])]),
        ('uprobe:/bin/x:"f(int, char {)"', [("uprobe", ["/bin/x", "f(int, char {)"])]),
        ('uprobe:"/bin/a b":cpp:"ns::f"', [("uprobe", ["/bin/a b", "cpp", "ns::f"])]),
        ('uprobe:/a:"q\\"q"', [("uprobe", ["/a", 'q"q'])]),
        ('k:"fn.abc"+1', [("kprobe", ["fn.abc+1"])]),
        ("U:/bin/x:ns:name", [("usdt", ["/bin/x", "ns", "name"])]),
        ("uprobe:/$1/bash:$2func", [("uprobe", ["/$1/bash", "$2func"])]),
        ("watchpoint:0x1000:8:rw", [("watchpoint", ["0x1000", "8", "rw"])]),
        ("it:task", [("iter", ["task"])]),
        ("kprobe:f:", [("kprobe", ["f", ""])]),
        ("*:vfs_read", [("*", ["vfs_read"])]),
        ("p:hz:99,i:s:1,s:cpu:1,h:cycles:1", [("profile", ["hz", "99"]), ("interval", ["s", "1"]),
                                              ("software", ["cpu", "1"]), ("hardware", ["cycles", "1"])]),
        ("kprobe:f // comment\n, /* x */ kprobe:g", [("kprobe", ["f"]), ("kprobe", ["g"])]),
        ("BEGIN// comment\n", [("begin", [])]),
        ("struct:probe", [("struct", ["probe"])]),
    ],
)  # fmt: skip
def test_attach_points(text: str, expected: list[tuple[str, list[str]]]) -> None:
    assert points(text) == expected


def test_attach_point_name_raw_and_span() -> None:
    point = program("  mine=kprobe:f,\nother = k:g { }").probes[0].attach_points
    assert [(p.name, p.provider, p.parts) for p in point] == [("mine", "kprobe", ["f"]), ("other", "kprobe", ["g"])]
    assert point[0].raw == "mine=kprobe:f"
    assert (point[0].span.line, point[0].span.column, point[0].span.end_column) == (1, 3, 16)
    assert (point[1].span.line, point[1].span.column) == (2, 1)


def test_quoted_dollar_is_no_parameter() -> None:
    point = program('uprobe:"$1":$2 { }').probes[0].attach_points[0]
    assert (point.parts, point.quoted) == (["$1", "$2"], (True, False))


def test_providers_have_one_meaning() -> None:
    spellings = [s for name, aliases in PROVIDERS.items() for s in (name, *aliases)]
    assert len(spellings) == len(set(spellings))
    assert canonical_provider("u") == "uprobe"
    assert canonical_provider("U") == "usdt"
    assert canonical_provider("Begin") == "begin"
    assert canonical_provider("KPROBE") == "kprobe"
    assert canonical_provider("Odd") == "odd"


# ---- predicates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/pid == 1/", "<pid == 1>"),
        ("/1/", "1"),
        ("/ a / b / c /", "<<a / b> / c>"),
        ("/(a / b) > 2/", "<<a / b> > 2>"),
        ("/@x[1 / 2]/", "@x[<1 / 2>]"),
        ("/a/ // comment\n", "a"),
        ("/a/ /* comment */", "a"),
        ('/comm == "a/b"/', "<comm == 'a/b'>"),
        ("/{ 1 } /", "{1}"),
        ("/*$p/", "<*$p>"),
    ],
)
def test_predicates(text: str, expected: str) -> None:
    if text.startswith("/*$"):
        text = text.replace("/*", "/ *")
    probe = program(f"kprobe:f {text} {{ }}").probes[0]
    assert show(probe.predicate) == expected


def test_predicate_right_after_the_attach_point() -> None:
    assert show(program("BEGIN/pid/{ }").probes[0].predicate) == "pid"


def test_division_by_a_block_outside_of_a_predicate() -> None:
    assert show(body("$x = 4 / { 2 };")[0]) == "$x = <4 / {2}>"


# ---- statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$x = 1", "$x = 1"),
        ("@x = 1;", "@x = 1"),
        ("@x[1, 2] = 3;", "@x[tuple(1, 2)] = 3"),
        ("$x += 1", "$x += 1"),
        ("$x <<= 1; ", "$x <<= 1"),
        ("@x >>= 1; ", "@x >>= 1"),
        ("_ = f();", "_ = f()"),
        ("let $x", "let $x"),
        ("let $x: uint64;", "let $x: uint64"),
        ("let $x : struct foo *= 1;", "let $x: struct foo* = 1"),
        ('let $x: string[64] = "a"', "let $x: string[64] = 'a'"),
        ("let $x: typeof($y) = 2", "let $x: typeof($y) = 2"),
        ("let $x = if a { 1 } else { 2 }", "let $x = if a {1} else {2}"),
        ("$x++", "<$x++>"),
        ("delete(@x[1])", "delete(@x[1])"),
        ("if a == 1 { f(); }", "if <a == 1> {f(); } else "),
        ("if (a) && (b) { f(); }", "if <a && b> {f(); } else "),
        ("if (a) { f() }", "if a {f(); } else "),
        ("if (a) { if b { 1 } } else { g() }", "if a {if b {1; } else ; } else {g(); }"),
    ],
)
def test_statements(text: str, expected: str) -> None:
    (statement,) = body(text)
    assert show(statement) == expected


@pytest.mark.parametrize("op", ["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="])
def test_compound_assignment(op: str) -> None:
    (statement,) = body(f"@m[1] {op} 2;")
    assert isinstance(statement, tree.Assign)
    assert statement.op == op


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("while ($x < 1) { break; }", tree.While),
        ("while $x < 1 { continue }", tree.While),
        ("unroll (5) { f(); }", tree.Unroll),
        ("unroll 5 { f() }", tree.Unroll),
        ("unroll($1) { f() }", tree.Unroll),
        ("for ($i : 0..10) { f() }", tree.ForRange),
        ("for $i : 0..10 { f() }", tree.ForRange),
        ("for ($i : $a..nsecs) { f() }", tree.ForRange),
        ("for ($i : (1 + 1)..@m[1]) { f() }", tree.ForRange),
        ("for ($kv : @m) { f() }", tree.ForMap),
        ("for $kv : @m { f() }", tree.ForMap),
        ("return", tree.Jump),
        ("return 5;", tree.Jump),
        ("return { 5 };", tree.Jump),
        ('import "a.bpf.c";', tree.ImportStmt),
    ],
)
def test_loops_and_jumps(text: str, kind: type) -> None:
    (statement,) = body(text)
    assert type(statement) is kind
    if isinstance(statement, tree.While | tree.Unroll | tree.ForRange | tree.ForMap):
        assert statement.body.value is None
        assert len(statement.body.body) == 1


def test_semicolons() -> None:
    assert len(body("; ;f();; if a { };  while a { } g(); { } ;")) == 5
    macro = program("macro m() { f(); 1 } macro n() { if a { 1 } else { 2 } } macro o() { if a { 1 }; }").macros
    assert [show(m.body) for m in macro] == ["{f(); 1}", "{if a {1} else {2}}", "{if a {1; } else ; }"]


# ---- top level


def test_sections() -> None:
    p = program(
        """#!/usr/bin/env bpftrace
        #include <linux/sched.h>
        config = { stack_mode = perf; BPFTRACE_MAX_STRLEN=64;; license = "GPL"; lazy_symbolication=true }
        import "lib.bt";
        import "other";
        let @a = hash(5);
        let @b = percpulruhash(0x10)
        macro one { 1 }
        macro add(x, $y, @z) { x + $y }
        fn f($a: uint64, $b : struct foo *): void { return; }
        fn g(): string[4] { return "abc"; }
        begin { }
        END { }
        """
    )
    assert p.c_text == "\n" + " " * 8 + "#include <linux/sched.h>\n"
    assert [(c.name, c.value) for c in p.config] == [
        ("stack_mode", "perf"),
        ("BPFTRACE_MAX_STRLEN", 64),
        ("license", "GPL"),
        ("lazy_symbolication", True),
    ]
    assert [i.path for i in p.imports] == ["lib.bt", "other"]
    assert [(m.name, m.kind, m.max_entries) for m in p.map_decls] == [("@a", "hash", 5), ("@b", "percpulruhash", 16)]
    assert [(m.name, [(a.name, a.kind) for a in m.params]) for m in p.macros] == [
        ("one", []),
        ("add", [("x", "ident"), ("y", "var"), ("@z", "map")]),
    ]
    f, g = p.subprogs
    assert [(p.name, show(p.type)) for p in f.params] == [("a", "uint64"), ("b", "struct foo*")]
    assert (show(f.result), show(g.result)) == ("void", "string[4]")
    assert [q.attach_points[0].provider for q in p.probes] == ["begin", "end"]


def test_everything_on_one_line() -> None:
    p = program("i:s:1 {} macro a() {} fn f(): void {} let @a = hash(5); i:s:1 {} fn g(): void {} macro b() {}")
    assert [len(x) for x in (p.probes, p.macros, p.subprogs, p.map_decls)] == [2, 2, 2, 1]


def test_empty_script() -> None:
    assert dump(program("")) == dump(program("// nothing\n")).replace(" header='nothing'", "") == "(Program)"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("#define A 1\n", "#define A 1\n"),
        ("#define A(x) \\\n  (x) + 1\n", "#define A(x) \\\n  (x) + 1\n"),
        ("struct a { int x; };", "struct a { int x; };\n"),
        ("struct a { int x; }", "struct a { int x; };\n"),
        ("struct a { struct { int b : 3; } c; union { int d; }; };", None),
        ("struct __attribute__((packed)) a { int x; };", None),
        ("struct a { int x; } __attribute__((packed)) __attribute__((aligned(1)));", None),
        ("struct a { int x; } /* c */ __attribute__ /**/ ((packed))", None),
        ("struct a { int x; // }\n /* } */ int y; };", None),
        ("struct a;", None),
        ("struct a { int x; } *b, c[3];", None),
        ("enum e { A, B = 2 };", None),
        ("enum { A, B }", None),
        ("union u { int a; long b; };", None),
        ("typedef unsigned long ulong_t;", None),
        ("typedef int (*fn_t)(int, char *);", None),
        ("typedef struct { int x; } s_t;", None),
        ("typedef struct s { int x; } s_t, *s_p;", None),
        ("#ifdef A\nstruct a { int x; };\n#else\n#include <x.h>\n#endif\n", None),
    ],
)
def test_c_section(text: str, kept: str | None) -> None:
    p = program(text + " begin { }") if not text.endswith("\n") else program(text + "begin { }")
    assert len(p.probes) == 1
    expected = kept or text.strip()
    assert p.c_text.strip().rstrip(";") == expected.strip().rstrip(";")


def test_c_text_keeps_lines_and_columns() -> None:
    text = "// one\n\n  struct a { int x; } struct b { int y; };\n/* two */ #define X 1\nbegin { }"
    lines = program(text).c_text.split("\n")
    assert lines == ["", "", "  struct a { int x; }; struct b { int y; };", " " * 10 + "#define X 1", ""]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("/* One */\nbegin { }", "One"),
        ("#!/x\n/*\n * Says hello.\n *\n * Twice.\n */\nbegin { } // no", "Says hello.\n\nTwice."),
        ("// One\n// two\n\n// three\nbegin { }", "One\ntwo"),
        ("begin { /* no */ }", ""),
        ("#include <x.h>\n// no\nbegin { }", ""),
    ],
)
def test_header(text: str, header: str) -> None:
    assert program(text).header == header


def test_comments_everywhere() -> None:
    plain = dump(program("kprobe:f /a/ { $x = f(1, 2); }"))
    assert dump(program("kprobe:f /* a *//a// c\n/ /* d */ {/*e*/$x/**/=/**/f(//\n1,/**/2)/**/;// }\n}")) == plain


def test_spans_of_nodes() -> None:
    p = program("macro m() { 1 }\nkprobe:f\n/pid/ {\n  $x = 1 + 2;\n}\n")
    probe = p.probes[0]
    assert str(probe.span) == "s.bt:2-5"
    assert str(probe.predicate.span if probe.predicate else "") == "s.bt:3:2-5"
    assert str(probe.body.body[0].span) == "s.bt:4:3-13"
    assert str(p.macros[0].span) == "s.bt:1:1-16"
    assert str(p.span) == "s.bt:1-6"


def test_carriage_returns_and_tabs() -> None:
    p = program("begin {\r\n\t$x = 1;\r\n}\r\n")
    span = p.probes[0].body.body[0].span
    assert (span.line, span.column) == (2, 2)


def test_dump_shows_spans() -> None:
    assert dump(program("begin { 1; }").probes[0].body, spans=True) == (
        "(Block@1:7-1:13\n  (ExprStmt@1:9-1:11\n    expr=(IntLiteral@1:9-1:10 value=1)))"
    )
