"""Imports: the scripts that a script names become part of it.

Before: a parsed program whose ``imports`` are paths.  After: one program with the probes, macros, functions and map
declarations of all of them, imported ones first; only imports of C files are left.
A path is looked up in the directory of the script that names it, then in the include directories.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from .diagnostics import Diagnostics, Source
from .options import Options
from .syntax import parse, tree

_SUFFIX = ".bt"
_C_SUFFIXES = (".h", ".bpf.c")
_MERGED = ("map_decls", "macros", "subprogs", "probes")


def merge_imports(program: tree.Program, source: Source, options: Options, diags: Diagnostics) -> list[str]:
    """Merge everything that is imported, directly or not, into the program; return the files that were read."""
    merger = _Merger(program, options.include_dirs, diags)
    merger.visit(program, source)
    for name in _MERGED:
        getattr(program, name)[:0] = getattr(merger.merged, name)
    program.imports[:] = merger.merged.imports
    return merger.read


class _Merger:
    def __init__(self, program: tree.Program, include_dirs: Sequence[str], diags: Diagnostics) -> None:
        self.include_dirs = include_dirs
        self.diags = diags
        self.merged = tree.Program(program.span)
        self.read: list[str] = []
        self._seen: set[str] = set()

    def visit(self, program: tree.Program, source: Source) -> None:
        """Collect what ``program`` imports; imports of C files are kept as they are."""
        for node in program.imports:
            path = self._find(node, source)
            for file in self._files(node, path) if path else []:
                if file.name.endswith(_SUFFIX):
                    self._add(node, file)
                else:
                    self.merged.imports.append(node)

    def _find(self, node: tree.Import, source: Source) -> Path | None:
        for place in (os.path.dirname(source.name), *self.include_dirs):
            path = Path(os.path.normpath(os.path.join(place, node.path)))
            if path.exists():
                folder = path if path.is_dir() else path.absolute().parent
                if folder.stat().st_mode & stat.S_IWOTH:
                    self.diags.error(node.span, f"cannot import from {folder}: everybody may write there")
                    return None
                return path
        self.diags.error(node.span, f"cannot import {node.path}: no such file", code="import-missing")
        return None

    def _files(self, node: tree.Import, path: Path) -> list[Path]:
        if not path.is_dir():
            if not path.name.endswith((_SUFFIX, *_C_SUFFIXES)):
                self.diags.error(node.span, f"cannot import {path}: not a .bt, .h or .bpf.c file, nor a directory")
                return []
            return [path]
        return sorted(file for file in path.iterdir() if file.name.endswith((_SUFFIX, *_C_SUFFIXES)))

    def _add(self, node: tree.Import, path: Path) -> None:
        key = os.path.realpath(path)
        if key in self._seen:
            return
        self._seen.add(key)
        self.read.append(str(path))
        source = Source(str(path), path.read_text(errors="surrogateescape"))
        imported = parse(source, self.diags)
        if imported.config:
            self.diags.error(node.span, f"{path} has a config block, which only the main script may have")
        if imported.c_text.strip():
            self.diags.error(node.span, f"{path} has C definitions, which imported scripts cannot have yet")
        self.visit(imported, source)
        for name in _MERGED:
            getattr(self.merged, name).extend(getattr(imported, name))
