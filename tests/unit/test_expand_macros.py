"""Macros: what a program looks like after expansion, and what is refused."""

import pytest
from syntax_show import show

from btaot_tool.diagnostics import CompileError, Diagnostics, Source
from btaot_tool.expand.definitions import CMacros
from btaot_tool.expand.macros import expand_macros
from btaot_tool.syntax import parse, tree


def expand(text, c_macros=CMacros()):  # noqa: B008
    diags = Diagnostics()
    program = expand_macros(parse(Source("t.bt", text), diags), c_macros, diags)
    diags.check()
    return program


def body(text, c_macros=CMacros()):  # noqa: B008
    """Return the statements of the last probe."""
    return show(expand(text, c_macros).probes[-1].body)


EXPANSIONS = [
    # calls, with and without parentheses, as statement and as expression
    ("macro one { 1 } begin { print(one); }", "{print(1); }"),
    ("macro one() { 1 } begin { print(one()); }", "{print(1); }"),
    ("macro hi() { print(1); } begin { hi(); }", "{{print(1); }; }"),
    ("macro hi() { print(1); } begin { $a = hi; }", "{$a = {print(1); }; }"),
    # expression arguments are put in place, once for each use
    ("macro twice(x) { x + x } begin { $a = twice(2 * 3); }", "{$a = <<2 * 3> + <2 * 3>>; }"),
    ("macro add(x) { x + 1 } begin { $a = add(add(1)); }", "{$a = <<1 + 1> + 1>; }"),
    ("macro f(x) { x } macro g(y) { f(y) + 1 } begin { $a = g(@m[1]); }", "{$a = <{@m[1]} + 1>; }"),
    # variables and maps for an expression parameter can be read, not changed
    ("macro f(x) { x + 1 } begin { f($a); f(@m); }", "{<{$a} + 1>; <{@m} + 1>; }"),
    # variable and map parameters are the caller's own
    ("macro inc($x) { $x += 1; $x } begin { inc($a); }", "{{$a += 1; $a}; }"),
    ("macro set(@x) { @x[1] = 2; } begin { set(@a); }", "{{@a[1] = 2; }; }"),
    ("macro f(@b, $x) { g(@b, $x); } macro g(a, b) { print((a, b)); } begin { f(@d, $y); }",
     "{{{print(tuple({@d}, {$y})); }; }; }"),
    # hygiene: the macro's own variables get names of their own
    ("macro inc(x) { $y = x + 1; $y } begin { $y = 2; $z = inc($y); }",
     "{$y = 2; $z = {$$inc_y = <{$y} + 1>; $$inc_y}; }"),
    ("macro f(x) { let $y = x; $y } begin { f(f(1)); }",
     "{{let $$f_2_y = {let $$f_y = 1; $$f_y}; $$f_2_y}; }"),
    # a parameter hides a macro of its name
    ("macro add() { 2 } macro ident(add) { add } begin { print(ident(1)); }", "{print(1); }"),
    # overloads: by number, by kind, the special before the general
    ("macro f() { 0 } macro f(x) { 1 } macro f(x, y) { 2 } begin { f; f(7); f(7, 8); }", "{0; 1; 2; }"),
    ("macro f($x) { 1 } macro f(@x) { 2 } macro f(x) { 3 } begin { f($a); f(@a); f(1); }", "{1; 2; 3; }"),
    ("macro f($x, y) { 1 } macro f(x, $y) { 2 } begin { f($a, 1); f(1, $a); }", "{1; 2; }"),
    # the script's macros before builtins and the library, but only with the same signature
    ("macro cpu() { 42 } begin { print(cpu); print(cpu()); }", "{print(42); print(42); }"),
    ("macro cpu(x) { x } begin { print(cpu(1)); print(cpu()); print(cpu); }", "{print(1); print(cpu()); print(cpu); }"),
    ("begin { print(ppid); }", "{print(curtask.real_parent.pid); }"),
    ("macro curtask() { 1 } begin { print(ppid); }", "{print(curtask.real_parent.pid); }"),
    ("macro ppid() { 5 } begin { print(ppid); }", "{print(5); }"),
    # types as arguments
    ("macro f(t) { sizeof(t) } begin { f(typeof(struct a)); }", "{sizeof(struct a); }"),
    ("macro f(t) { sizeof(struct t) } begin { f(typeof(a)); }", "{sizeof(struct a); }"),
    ("macro f(t) { sizeof(t*) } begin { f(typeof(uint64)); f(typeof(b)); }", "{sizeof(uint64*); sizeof(b*); }"),
    ("macro f(t) { sizeof(t[2]) } begin { f(typeof(uint64*)); }", "{sizeof(uint64*[2]); }"),
    ("macro f(t) { offsetof(t, x) } begin { f(typeof(struct a)); }", "{offsetof(struct a, x); }"),
    ("macro f(t, m) { offsetof(t, m) } begin { f(typeof(struct a), b.c.d); }", "{offsetof(struct a, b.c.d); }"),
    ("macro f(t) { let $x: t = 0; } begin { f(typeof(uint32)); }", "{{let $$f_x: uint32 = 0; }; }"),
    ("macro f(t) { (t)0 } begin { f(typeof(uint32*)); }", "{<cast uint32* 0>; }"),
    ("macro f(t) { (typeof(t))0 } begin { f(typeof(uint64*)); }", "{<cast typeof(uint64*) 0>; }"),
    ("macro f(t) { typeinfo(t) } begin { f(typeof(struct a)); }", "{typeinfo(struct a); }"),
    ("macro f(t) { sizeof(t) } macro g(t) { f(t) } begin { g(typeof(uint64*)); }", "{sizeof(uint64*); }"),
    ("macro f(t) { sizeof(t) } macro g(t) { f(typeof(t)) } begin { g(typeof(uint64*)); }", "{sizeof(uint64*); }"),
    ("macro f(t) { sizeof(t*) } macro g(b) { f(typeof(b[2])) } begin { g(typeof(u8)); }", "{sizeof(u8[2]*); }"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS)
def test_expansion(text, expected):
    assert body(text) == expected


def test_predicate_is_expanded():
    program = expand("macro one { 1 } begin /one/ { }")
    assert show(program.probes[0].predicate) == "1"
    assert program.macros == []


def test_nodes_are_not_shared():
    """The types of nodes are noted by identity: the same node in two places would have one type."""
    program = expand("macro f(x) { x + x } begin { f(1 + 2); f(1 + 2); }")
    seen = set()

    def walk(node):
        assert id(node) not in seen
        seen.add(id(node))
        for name in node.__dataclass_fields__:
            value = getattr(node, name)
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, tree.Node):
                    walk(child)

    walk(program.probes[0])


