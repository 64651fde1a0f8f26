"""Runs the cells of ``probe_cells`` in guests, from binaries that are built once, and judges them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .images import get_module
from .packages import log
from .probe_cells import CELLS, KERNELS, WORDS, Cell

ROOT = Path(__file__).resolve().parents[2]
ARCH = "x86_64"
FIRE = "/t/fire"
BEGIN, END = "<!-- begin of the matrix -->", "<!-- end of the matrix -->"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a cell shows: ``text`` for the table, ``problem`` if it is not as it must be."""

    text: str
    problem: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of all cells, and what goes into a guest."""

    files: Mapping[str, Path]
    commands: Mapping[str, str]
    words: Mapping[str, str]


def fill(text: str, words: Mapping[str, str]) -> str:
    """Put in what capital words stand for."""
    return re.sub(r"\b[A-Z]{3,}\b", lambda match: words.get(match[0], match[0]), text)


def judge(cell: Cell, words: Mapping[str, str], kernel: str, stdout: str, stderr: str, status: int) -> Verdict:
    """Compare what was seen with what was caused, or the error with the one that is expected."""
    refusal = cell.impossible.get(kernel) or cell.impossible.get("*")
    shown = f"status {status}\n{stdout}\n{stderr}"
    if refusal:
        if re.search(refusal[0], stderr):
            return Verdict("not possible", note=refusal[1])
        return Verdict("FAILED", f"expected the error {refusal[0]!r}; {shown}")
    found = re.search(r"^@seen: (\d+)$", stdout, re.MULTILINE)
    seen = int(found[1]) if found else 0
    if seen < cell.caused or (seen > cell.caused and not cell.at_least):
        return Verdict("FAILED", f"saw {seen} of {cell.caused} events; {shown}")
    for pattern in cell.prints:
        if not re.search(fill(pattern, words), stdout, re.MULTILINE):
            return Verdict("FAILED", f"no match for {pattern!r}; {shown}")
    return Verdict(f"{seen}" if cell.at_least else f"{seen}/{cell.caused}")


@contextmanager
def build_cells(cells: Sequence[Cell] = CELLS) -> Iterator[Binaries]:
    """Build every script and the program that causes their events."""
    from btaot_tool.diagnostics import Source
    from btaot_tool.options import Options
    from btaot_tool.stub import cached_stub
    from btaot_tool.targets import TARGETS
    from btaot_tool.worker.client import WorkerPool

    target = TARGETS[ARCH]
    with tempfile.TemporaryDirectory() as name:
        folder, pool = Path(name), WorkerPool()
        words = {"FIRE": FIRE, **WORDS, **build_fire(folder / "fire", target.zig)}
        files, commands = {"fire": folder / "fire"}, {}
        try:
            for number, cell in enumerate(cells):
                binary = cell.binary or f"probe{number}"
                script = fill(cell.script, words)
                options = Options(target=target, unsafe=True)
                pool.build(Source(f"{binary}.bt", script), options, cached_stub(target), folder / binary)
                files[binary] = folder / binary
                commands[cell.name] = fill(cell.command, {"BIN": binary, **words})
        finally:
            pool.close()
        yield Binaries(files, commands, words)


def build_fire(path: Path, triple: str) -> dict[str, str]:
    """Compile tests/vm/fire.c; return the addresses that scripts name."""
    from elftools.elf.elffile import ELFFile

    from btaot_tool.zig import zig_command

    flags = ["-static", "-no-pie", "-fno-pie", "-O1", "-fno-sanitize=all"]
    source = ROOT / "tests" / "vm" / "fire.c"
    subprocess.run([*zig_command(), "cc", "-target", triple, *flags, str(source), "-o", str(path)], check=True)
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {
            word: hex(table.get_symbol_by_name(name)[0]["st_value"])
            for word, name in {"WATCHED": "watched", "ENTRY": "fire_user"}.items()
        }


def run_matrix(kernels: Sequence[str] = KERNELS, cells: Sequence[Cell] = CELLS) -> dict[str, dict[str, Verdict]]:
    """Return verdicts by kernel and cell name."""
    from tests.vm.guest import run_guest

    table: dict[str, dict[str, Verdict]] = {}
    with build_cells(cells) as built:
        for kernel in kernels:
            log(f"{ARCH} {kernel}: {len(cells)} cells")
            files = {**built.files, "loop.ko": get_module(ARCH, kernel, "loop")}
            results = run_guest(ARCH, kernel, files, built.commands, timeout=900)
            table[kernel] = {
                cell.name: judge(cell, built.words, kernel, r.stdout, r.stderr, r.status)
                for cell in cells
                for r in (results[cell.name],)
            }
    return table


def format_matrix(table: Mapping[str, Mapping[str, Verdict]]) -> str:
    """Return the matrix as a Markdown table, with its footnotes."""
    kernels = list(table)
    notes: dict[str, int] = {}
    lines = [f"| probe | {' | '.join(kernels)} |", f"| --- |{' --- |' * len(kernels)}"]
    for name in table[kernels[0]]:
        row = []
        for kernel in kernels:
            verdict = table[kernel][name]
            mark = f" [{notes.setdefault(verdict.note, len(notes) + 1)}]" if verdict.note else ""
            row.append(verdict.text + mark)
        lines.append(f"| {name} | {' | '.join(row)} |")
    lines += [""] + [f"[{number}] {note}  " for note, number in notes.items()]
    return "\n".join(lines).rstrip() + "\n"


def write_matrix(table: Mapping[str, Mapping[str, Verdict]], document: Path = ROOT / "docs" / "kernels.md") -> None:
    """Replace the table in a document, which stands between two marks."""
    text = document.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    document.write_text(f"{text[:begin]}\n{format_matrix(table)}{text[end:]}")


def problems(table: Mapping[str, Mapping[str, Verdict]]) -> list[str]:
    """Return what is not as it must be."""
    return [f"{kernel}: {name}: {v.problem}" for kernel, row in table.items() for name, v in row.items() if v.problem]
