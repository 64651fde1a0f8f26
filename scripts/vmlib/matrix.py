"""Runs the cells of ``probe_cells`` in guests, from binaries that are built once, and judges them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .images import get_module
from .packages import log
from .probe_cells import CELLS, KERNELS, WORDS, Cell

if TYPE_CHECKING:
    from tests.vm.guest import Result

ROOT = Path(__file__).resolve().parents[2]
RAW = "raw: "  # before a cell's name: the answer of tests/vm/raw.c
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


def judge(cell: Cell, words: Mapping[str, str], kernel: str, results: Mapping[str, Result]) -> Verdict:
    """Compare what was seen with what was caused, or the error with the one that is expected."""
    refusal, result = cell.refusal(kernel), results[cell.name]
    stdout, stderr = result.stdout, result.stderr
    shown = f"status {result.status}\n{stdout}\n{stderr}"
    if refusal:
        raw = results[RAW + cell.name]
        if raw.status != 1:
            return Verdict("FAILED", f"raw {refusal.raw}: {raw}")
        if re.search(refusal.pattern, stderr):
            return Verdict("not possible", note=f"{refusal.reason}: {raw.stdout.strip()}")
        return Verdict("FAILED", f"expected the error {refusal.pattern!r}; {shown}")
    found = re.search(r"^@seen: (\d+)$", stdout, re.MULTILINE)
    seen = int(found[1]) if found else 0
    if seen < cell.caused or (seen > cell.caused and not cell.at_least):
        return Verdict("FAILED", f"saw {seen} of {cell.caused} events; {shown}")
    for pattern in cell.prints:
        if not re.search(fill(pattern, words), stdout, re.MULTILINE):
            return Verdict("FAILED", f"no match for {pattern!r}; {shown}")
    return Verdict(f"{seen}" if cell.at_least else f"{seen}/{cell.caused}")


@contextmanager
def build_cells(arch: str, cells: Sequence[Cell]) -> Iterator[Binaries]:
    """Build every script, the program that causes their events, and the one that tries what is not possible."""
    from btaot_tool.diagnostics import Source
    from btaot_tool.options import Options
    from btaot_tool.stub import cached_stub
    from btaot_tool.targets import TARGETS
    from btaot_tool.worker.client import WorkerPool

    target = TARGETS[arch]
    with tempfile.TemporaryDirectory() as name:
        folder, pool = Path(name), WorkerPool()
        words = {"FIRE": FIRE, **WORDS, **build_fire(folder / "fire", target.zig)}
        compile_static(ROOT / "tests" / "vm" / "raw.c", folder / "raw", target.zig)
        files, commands = {"fire": folder / "fire", "raw": folder / "raw"}, {}
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


def compile_static(source: Path, path: Path, triple: str) -> None:
    """Compile a C program for guests."""
    from btaot_tool.zig import zig_command

    flags = ["-static", "-no-pie", "-fno-pie", "-O1", "-fno-sanitize=all"]
    subprocess.run([*zig_command(), "cc", "-target", triple, *flags, str(source), "-o", str(path)], check=True)


def build_fire(path: Path, triple: str) -> dict[str, str]:
    """Compile tests/vm/fire.c; return the addresses that scripts name."""
    from elftools.elf.elffile import ELFFile

    compile_static(ROOT / "tests" / "vm" / "fire.c", path, triple)
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {
            word: hex(table.get_symbol_by_name(name)[0]["st_value"])
            for word, name in {"WATCHED": "watched", "ENTRY": "fire_user"}.items()
        }


def split_name(kernel: str) -> tuple[str, str]:
    """Return architecture and kernel of a column."""
    arch, hyphen, version = kernel.rpartition("-")
    return (arch, version) if hyphen else ("x86_64", kernel)


def run_matrix(kernels: Sequence[str] = KERNELS, cells: Sequence[Cell] = CELLS) -> dict[str, dict[str, Verdict]]:
    """Return verdicts by kernel and cell name."""
    table: dict[str, dict[str, Verdict]] = {}
    for arch in dict.fromkeys(split_name(kernel)[0] for kernel in kernels):
        with build_cells(arch, cells) as built:
            for kernel in kernels:
                if split_name(kernel)[0] == arch:
                    table[kernel] = _run_guest(kernel, cells, built)
    return {kernel: table[kernel] for kernel in kernels}


def _run_guest(kernel: str, cells: Sequence[Cell], built: Binaries) -> dict[str, Verdict]:
    from tests.vm.guest import run_guest

    arch, version = split_name(kernel)
    log(f"{arch} {version}: {len(cells)} cells")
    files = {**built.files, "loop.ko": get_module(arch, version, "loop")}
    refusals = {cell.name: refusal for cell in cells if (refusal := cell.refusal(kernel))}
    commands = {**built.commands, **{RAW + name: f"./raw {refusal.raw}" for name, refusal in refusals.items()}}
    results = run_guest(arch, version, files, commands, timeout=900)
    return {cell.name: judge(cell, built.words, kernel, results) for cell in cells}


def format_matrix(table: Mapping[str, Mapping[str, Verdict]]) -> str:
    """Return the matrix as a Markdown table, with its footnotes."""
    kernels = list(table)
    notes: dict[str, int] = {}
    heads = [kernel.replace("-", " ") for kernel in kernels]
    lines = [f"| probe | {' | '.join(heads)} |", f"| --- |{' --- |' * len(kernels)}"]
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