ERRORS = [
    ("macro f(pid) { 1 } begin { }", "1:9-12: ERROR: syntax: builtin 'pid' can't be used as a macro argument"),
    ("macro f(x, x) { x } begin { }", "1:12-13: ERROR: Ident for macro argument has already been used: x"),
    ("macro f($x, $x) { 1 } begin { }", "1:13-15: ERROR: Variable for macro argument has already been used: $x"),
    ("macro f(@x, @x) { 1 } begin { }", "1:13-15: ERROR: Map for macro argument has already been used: @x"),
    ("macro f(x) { 1 } macro f(y) { 2 } begin { }", "1:18-25: ERROR: Redefinition of macro: f"),
    ("macro f(x) { 1 } macro f($y) { 2 } begin { }", "1:1-8: ERROR: This is the original definition."),
    ("macro f() { @x } begin { f(); }",
     "1:13-15: ERROR: Unhygienic access to map: @x. Maps must be passed into the macro as arguments."),
    ("macro f() { print($x) } begin { f(); }", "1:19-21: ERROR: Undefined or undeclared variable: $x"),
    ("macro f($x) { let $x; } begin { f($y); }", "1:15-21: ERROR: Variable declaration shadows macro arg $x"),
    ("macro a(x) { b(x) } macro b(x) { c(x) } macro c(x) { a(x) } begin { a(1); }",
     "Recursive macro call detected. Call chain: a > b > c > a"),
    ("macro f($x) { $x } begin { f(@a); }",
     "1:30-32: ERROR: Mismatched arg. f() expects a variable for arg $x but got a map."),
    ("macro f(@x) { @x } begin { f($a); }",
     "1:30-32: ERROR: Mismatched arg. f() expects a map for arg @x but got a variable."),
    ("macro f(@x) { @x } begin { f(1 + 1); }",
     "1:30-35: ERROR: Mismatched arg. f() expects a map for arg @x but got an expression."),
    ("macro f(@x) { @x } begin { f(1 + 1); }",
     "1:9-11: ERROR: This is the argument in the closest definition."),
    ("macro f(x) { 1 } begin { f(1, 2); }",
     "The closest definition of f() has a different number of arguments. Expected: 1 but got 2"),
    ("macro f(x) { 1 } begin { f; }",
     "1:26-27: ERROR: Call to f() has arguments that do not match any definition."),
    ("macro m(x) { x + 1 } begin { m(typeof(uint64*)); }", "When used as a call argument, `typeof` builtin only valid"),
    ("begin { f(typeof(uint64*)); }", "1:11-26: ERROR: When used as a call argument, `typeof` builtin only valid"),
    ("macro m(t) { sizeof(struct t) } begin { m(typeof(uint64*)); }",
     "Invalid replacement for macro 'm' type parameter 't' which makes up the type 'struct t'"),
    ("macro m(t, f) { offsetof(t, f) } begin { m(typeof(struct a), b().c); }",
     "FieldAccess expressions must be made up entirely of idents"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ERRORS)
def test_errors(text, expected):
    with pytest.raises(CompileError) as caught:
        expand(text)
    assert expected in str(caught.value)


def test_places_of_an_error_in_nested_macros():
    text = "macro inner() {\n  @x = 1;\n}\nmacro outer() { inner(); }\nbegin { outer(); }\n"
    with pytest.raises(CompileError) as caught:
        expand(text)
    assert str(caught.value) == (
        "t.bt:2:3-5: ERROR: Unhygienic access to map: @x. Maps must be passed into the macro as arguments.\n"
        "  @x = 1;\n"
        "  ~~\n"
        "t.bt:4:17-24: ERROR: expanded from\n"
        "macro outer() { inner(); }\n"
        "                ~~~~~~~\n"
        "t.bt:5:9-16: ERROR: expanded from\n"
        "begin { outer(); }\n"
        "        ~~~~~~~"
    )


def test_expansion_that_explodes_is_refused():
    text = "".join(f"macro f{n}(x) {{ f{n + 1}(x) + f{n + 1}(x) }} " for n in range(40))
    with pytest.raises(CompileError, match="expand to too much code"):
        expand(text + "macro f40(x) { x } begin { f0(1); }")


# ---- object-like macros of C


def c_macros(**texts):
    strings = {name: text[1:-1] for name, text in texts.items() if text.startswith('"')}
    return CMacros(texts, strings, {}, frozenset(texts))


def test_c_macro_expressions():
    macros = c_macros(A="(1 + 2)", B="A * 2", S='"text"', P="((struct x *)0)")
    assert body("begin { print((A, B, S, P)); }", macros) == (
        "{print(tuple(<1 + 2>, <<1 + 2> * 2>, 'text', <cast struct x* 0>)); }"
    )


def test_c_macro_inside_of_a_macro_and_its_parameter():
    macros = c_macros(N="7", x="9")
    assert body("macro f(x) { x + N } begin { f(1); }", macros) == "{<1 + 7>; }"


def test_c_macro_that_names_itself():
    with pytest.raises(CompileError) as caught:
        expand("begin { M; }", c_macros(M="M+1"))
    assert str(caught.value) == (
        "M:1:1-2: ERROR: Macro recursion: M\nM+1\n~\nt.bt:1:9-10: ERROR: expanded from\nbegin { M; }\n        ~"
    )


def test_places_of_a_c_macro_inside_of_a_macro():
    program = expand("macro f() { $x = N; $x } begin { f(); }", c_macros(N="1 + foo"))
    span = program.probes[0].body.body[0].expr.body[0].value.span
    assert [str(s) for s in (span, span.parent, span.parent.parent)] == ["N:1:1-8", "t.bt:1:18-19", "t.bt:1:34-37"]
    assert span.parent.parent.parent is None


def test_c_macro_that_is_no_expression():
    with pytest.raises(CompileError, match=r"unable to expand macro as an expression: \{"):
        expand("begin { M; }", c_macros(M="{"))


def test_foreign_c_macro_does_not_hide_a_builtin():
    macros = CMacros({"pid": "3", "mine": "4"}, {}, {"mine": 4}, frozenset({"mine"}))
    assert body("begin { print(pid); print(mine); }", macros) == "{print(pid); print(4); }"
