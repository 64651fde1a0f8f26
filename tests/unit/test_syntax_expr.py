"""Expressions and types: what the parser makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syntax_show import show

from btaot_tool.diagnostics import CompileError, Diagnostics, Source
from btaot_tool.syntax import parse, parse_expression, tree
from btaot_tool.syntax.lexer import KEYWORDS


def parsed(text: str) -> str:
    return show(parse_expression(Source("e", text), Diagnostics()))


def errors(text: str) -> list[str]:
    with pytest.raises(CompileError) as caught:
        parse_expression(Source("e", text), Diagnostics())
    return [d.message for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", "<1 + <2 * 3>>"),
        ("1 - 2 - 3", "<<1 - 2> - 3>"),
        ("100 / 10 / 5 % 3", "<<<100 / 10> / 5> % 3>"),
        ("1 << 2 + 3", "<1 << <2 + 3>>"),
        ("1 < 2 << 3", "<1 < <2 << 3>>"),
        ("1 == 2 < 3", "<1 == <2 < 3>>"),
        ("1 & 2 == 3", "<1 & <2 == 3>>"),
        ("1 ^ 2 & 3", "<1 ^ <2 & 3>>"),
        ("1 | 2 ^ 3", "<1 | <2 ^ 3>>"),
        ("1 && 2 | 3", "<1 && <2 | 3>>"),
        ("1 || 2 && 3", "<1 || <2 && 3>>"),
        ("1 >= 2 != 3 <= 4", "<<1 >= 2> != <3 <= 4>>"),
        ("1 >> 2 > 3", "<<1 >> 2> > 3>"),
        ("(1 + 2) * 3", "<<1 + 2> * 3>"),
        ("a ? b : c ? d : e", "<a ? b : <c ? d : e>>"),
        ("a ? b ? c : d : e", "<a ? <b ? c : d> : e>"),
        ("a || b ? c + 1 : d", "<<a || b> ? <c + 1> : d>"),
        ("a ?: b", "<a ?  : b>"),
        ("a ? : b ?: c", "<a ?  : <b ?  : c>>"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1", "<-1>"),
        ("!~-$x", "<!<~<-$x>>>"),
        ("- -1", "<-<-1>>"),
        ("1 - -1", "<1 - <-1>>"),
        ("*$p.x", "<*$p.x>"),
        ("(*$p).x", "<*$p>.x"),
        ("**$p", "<*<*$p>>"),
        ("a * *b", "<a * <*b>>"),
        ("&$x", "<&$x>"),
        ("&@m", "<&@m>"),
        ("a & &$b", "<a & <&$b>>"),
        ("!a && !b", "<<!a> && <!b>>"),
        ("$x++ + ++$y", "<<$x++> + <++$y>>"),
        ("@a[1]-- - --@b", "<<@a[1]--> - <--@b>>"),
        ("-$x++", "<-<$x++>>"),
        ("comptime 1 + 2", "<<comptime 1> + 2>"),
    ],
)
def test_unary(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$a.b.c", "$a.b.c"),
        ("$a->b.c->d", "$a->b.c->d"),
        ("args.if", "args.if"),
        ("$x->struct", "$x->struct"),
        ("$t.0.1", "$t.0.1"),
        ("$a[1][2].x", "$a[1][2].x"),
        ("(1, 2).0", "tuple(1, 2).0"),
        ("f(1).x", "f(1).x"),
        ("@m[1].0", "@m[1].0"),
        ("@", "@"),
        ("@[pid, comm]", "@[tuple(pid, comm)]"),
        ("@x[(1, 2)]", "@x[tuple(1, 2)]"),
        ("@x [1]", "@x[1]"),
        ("$1 + $22", "<$1 + $22>"),
        ("$#", "$#"),
        ("str($1, 3)", "str($1, 3)"),
        ("nsecs", "nsecs"),
        ("nsecs()", "nsecs()"),
        ("f ( )", "f()"),
        ("old!(1)", "old(1)"),
        ("old!(1) != 2", "<old(1) != 2>"),
        ("a != (b)", "<a != b>"),
        ("true && false", "<true && false>"),
    ],
)
def test_operands(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("()", "tuple()"),
        ("(1,)", "tuple(1)"),
        ("(1, 2)", "tuple(1, 2)"),
        ("(1, 2,)", "tuple(1, 2)"),
        ("((1, 2), (3,))", "tuple(tuple(1, 2), tuple(3))"),
        ("(1)", "1"),
        ("(a=1)", "record(a=1)"),
        ("(a=1, b=(c=2))", "record(a=1, b=record(c=2))"),
        ("(a == 1)", "<a == 1>"),
        ("{ 1 }", "{1}"),
        ("{ let $a = 1; $a }", "{let $a = 1; $a}"),
        ("{ f(); }", "{f(); }"),
        ("if a { 1 } else { 2 }", "if a {1} else {2}"),
        ("if (a) { 1 } else if b { 2 } else { 3 }", "if a {1} else if b {2} else {3}"),
        ("if a { 1 } else { 2 } + 3", "<if a {1} else {2} + 3>"),
        ("f({ g(); 1 }, 2)", "f({g(); 1}, 2)"),
    ],
)
def test_compound(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(uint64)x", "<cast uint64 x>"),
        ("(uint64)-1", "<cast uint64 <-1>>"),
        ("(struct foo *)x", "<cast struct foo* x>"),
        ("(struct foo **)arg0", "<cast struct foo** arg0>"),
        ("((struct foo *)arg0)->x.y", "<cast struct foo* arg0>->x.y"),
        ("(struct foo *)$a->b", "<cast struct foo* $a->b>"),
        ("(int32[4])x", "<cast int32[4] x>"),
        ("(uint8[])$x", "<cast uint8[0] $x>"),
        ("(string[64])arg0", "<cast string[64] arg0>"),
        ("(int32*[4]*)x", "<cast int32*[4]* x>"),
        ("(enum e)1", "<cast enum e 1>"),
        ("(union u)$x", "<cast union u $x>"),
        ("(size_t)1", "<cast size_t 1>"),
        ("(size_t*)x", "<cast size_t* x>"),
        ("(typeof($x))1", "<cast typeof($x) 1>"),
        ("(typeof(uint8*))$y", "<cast typeof(uint8*) $y>"),
        ("(uint8)(uint16)1", "<cast uint8 <cast uint16 1>>"),
        ("(uint64)1 + 2", "<<cast uint64 1> + 2>"),
        ("-(int8)1", "<-<cast int8 1>>"),
        # a name in parentheses, then something that starts an operand
        ("(myident)", "myident"),
        ("(myident)*$a", "<cast myident <*$a>>"),
        ("(myident) - 1", "<cast myident <-1>>"),
        ("(myident) + 1", "<myident + 1>"),
        ("(myident) && 1", "<myident && 1>"),
        ("(myident) / 2", "<myident / 2>"),
        ("(pid)*tid", "<pid * tid>"),
        ("(uid) - 1", "<uid - 1>"),
        ("(arg0) & 3", "<arg0 & 3>"),
        ("(sarg12) - 3", "<sarg12 - 3>"),
        ("(arg) - 3", "<cast arg <-3>>"),
        ("(a[1]) + 1", "<a[1] + 1>"),
        ("f(x) - 1", "<f(x) - 1>"),
        ("($x) - 1", "<$x - 1>"),
        ("(1 * 2) - 1", "<<1 * 2> - 1>"),
    ],
)
def test_casts(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sizeof(uint32)", tree.TypeName),
        ("sizeof(uint32*[10])", tree.TypeName),
        ("sizeof(struct foo)", tree.TypeName),
        ("sizeof(foo_t *)", tree.TypeName),
        ("sizeof(ident[1])", tree.TypeName),
        ("sizeof((ident)[1])", tree.Index),
        ("sizeof((ident[1]))", tree.Index),
        ("sizeof(foo_t)", tree.Name),
        ("sizeof($x)", tree.Variable),
        ("sizeof(*$x)", tree.Unary),
        ("sizeof({ 1 })", tree.Block),
        ("sizeof(typeof($x))", tree.TypeOf),
        ("typeinfo(uint8)", tree.TypeName),
        ("typeinfo(1 + 1)", tree.Binary),
        ("sizeof(uint64_t())", tree.Call),
    ],
)
def test_type_or_expression(text: str, kind: type) -> None:
    node = parse_expression(Source("e", text), Diagnostics())
    assert isinstance(node, tree.Sizeof | tree.TypeInfo)
    assert type(node.operand) is kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("offsetof(struct foo, a)", "offsetof(struct foo, a)"),
        ("offsetof(struct foo, a.b.if)", "offsetof(struct foo, a.b.if)"),
        ("offsetof(*curtask, while)", "offsetof(<*curtask>, while)"),
        ("f(typeof(struct foo), 1)", "f(typeof(struct foo), 1)"),
        ("f(uint8, x)", "f(uint8, x)"),
        ("f(struct foo *, 1)", "f(struct foo*, 1)"),
        ("f(a[1], b)", "f(a[1], b)"),
        ("f(a * b)", "f(<a * b>)"),
    ],
)
def test_types_as_operands(text: str, expected: str) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize("text", ["f(uint8)", "f(1, uint8[4])", "f(foo *)"])
def test_type_argument_is_a_type(text: str) -> None:
    call = parse_expression(Source("e", text), Diagnostics())
    assert isinstance(call, tree.Call)
    assert isinstance(call.args[-1], tree.TypeName)


@pytest.mark.parametrize(
    ("text", "value", "suffix"),
    [
        ("0", 0, ""),
        ("42", 42, ""),
        ("0123", 83, ""),
        ("0x1F", 31, ""),
        ("0XaB", 171, ""),
        ("0xffUL", 255, "ul"),
        ("0x1d", 29, ""),
        ("0b101", 5, ""),
        ("1_000_000", 1000000, ""),
        ("0xffff_ffff", 2**32 - 1, ""),
        ("1e6", 1000000, ""),
        ("5E3", 5000, ""),
        ("1e1_0", 10**10, ""),
        ("123u", 123, "u"),
        ("123UL", 123, "ul"),
        ("123ULL", 123, "ull"),
        ("123LL", 123, "ll"),
        ("123l", 123, "l"),
        ("18446744073709551615", 2**64 - 1, ""),
        ("10ns", 10, ""),
        ("10us", 10_000, ""),
        ("10ms", 10_000_000, ""),
        ("2s", 2_000_000_000, ""),
        ("1m", 60_000_000_000, ""),
        ("1h", 3_600_000_000_000, ""),
        ("1d", 86_400_000_000_000, ""),
        ("1e3ms", 1_000_000_000, ""),
    ],
)
def test_integers(text: str, value: int, suffix: str) -> None:
    node = parse_expression(Source("e", text), Diagnostics())
    assert isinstance(node, tree.IntLiteral)
    assert (node.value, node.suffix) == (value, suffix)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e21", "overflow error, maximum value is 18446744073709551615: 1e21"),
        ("18446744073709551616", "overflow error"),
        ("5000000000u", "overflow error, maximum value is 4294967295"),
        ("10000000000m", "overflow error"),
        ("9" * 5000, "overflow error"),
        ("12e4", "coefficient part of scientific literal must be 1-9"),
        ("0e4", "coefficient part of scientific literal must be 1-9"),
        ("5e", "invalid trailing bytes: 5e"),
        ("1_", "trailing underscore in integer literal"),
        ("1_e4", "trailing underscore in integer literal"),
        ("1e1_", "trailing underscore in integer literal"),
        ("1ulll", "invalid integer suffix 'l'"),
        ("1lul", "invalid integer suffix 'ul'"),
        ("1x", "invalid integer suffix 'x'"),
        ("089", "invalid trailing bytes: 089"),
        ("$0", "param $0 is out of integer range [1, 9223372036854775807]"),
        ("$99999999999999999999999", "is out of integer range"),
        ('"\\q"', "invalid escape character '\\q'"),
        ('"\\xg"', "invalid hex escape sequence"),
        ('"\\777"', "octal escape sequence out of range '\\777'"),
        ('"abc', "unterminated string"),
        ("'a'", "expected expression"),
    ],
)
def test_bad_literals(text: str, message: str) -> None:
    assert message in errors(text)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'""', ""),
        (r'"a b"', "a b"),
        (r'"\n\t\r\"\\"', '\n\t\r"\\'),
        (r'"\x41\101\0"', "AA\0"),
        (r'"\0331"', "\x1b1"),
        (r'"\x4142"', "A42"),
        (r'"\xc3\xa9"', "é"),
        (r'"é\n"', "é\n"),
        (r'"\xff"', "\udcff"),
        (r'"// no comment /* */ {"', "// no comment /* */ {"),
    ],
)
def test_strings(text: str, value: str) -> None:
    node = parse_expression(Source("e", text), Diagnostics())
    assert isinstance(node, tree.StringLiteral)
    assert node.value == value


def test_spans() -> None:
    text = "f(1,\n  $abc.d) + (x)"
    node = parse_expression(Source("e", text), Diagnostics())
    assert isinstance(node, tree.Binary)
    assert isinstance(node.left, tree.Call)
    span = node.span
    assert (span.line, span.column, span.end_line, span.end_column) == (1, 1, 2, 16)
    field = node.left.args[1].span
    assert (field.line, field.column, field.end_line, field.end_column) == (2, 3, 2, 9)
    assert str(field) == "e:2:3-9"
    assert node.left.name_span is not None
    assert node.left.name_span.end_column == 2


_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True).filter(lambda n: n not in KEYWORDS)
_LEAVES = st.one_of(
    st.integers(0, 2**64 - 1).map(str),
    _NAMES.map(lambda n: f"${n}"),
    _NAMES.map(lambda n: f"@{n}[1]"),
    _NAMES.map(lambda n: f"{n}()"),
)
_OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "&&", "||", "==", "!=", "<", "<=", ">", ">="]
)


@given(
    st.recursive(
        _LEAVES,
        lambda sub: st.one_of(
            st.tuples(sub, _OPERATORS, sub).map(lambda t: f"<{t[0]} {t[1]} {t[2]}>"),
            st.tuples(st.sampled_from("-!~"), sub).map(lambda t: f"<{t[0]}{t[1]}>"),
            st.tuples(sub, sub, sub).map(lambda t: f"<{t[0]} ? {t[1]} : {t[2]}>"),
        ),
        max_leaves=25,
    )
)
def test_written_with_all_parentheses(shown: str) -> None:
    """What is written with a parenthesis around every operation comes back as it was written."""
    assert parsed(_to_parentheses(shown)) == shown


def _to_parentheses(shown: str) -> str:
    """Turn the brackets of ``show`` into parentheses, and leave the operators, which stand between spaces."""
    words = []
    for word in shown.split(" "):
        words.append(word if word in {"<", ">", "<<", ">>", "<=", ">="} else word.replace("<", "(").replace(">", ")"))
    return " ".join(words)


def test_statement_position_ends_at_a_block() -> None:
    """What follows a block statement is a statement of its own."""
    program = parse(Source("e", "begin { if (a) { } -1; { } *$p; if a { } else { } (1, 2) }"), Diagnostics())
    body = program.probes[0].body
    assert [show(s) for s in body.body] == ["if a {} else ", "<-1>", "{}", "<*$p>", "if a {} else {}", "tuple(1, 2)"]
