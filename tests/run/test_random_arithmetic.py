"""Random integer expressions of all widths and signs, compared with a model of the rules in Python.

The rules are bpftrace's: arithmetic has 64 bits; it is signed if an operand is (minus: always); ``>>`` moves zeros
in; ``~`` of an unsigned number is as wide as that; a cast wraps.  Operands are variables whose values the compiler does
not know.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from harness import Builder, run

ROWS = 24
DEPTH = 4


@dataclass(frozen=True)
class Number:
    """A value of an integer type."""

    value: int
    bits: int
    signed: bool

    @property
    def type(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}"


def wrap(value: int, bits: int, signed: bool) -> Number:
    value &= (1 << bits) - 1
    return Number(value - (1 << bits) if signed and value >> (bits - 1) else value, bits, signed)


def quotient(a: int, b: int) -> int:
    """Division as C does it: towards zero."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def operate(op: str, a: Number, b: Number) -> Number | None:
    """Return ``a op b``; None where the rules give a warning or nothing sensible."""
    signed = a.signed or b.signed or op == "-"
    if op in ("<<", ">>"):
        if not 0 <= b.value < 64:
            return None
        return wrap(a.value << b.value if op == "<<" else wrap(a.value, 64, False).value >> b.value, 64, signed)
    if op in ("/", "%"):
        if a.signed != b.signed or b.value == 0 or (a.value == -(1 << 63) and b.value == -1):
            return None
        whole = quotient(a.value, b.value)
        return wrap(whole if op == "/" else a.value - whole * b.value, 64, signed)
    value = {
        "+": a.value + b.value,
        "-": a.value - b.value,
        "*": a.value * b.value,
        "&": a.value & b.value,
        "|": a.value | b.value,
        "^": a.value ^ b.value,
    }[op]
    return wrap(value, 64, signed)


def complement(a: Number) -> Number:
    """Return ``~a``."""
    return wrap(wrap(~a.value, a.bits, False).value if not a.signed else ~a.value, 64, a.signed)


class Expressions:
    """Makes expressions and knows their values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.variables = {f"$v{i}": self._variable() for i in range(8)}

    def _variable(self) -> Number:
        bits, signed = self.random.choice((8, 16, 32, 64)), self.random.random() < 0.5
        edges = (0, 1, -1, (1 << (bits - 1)) - 1, 1 << (bits - 1), (1 << bits) - 1)
        small, edge = self.random.randrange(100), self.random.choice(edges)
        value = self.random.choice((self.random.getrandbits(bits), small, edge))
        return wrap(value, bits, signed)

    def make(self, depth: int) -> tuple[str, Number]:
        name, number = self.random.choice(list(self.variables.items()))
        kind = self.random.random()
        if depth == 0 or kind < 0.1:
            return name, number
        text, number = self.make(depth - 1)
        if kind < 0.3:
            bits, signed = self.random.choice((8, 16, 32, 64)), self.random.random() < 0.5
            result = wrap(number.value, bits, signed)
            return f"(({result.type})({text}))", result
        if kind < 0.4:
            return f"(~({text}))", complement(number)
        other_text, other = self.make(depth - 1)
        op = self.random.choice(("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"))
        result = operate(op, number, other)
        return (text, number) if result is None else (f"({text} {op} {other_text})", result)

    def declarations(self) -> str:
        """Return the variables; what the compiler cannot fold keeps it from computing everything itself."""
        lines = []
        for name, n in self.variables.items():
            value = n.value & ((1 << 64) - 1)
            lines.append(f"{name} = ({n.type})((uint64){value} + (uint64)(ncpus * 0));")
        return "\n".join(lines)


@pytest.mark.parametrize("seed", range(6))
def test_expressions(seed: int, build: Builder) -> None:
    made = Expressions(seed)
    rows = [made.make(DEPTH) for _ in range(ROWS)]
    prints = "\n".join(f"print({text});" for text, _ in rows)
    outcome = run([build(f"begin {{\n{made.declarations()}\n{prints}\nexit();\n}}\n")])
    expected = [str(number.value) for _, number in rows]
    found = outcome.stdout.split()
    wrong = [f"{t} is {f}, not {e}" for (t, _), f, e in zip(rows, found, expected, strict=False) if f != e]
    assert found == expected, "\n".join([*wrong, made.declarations(), outcome.stderr])


@pytest.mark.parametrize("seed", range(4))
def test_comparisons(seed: int, build: Builder) -> None:
    made = Expressions(1000 + seed)
    rows = []
    while len(rows) < ROWS:
        (a, x), (b, y) = made.make(1), made.make(1)
        if x.signed != y.signed:  # the rules compare as one sign or the other: not what a model of numbers says
            continue
        op = made.random.choice(("==", "!=", "<", "<=", ">", ">="))
        truth = {"==": x.value == y.value, "!=": x.value != y.value, "<": x.value < y.value,
                 "<=": x.value <= y.value, ">": x.value > y.value, ">=": x.value >= y.value}[op]  # fmt: skip
        rows.append((f"{a} {op} {b}", str(truth).lower()))
    prints = "\n".join(f"print(({text}));" for text, _ in rows)
    outcome = run([build(f"begin {{\n{made.declarations()}\n{prints}\nexit();\n}}\n")])
    wrong = [(t, f) for (t, e), f in zip(rows, outcome.stdout.split(), strict=True) if f != e]
    assert not wrong, f"{wrong}\n{made.declarations()}"


def test_the_model_itself() -> None:
    """Values that were computed by hand."""
    a, b = wrap(-7, 8, True), wrap(2, 32, True)
    assert operate("/", a, b) == Number(-3, 64, True)
    assert operate("%", a, b) == Number(-1, 64, True)
    assert wrap(200, 8, True).value == -56
    assert operate(">>", a, b) == Number((1 << 62) - 2, 64, True)
    assert complement(wrap(3, 8, False)) == Number(252, 64, False)
    assert operate("-", wrap(1, 8, False), wrap(2, 8, False)) == Number(-1, 64, True)
    assert operate("+", wrap(-1, 64, True), wrap(1, 64, False)) == Number(0, 64, True)
