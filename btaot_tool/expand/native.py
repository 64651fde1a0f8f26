"""Imported BPF C sources (.bpf.c): compiled by clang to bitcode, which code generation links into the programs.

A source is compiled twice: to bitcode without debug information, whose paths must not enter the result, and to an
object whose BTF tells the types of its functions.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..diagnostics import CompileError, Diagnostics, Source, Span
from ..kernel.types import CFunc
from ..options import Options

_MESSAGE = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?:fatal )?error: (?P<text>.*)$", re.M)
_DEPENDENCY = re.compile(r"(?:[^\s\\]|\\ )+")


@dataclass(frozen=True)
class NativeCode:
    """Bitcode of each source, the functions that scripts may call, and the headers that were read."""

    bitcode: tuple[bytes, ...] = ()
    functions: dict[str, CFunc] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def compile_sources(sources: Sequence[Path], options: Options) -> NativeCode:
    """Compile C sources for the BPF machine; raises CompileError with the compiler's messages."""
    if not sources:
        return NativeCode()
    from ..kernel.clang import ClangMissing

    bitcode: list[bytes] = []
    functions: dict[str, CFunc] = {}
    files: list[Path] = []
    with tempfile.TemporaryDirectory() as name:
        compiler = _Compiler(Path(name), options)
        try:
            for source in sources:
                bitcode.append(compiler.run(source, "-emit-llvm"))
                functions |= _functions(compiler.run(source, "-g"))
                files += compiler.headers(source)
        except ClangMissing as error:
            raise Diagnostics().fatal(None, str(error)) from None
    return NativeCode(tuple(bitcode), functions, tuple(dict.fromkeys(files)))


class _Compiler:
    def __init__(self, scratch: Path, options: Options) -> None:
        from ..kernel.clang import kernel_headers, target_options

        self._scratch = scratch
        self._options = [*target_options(options.target), "-O2", "-mcpu=v3"]
        for path in kernel_headers(options.target):
            self._options += ["-isystem", str(path)]
        for directory in options.include_dirs:
            self._options += ["-I", str(Path(directory).absolute())]
        self._options += [f"-D{definition}" for definition in options.defines]

    def run(self, source: Path, mode: str) -> bytes:
        """Compile a source and return the result."""
        out = self._scratch / ("out.bc" if mode == "-emit-llvm" else "out.o")
        self._clang(mode, "-c", "-o", str(out), str(source.absolute()))
        return out.read_bytes()

    def headers(self, source: Path) -> list[Path]:
        """Return the user's headers that a source includes."""
        from ..kernel.clang import zig_directory

        # A run of its own: together with -c, zig leaves the object out.
        text = self._clang("-M", str(source.absolute())).partition(":")[2].replace("\\\n", " ")
        paths = [Path(word.replace("\\ ", " ")) for word in _DEPENDENCY.findall(text)]
        return [p for p in paths if p != source.absolute() and not p.is_relative_to(zig_directory())]

    def _clang(self, *arguments: str) -> str:
        from ..kernel.clang import run_clang

        result = run_clang([*self._options, *arguments], cwd=self._scratch)
        if result.returncode:
            raise _errors(result.stderr)
        return result.stdout


def _functions(data: bytes) -> dict[str, CFunc]:
    from ..bpf.elf import ElfObject
    from ..kernel.btf import read_btf
    from ..kernel.image import TypeImage

    section = ElfObject(data).find(".BTF")
    if section is None:
        return {}
    image = TypeImage(read_btf(section.data), kernel=False, mark=" in C")
    return {name: found for name in image.functions() if (found := image.function(name)) is not None}


def _errors(messages: str) -> CompileError:
    diags = Diagnostics()
    for match in _MESSAGE.finditer(messages):
        path, line, column = Path(match["file"]), int(match["line"]), int(match["column"])
        if not path.is_file():
            diags.error(None, match[0], code="import")
            continue
        source = Source(match["file"], path.read_text(errors="replace"))
        word = re.compile(r"\w+|.").match(source.line(line), column - 1)
        end = column + (len(word[0]) if word else 1)
        diags.error(Span(source, line, column, line, end), match["text"], code="import")
    if not diags.items:
        diags.error(None, f"an imported C source does not compile:\n{messages.strip()}", code="import")
    return CompileError(diags.items)
