"""The formatter, and the tables that the parser runs on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syntax_show import show

from btaot_tool.diagnostics import CompileError, Diagnostics, Source
from btaot_tool.syntax import parse
from btaot_tool.syntax.dump import dump
from btaot_tool.syntax.format import format_program
from btaot_tool.syntax.lalr import TABLES, load_tables


def formatted(text: str) -> str:
    return format_program(Source("x.bt", text))


UGLY = """\
#!/usr/bin/bpftrace
// What it does.
#include <linux/sched.h>
struct   a { int x; };   // kept as it is
config={stack_mode=perf;max_strlen=64}   // conf
import "x";
let @a=hash(5);let @b=lruhash(6); /* two */
macro one(){1}

macro long(a,b) {
  // inside
     let $x:struct   foo*=(struct foo*)a; /* t */ $x
   /* before close */
}


/*
 * block
   * comment
 */
BEGIN{printf("a"
 ,1,2 // arg
 ,3);
   if(pid==1){exit();}else if (pid==2) { /* c */ } else { exit(); // bye
 }

  $a=- -1; $b=$a- -1; $c=-$a*-$b; $d = &$a; ++$a; $a++; --@x[1,2];
  $e = $a?:$b; $f=$a?$b:$c; $t=(1,); $r=(a=1,b=2); $z=$t.0.1+ $p->q[1]; @=count(); @[1]=2;
  $y = { let $q=1; $q }; $w=if $a {1} else {2};
  for($i:0..10){ @c[$i]+=1 } for $kv:@c { print($kv) }
  unroll(3){ @++ } while($a<10){ $a++ }
  foo(
    1,
    bar(2)
  );
  $long = $aaaaa +
     $bbbbb ||
     $ccccc;
  sizeof(uint64*[4]); offsetof(struct foo,a.b); (uint8[4])1; comptime 1+2; !$x; ~$y;
}
k:a,k:b  ,
t:c:d // names
/ *$1&&pid==1/ // pred
{
}
fn f($a:uint8,$b:struct x*):void{return}
END{} // end
// very end
"""

NICE = """\
#!/usr/bin/bpftrace
// What it does.
#include <linux/sched.h>
struct   a { int x; }; // kept as it is
config = { stack_mode = perf; max_strlen = 64 } // conf
import "x";
let @a = hash(5);
let @b = lruhash(6); /* two */
macro one() { 1 }

macro long(a, b) {
  // inside
  let $x: struct foo * = (struct foo *)a; /* t */
  $x
  /* before close */
}

/*
 * block
 * comment
 */
BEGIN {
  printf("a", 1, 2 // arg
      , 3);
  if (pid == 1) { exit(); } else if (pid == 2) { /* c */
  } else {
    exit(); // bye
  }

  $a = - -1;
  $b = $a - -1;
  $c = -$a * -$b;
  $d = &$a;
  ++$a;
  $a++;
  --@x[1, 2];
  $e = $a ?: $b;
  $f = $a ? $b : $c;
  $t = (1,);
  $r = (a = 1, b = 2);
  $z = $t.0.1 + $p->q[1];
  @ = count();
  @[1] = 2;
  $y = { let $q = 1; $q };
  $w = if $a { 1 } else { 2 };
  for ($i : 0..10) { @c[$i] += 1 }
  for $kv : @c { print($kv) }
  unroll (3) { @++ }
  while ($a < 10) { $a++ }
  foo(
      1,
      bar(2)
  );
  $long = $aaaaa +
      $bbbbb ||
      $ccccc;
  sizeof(uint64 *[4]);
  offsetof(struct foo, a.b);
  (uint8[4])1;
  comptime 1 + 2;
  !$x;
  ~$y;
}

