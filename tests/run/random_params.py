"""Programs of functions with random parameters, and what a script that reads them has to print.

The compiler of the target is what decides where parameters are: its calls are compared with ``dwarf/calls.py``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from btaot_tool.dwarf.program import Program

SCALARS = {
    "signed char": (1, True), "unsigned char": (1, False), "short": (2, True), "unsigned short": (2, False),
    "int": (4, True), "unsigned": (4, False), "long": (8, True), "unsigned long": (8, False), "_Bool": (0, False),
    "void *": (8, False), "float": (4, True), "double": (8, True),
}  # fmt: skip
FLOATS = ("float", "double")


@dataclass
class Leaf:
    """A number somewhere in a parameter: how scripts name it, how C writes its value, how it is printed."""

    path: str
    value: str
    shown: str


@dataclass
class Param:
    """A parameter: its C type and value, and the numbers in it."""

    name: str
    type: str
    value: str
    leaves: list[Leaf] = field(default_factory=list)


class RandomProgram:
    """``source`` is the program; ``script`` and ``expected`` need it compiled, as some parameters cannot be read."""

    def __init__(self, seed: int, functions: int = 30) -> None:
        self._random = random.Random(seed)
        self._structs: list[str] = []
        self._functions = [self._function() for _ in range(functions)]
        self.source = self._source()

    def script(self, program: Path, path: str, arch: str) -> str:
        """Return the script for the program, which is ``path`` where the script runs."""
        blocks = []
        for number, leaves in self._readable(program, arch):
            values = "".join(f", {leaf.path}" for leaf in leaves)
            blocks.append(f'uprobe:{path}:f{number} {{ print(("f{number}"{values})); }}')
        return "\n".join(blocks)

    def expected(self, program: Path, arch: str) -> str:
        """Return what it prints."""
        lines = []
        for number, leaves in self._readable(program, arch):
            values = "".join(f", {leaf.shown}" for leaf in leaves)
            lines.append(f"(f{number}{values})\n")
        return "".join(lines)

    def _readable(self, program: Path, arch: str) -> list[tuple[int, list[Leaf]]]:
        found = []
        known = Program(program, "it")
        for number, params in enumerate(self._functions):
            signature = known.signature(f"f{number}", arch)
            assert signature is not None
            places = {p.name: p.place for p in signature.params}
            leaves = [leaf for p in params if not places[p.name].unreadable for leaf in p.leaves][:24]
            if leaves:
                found.append((number, leaves))
        return found

    # ---- making

    def _function(self) -> list[Param]:
        return [self._param(f"p{n}") for n in range(self._random.randint(1, 11))]

    def _param(self, name: str) -> Param:
        if self._random.random() < 0.65:
            ctype = self._random.choice(list(SCALARS))
            value, leaves = self._scalar(ctype, f"args.{name}")
            return Param(name, ctype, value, leaves)
        members = [self._random.choice(list(SCALARS)) for _ in range(self._random.choice((1, 1, 2, 2, 3, 4)))]
        if self._random.random() < 0.2:
            members = [self._random.choice(FLOATS)] * self._random.randint(1, 4)
        tag = f"struct s{len(self._structs)}"
        self._structs.append(f"{tag} {{ {' '.join(f'{t} m{i};' for i, t in enumerate(members))} }};")
        values, leaves = [], []
        for i, ctype in enumerate(members):
            value, found = self._scalar(ctype, f"args.{name}.m{i}")
            values.append(value)
            leaves += found
        return Param(name, tag, f"({tag}){{ {', '.join(values)} }}", leaves)

    def _scalar(self, ctype: str, path: str) -> tuple[str, list[Leaf]]:
        size, signed = SCALARS[ctype]
        if ctype in FLOATS:
            return f"{self._random.randint(-99, 99)}.5", []
        if ctype == "_Bool":
            number = self._random.randint(0, 1)
            return str(number), [Leaf(path, str(number), "true" if number else "false")]
        bits = self._random.randint(1, 8 * size)
        number = self._random.getrandbits(bits)
        number -= 1 << (8 * size) if signed and number >= 1 << (8 * size - 1) else 0
        number = -number if signed and self._random.random() < 0.3 and number > 0 else number
        if ctype == "void *":
            return f"(void *){number}ul", [Leaf(f"(uint64){path}", "", str(number))]
        literal = f"(-{-number - 1}l - 1)" if number < 0 else f"{number}{'l' if signed else 'ul'}"
        return literal, [Leaf(path, "", str(number))]

    def _source(self) -> str:
        lines = [*self._structs, "struct result { long words[4]; };"]
        calls = []
        for number, params in enumerate(self._functions):
            result, back = [("void", ""), ("long", "return 1;"), ("double", "return 1;"),
                            ("struct result", "struct result r = { { 1 } }; return r;")][number % 4]  # fmt: skip
            declared = ", ".join(f"{p.type} {p.name}" for p in params)
            used = ", ".join(f'"r"(&{p.name})' for p in params[:6])  # what is not used need not be passed
            more = ", ".join(f'"r"(&{p.name})' for p in params[6:])
            lines.append(
                f"__attribute__((noinline, used)) {result} f{number}({declared})\n"
                f'{{ __asm__ volatile("" :: {used} : "memory"); __asm__ volatile("" :: {more} : "memory"); {back} }}'
            )
            calls.append(f"f{number}({', '.join(p.value for p in params)});")
        return "\n".join([*lines, "int main(void) {", *calls, "return 0; }", ""])
