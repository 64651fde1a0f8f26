"""Imports: every file that a script names, read once, and put together to one program.

Before: the tree of the script.  After: one tree without imports, in which what an imported script declares and its
probes come before those of the script that imports it; and the lists of C headers and BPF sources.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..diagnostics import Diagnostics, Source, Span
from ..syntax import tree
from ..syntax.parse import parse
from .rewrite import Rewriter, copy

SUFFIXES = (".bt", ".h", ".bpf.c", ".bpf.o")
_IN_BLOCKS = (".h", ".bpf.c", ".bpf.o")


@dataclass(frozen=True)
class Unit:
    """One script that takes part: its text, its tree and the directory in which it looks for files."""

    source: Source
    program: tree.Program
    directory: Path


@dataclass
class Imports:
    """``units`` in the order of their probes, the script itself last; ``files`` are all that were read."""

    program: tree.Program
    units: list[Unit] = field(default_factory=list)
    headers: list[Path] = field(default_factory=list)
    bpf_sources: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def resolve_imports(source: Source, program: tree.Program, include_dirs: Sequence[str], diags: Diagnostics) -> Imports:
    """Return the program with everything that it imports."""
    result = Imports(program)
    reader = _Reader(result, script_directory(source), [Path(d) for d in include_dirs], diags)
    reader.add_unit(Unit(source, program, script_directory(source)))
    diags.check()
    if len(result.units) > 1:
        result.program = _merge(result.units, program)
    result.program = _Remover().rewrite(result.program)
    return result


def script_directory(source: Source) -> Path:
    """Return the directory in which the files are that a script names."""
    return Path(source.name).parent


class _Reader:
    def __init__(self, result: Imports, root: Path, include: list[Path], diags: Diagnostics) -> None:
        self._result = result
        self._root = root
        self._include = include
        self._diags = diags
        self._seen: set[Path] = set()

    def add_unit(self, unit: Unit) -> None:
        """Read what a script imports, then add the script itself."""
        for node in unit.program.imports:
            self._import(node.path, node.span, unit.directory)
        for statement in _statements(unit.program):
            if statement.path.endswith(_IN_BLOCKS):
                self._import(statement.path, statement.span, unit.directory)
            else:
                hint = "import scripts and directories at the top of the script"
                message = "Import statements that are not at the root are limited to .h and .bpf.c files"
                self._diags.error(statement.span, message, hint, "import")
        self._result.units.append(unit)

    def _import(self, name: str, span: Span, directory: Path) -> None:
        places = list(dict.fromkeys((directory, self._root, *self._include)))
        found = next((place / name for place in places if (place / name).exists()), None)
        if found is None:
            if name.partition("/")[0] != "stdlib":  # the library is always there
                checked = ", ".join(str(place / name) for place in places)
                self._diags.error(span, "Unable to find suitable path for import", f"checked: {checked}", "import")
        elif not _is_safe(found):
            self._refuse(found, span)
        elif found.is_dir():
            for entry in sorted(found.iterdir()):
                if entry.name.endswith(SUFFIXES) and entry.is_file():
                    self._add_file(entry, span)
        elif not found.name.endswith(SUFFIXES):
            self._diags.error(span, f"unknown import type: {found.name}", "known: .bt, .h, .bpf.c and .bpf.o", "import")
        else:
            self._add_file(found, span)

    def _refuse(self, path: Path, span: Span) -> None:
        message = f"refusing to import from a directory with global write permissions: {path}"
        hint = "anyone could change what is imported: take away the right of others to write (chmod o-w)"
        self._diags.error(span, message, hint, "import")

    def _add_file(self, path: Path, span: Span) -> None:
        real = path.resolve()
        if real in self._seen:
            return
        self._seen.add(real)
        if not _is_safe(path):
            self._refuse(path, span)
            return
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            self._diags.error(span, f"error reading import '{path}': {error.strerror}", code="import")
            return
        self._result.files.append(path)
        if path.name.endswith(".h"):
            self._result.headers.append(path)
        elif path.name.endswith((".bpf.c", ".bpf.o")):
            self._result.bpf_sources.append(path)
        else:
            self._add_script(path, text)

    def _add_script(self, path: Path, text: str) -> None:
        source = Source(str(path), text)
        program = parse(source, self._diags)
        if program.config:
            hint = "settings belong into the script that is built"
            self._diags.error(program.config[0].span, "invalid `config` within import", hint, "import")
        self.add_unit(Unit(source, program, path.parent))


def _is_safe(path: Path) -> bool:
    """Tell whether only trusted users can change a file, or what a directory holds."""
    return all(not place.stat().st_mode & stat.S_IWOTH for place in (path, path.parent))


class _Statements(Rewriter):
    def __init__(self) -> None:
        self.found: list[tree.ImportStmt] = []

    def _ImportStmt(self, node: tree.ImportStmt) -> tree.ImportStmt:
        self.found.append(node)
        return node


def _statements(program: tree.Program) -> list[tree.ImportStmt]:
    """Return the imports inside of blocks."""
    collector = _Statements()
    collector.rewrite(program)
    return collector.found


class _Remover(Rewriter):
    """Drops import statements, which have done their work."""

    def _Block(self, node: tree.Block) -> tree.Block:
        body = [statement for statement in node.body if not isinstance(statement, tree.ImportStmt)]
        return self.children(node if len(body) == len(node.body) else copy(node, body=body))


def _merge(units: list[Unit], script: tree.Program) -> tree.Program:
    programs = [unit.program for unit in units]
    return copy(
        script,
        imports=[],
        map_decls=[node for program in programs for node in program.map_decls],
        macros=[node for program in programs for node in program.macros],
        subprogs=[node for program in programs for node in program.subprogs],
        probes=[node for program in programs for node in program.probes],
    )