k:a,
k:b,
t:c:d // names
/ *$1 && pid == 1/ // pred
{}
fn f($a: uint8, $b: struct x *): void { return }
END {} // end
// very end
"""


def test_layout() -> None:
    assert formatted(UGLY) == NICE
    assert formatted(NICE) == NICE


def test_tree_stays() -> None:
    before, after = (dump(parse(Source("x.bt", t), Diagnostics())).replace("   a", " a") for t in (UGLY, NICE))
    assert before == after


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("// only\n", "// only\n"),
        ("begin{}", "begin {}\n"),
        ("begin{\n}\n\n\n\nend{}", "begin {}\n\nend {}\n"),
        ("begin { a(); }\nend { b(); }", "begin { a(); }\nend { b(); }\n"),
        ("begin {\na(); }\nend { b(); }", "begin {\n  a();\n}\n\nend { b(); }\n"),
        ("begin { a();\n\n\n b(); }", "begin {\n  a();\n\n  b();\n}\n"),
        ("k:f /pid/ { a(); }", "k:f\n/pid/ { a(); }\n"),
        ("struct a { int x; } struct b { int y; }", "struct a { int x; }\nstruct b { int y; }\n"),
        ("begin { old!(1) }", "begin { old(1) }\n"),
    ],
)
def test_small_scripts(text: str, expected: str) -> None:
    assert formatted(text) == expected


def test_wrong_script_is_refused() -> None:
    with pytest.raises(CompileError):
        formatted("begin { ")


_GAPS = st.sampled_from(["", " ", "\n", "\n\n\n", " /* c */ ", " // c\n", "\n// c\n", "\n/* a\n   b */\n"])
_SCRIPT = (
    "begin {| $x = (|1 + 2|)|;| f($x|, |2|)|;| if| ($x)| {| g()|;| }| else| {| @a[|1|]++| }| |"
    " while ($x) {| break|;| }| $y = {| 1| }|;| }| |end {| }|"
)
_PIECES = _SCRIPT.split("|")


@given(st.lists(_GAPS, min_size=len(_PIECES), max_size=len(_PIECES)))
def test_comments_and_breaks_anywhere(gaps: list[str]) -> None:
    """Wherever comments and line breaks stand, nothing is lost and a second pass changes nothing."""
    text = "".join(piece + gap for piece, gap in zip(_PIECES, gaps, strict=True))
    once = formatted(text)
    assert formatted(once) == once
    assert "".join(once.split()) == "".join(text.split())
    trees = [parse(Source("x.bt", t), Diagnostics()) for t in (text, once)]
    assert show(trees[0].probes[0].body.body[0]) == show(trees[1].probes[0].body.body[0])
    assert len({dump(t.probes[0]) for t in trees}) == 1


# ---- tables


def test_tables_are_current() -> None:
    pytest.importorskip("lark")
    from btaot_tool.syntax.tables import GRAMMAR, build, render

    text = render(build(GRAMMAR.read_text(encoding="utf-8")))
    assert TABLES.read_text(encoding="utf-8") == text, "run python -m btaot_tool.syntax.tables --write"


def test_grammar_has_one_conflict() -> None:
    """Lark settles shift/reduce conflicts silently, as shift; that is meant in one place: the bracket of ``@m[``."""
    code = (
        "import lark, logging; lark.logger.setLevel(logging.DEBUG);"
        "from btaot_tool.syntax.tables import GRAMMAR, STARTS;"
        "lark.Lark(GRAMMAR.read_text(), parser='lalr', lexer='basic', start=STARTS, debug=True)"
    )
    pytest.importorskip("lark")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.splitlines() == [
        "Shift/Reduce conflict for terminal LSQB: (resolving as shift)",
        " * <atom : MAP>",
    ]


def test_every_action_exists() -> None:
    from btaot_tool.syntax.build import Builder

    actions = {rule.action for rule in load_tables().rules} - {""}
    assert sorted(a for a in actions if not hasattr(Builder, a)) == []


def test_tables_are_small_data() -> None:
    assert TABLES.stat().st_size < 200_000
    assert set(json.loads(TABLES.read_text(encoding="utf-8"))) >= {"states", "gotos", "rules", "starts"}


def test_parser_loads_no_parser_generator() -> None:
    code = "import sys, btaot_tool.syntax as s; from btaot_tool.diagnostics import *; s.parse(Source('x', 'begin { }'),"
    code += " Diagnostics()); print('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
