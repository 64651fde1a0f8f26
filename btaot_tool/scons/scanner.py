"""The scanner: what a script imports and includes is a dependency, also of imported files and directories.

So are the programs whose debug information a script uses: they may be built by the same project.  So are the
variants of the stub, beside the plain one, that the script may need as far as its words tell (``variants.py``).
"""

from __future__ import annotations

import re
from typing import Any

from ..options import Options
from ..variants import PLAIN, parts_by_words, possible
from . import settings

_REFERENCE = re.compile(
    r"""^[ \t]*\#[ \t]*include[ \t]*(?:"(?P<quoted>[^"\n]+)"|<(?P<angle>[^>\n]+)>)
      |\bimport[ \t\n]*"(?P<imported>[^"\n]+)"
    """,
    re.MULTILINE | re.VERBOSE,
)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PROGRAM = re.compile(r'\b(?:uprobe|uretprobe|usdt|ur?|U):(?:"([^"\n]+)"|([^\s:@",{}]+))')
#: What is read of the debug information of a program.
_FACTS = re.compile(r"\bargs\b|\b(?:struct|union|enum)\b|@[^\s:{}]+:\d")
_IMPORTABLE = (".bt", ".h", ".bpf.c", ".bpf.o")


def references(text: str) -> list[str]:
    """Return the paths that a script or header names, in order and once."""
    found = [m["quoted"] or m["angle"] or m["imported"] for m in _REFERENCE.finditer(_COMMENT.sub(" ", text))]
    return list(dict.fromkeys(found))


def programs(text: str) -> list[str]:
    """Return the paths of programs that a script probes, if it seems to use their debug information."""
    text = _COMMENT.sub(" ", text)
    if not _FACTS.search(text):
        return []
    found = [quoted or plain for quoted, plain in _PROGRAM.findall(text)]
    return list(dict.fromkeys(name for name in found if "/" in name and not re.search(r"[*?$\[]|!/", name)))


def script_scanner() -> Any:
    """Return the scanner for scripts: it follows imports itself, as their places depend on the script that begins."""
    from SCons.Scanner import ScannerBase

    return ScannerBase(_scan, name="BtAotScanner", skeys=[".bt"], path_function=_where)


def _where(env: Any, directory: Any, target: Any = None, source: Any = None) -> tuple[tuple[Any, ...], Any, Options]:
    """Return BTAOTPATH, the stub if it is a file (variants lie beside it), and the options.

    Scanners know no targets, and SCons keeps what they found under what this function returned.
    """
    from SCons.Scanner import FindPathDirs

    options = settings.options(env, target[0])
    return FindPathDirs("BTAOTPATH")(env, directory, target, source), settings.place(target[0]).stub, options


def _scan(script: Any, env: Any, where: tuple[tuple[Any, ...], Any, Options]) -> list[Any]:
    """Return the files that a script names, directly or not; what is not found is left for the compiler to report.

    A file is looked up beside the one that names it, beside the script, and in BTAOTPATH.
    """
    path, stub, options = where
    found: dict[Any, None] = {}
    parts = parts_by_words(" ".join(options.defines))
    waiting = [script]
    while waiting:
        node = waiting.pop()
        file = node.rfile()  # of a variant directory without copies, or of a repository
        if not file.exists():
            continue
        places = (node.dir, file.dir, script.dir, script.rfile().dir, *path)
        text = file.get_text_contents()
        found.update(dict.fromkeys(_programs(programs(text), env)))
        parts |= parts_by_words(_COMMENT.sub(" ", text))
        for name in references(text) if node is not script else [*options.includes, *references(text)]:
            fresh = [entry for entry in _find(name, places) if entry not in found]
            found.update(dict.fromkeys(fresh))
            waiting += fresh
    variants = [variant for variant in possible(parts, options.target) if stub and variant is not PLAIN]
    return [*found, *_existing([stub.dir.File(variant.beside(stub.name)) for variant in variants])]


def _programs(names: list[str], env: Any) -> list[Any]:
    """Return the nodes of programs that exist or are built; relative paths are those of the top directory."""
    return _existing([env.fs.Top.File(name) for name in names])


def _existing(nodes: list[Any]) -> list[Any]:
    """Return those that exist or are built; what the others are needed for, the compiler has to say."""
    return [node for node in nodes if node.has_builder() or node.exists()]


def _find(name: str, places: tuple[Any, ...]) -> list[Any]:
    from SCons.Node.FS import find_file

    found = find_file(name, places)
    if found is not None:
        return [found]
    for place in places:
        directory = place.Entry(name).disambiguate()
        if directory.isdir():
            return [entry for entry in directory.glob("*", ondisk=True) if str(entry).endswith(_IMPORTABLE)]
    return []
