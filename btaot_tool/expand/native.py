"""Imported BPF C sources (.bpf.c), compiled by clang, and objects (.bpf.o): both are linked into the programs.

The objects' BTF tells the types of their functions.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..bpf.link import Foreign
from ..diagnostics import CompileError, Diagnostics, Source, Span
from ..kernel.types import CFunc, Kernel
from ..options import Options

_MESSAGE = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?:fatal )?error: (?P<text>.*)$", re.M)
_BPF_HEADER = re.compile(r"#\s*include\s*[<\"](vmlinux\.h|bpf/)")
_DEPENDENCY = re.compile(r"(?:[^\s\\]|\\ )+")


@dataclass(frozen=True)
class NativeCode:
    """An object of each source, the functions that scripts may call, and the headers that were read."""

    objects: tuple[Foreign, ...] = ()
    functions: dict[str, CFunc] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def read_native(sources: Sequence[Path], options: Options, kernel: Kernel) -> NativeCode:
    """Compile C sources for the BPF machine and read objects; raises CompileError with what is wrong with them."""
    if not sources:
        return NativeCode()
    from ..bpf.elf import ObjectError
    from ..bpf.link import exported_functions, read_foreign
    from ..zig import ZIG_HINT, ZigMissing

    order = ">" if options.target.big_endian else "<"
    files: list[Path] = []
    try:
        with tempfile.TemporaryDirectory() as name:
            compiler = _Compiler(Path(name), options, sources, kernel)
            objects = []
            for source in sources:
                if source.suffix == ".o":
                    data = source.read_bytes()
                else:
                    data = compiler.run(source)
                    files += compiler.headers(source)
                objects.append(read_foreign(source.name, data, order))
        functions = {name: owner for name, (owner, _) in exported_functions(objects).items()}
    except ZigMissing as error:
        raise Diagnostics().fatal(None, str(error), hint=ZIG_HINT) from None
    except ObjectError as error:
        raise Diagnostics().fatal(None, f"import: {error}", code="import") from None
    return NativeCode(tuple(objects), _prototypes(objects, functions), tuple(dict.fromkeys(files)))


class _Compiler:
    def __init__(self, scratch: Path, options: Options, sources: Sequence[Path], kernel: Kernel) -> None:
        from ..kernel.bpf_headers import write_headers
        from ..kernel.clang import kernel_headers, target_options

        self._scratch = scratch
        self._options = [*target_options(options.target), "-O2", "-mcpu=v3", "-g"]
        for path in kernel_headers(options.target):
            self._options += ["-isystem", str(path)]
        for directory in options.include_dirs:
            self._options += ["-I", str(Path(directory).absolute())]
        self._options += [f"-D{definition}" for definition in options.defines]
        texts = [path.read_text(errors="replace") for path in sources if path.suffix != ".o"]
        if any(_BPF_HEADER.search(text) for text in texts):
            write_headers(scratch, kernel_headers(options.target)[-1], texts, kernel)
            self._options += ["-idirafter", str(scratch)]

    def run(self, source: Path) -> bytes:
        """Compile a source and return the object."""
        out = self._scratch / "out.o"
        self._clang("-c", "-o", str(out), str(source.absolute()))
        return out.read_bytes()

    def headers(self, source: Path) -> list[Path]:
        """Return the user's headers that a source includes."""
        from ..zig import zig_directory

        # A run of its own: together with -c, zig leaves the object out.
        text = self._clang("-M", str(source.absolute())).partition(":")[2].replace("\\\n", " ")
        paths = [Path(word.replace("\\ ", " ")) for word in _DEPENDENCY.findall(text)]
        foreign = (zig_directory(), self._scratch)
        return [p for p in paths if p != source.absolute() and not any(map(p.is_relative_to, foreign))]

    def _clang(self, *arguments: str) -> str:
        from ..kernel.clang import run_clang

        result = run_clang([*self._options, *arguments], cwd=self._scratch)
        if result.returncode:
            raise _errors(result.stderr)
        return result.stdout


def _prototypes(objects: Sequence[Foreign], functions: Mapping[str, Foreign]) -> dict[str, CFunc]:
    from ..kernel.btf import read_btf
    from ..kernel.image import TypeImage

    images = {owner.title: TypeImage(read_btf(owner.view.data), kernel=False, mark=" in C") for owner in objects}
    found = {name: images[owner.title].function(name) for name, owner in functions.items()}
    return {name: function for name, function in found.items() if function is not None}


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
