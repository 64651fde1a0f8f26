"""Kernel packs: what the compiler knows of a kernel, from one file.

``load_pack`` takes the name of a shipped pack (``linux-6.12-x86_64``), the path of a pack file, or ``host``.
``default_pack`` gives those that the tree ships for a target, merged.  A pack never makes field offsets part of an
executable: it tells which types, tracepoints and constants exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .formats import decode_tracepoint
from .image import TypeImage
from .packfile import SUFFIX, PackData, PackError, PackIdentity, read_pack
from .types import CEnum, CFunc, CStruct, CType, Tracepoint

if TYPE_CHECKING:
    from .merged import MergedKernel

PACKS = Path(__file__).parent / "packs"
MANIFEST = PACKS / "MANIFEST.json"
HOST = "host"


class PackKernel:
    """A ``Kernel`` from one pack; ``mark`` keeps generated names apart where packs are merged."""

    def __init__(self, data: PackData, mark: str = "") -> None:
        self.data = data
        self.types = TypeImage(data.columns, mark=mark)
        self._tracepoints: dict[str, frozenset[str]] | None = None

    def with_mark(self, mark: str) -> PackKernel:
        """Return the same kernel with other names for its unnamed types."""
        return PackKernel(self.data, mark)

    @property
    def source(self) -> PackIdentity:
        """Tell what the pack was made from."""
        return self.data.identity

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x")."""
        return self.types.struct(name)

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x")."""
        return self.types.enum(name)

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""
        return self.types.typedef(name)

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum."""
        return self.types.enumerator(name)

    def function(self, name: str) -> CFunc | None:
        """Return the prototype of a kernel function."""
        return self.types.function(name)

    def functions(self) -> list[str]:
        """Return the names of all functions."""
        return self.types.functions()

    def raw_tracepoint(self, name: str) -> CFunc | None:
        """Return the prototype of the raw tracepoint, without its first parameter."""
        return self.types.raw_tracepoint(name)

    def constant(self, name: str) -> int | None:
        """Return the value of an integer macro of the kernel's headers."""
        line = _find_line(self.data.constants, name.encode() + b"=")
        return None if line is None else int(line[len(name) + 1 :])

    def tracepoint(self, category: str, name: str) -> Tracepoint | None:
        """Return the format of a tracepoint."""
        line = _find_line(self.data.tracepoints, f"{category}:{name}\t".encode())
        return None if line is None else decode_tracepoint(line)

    def tracepoints(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all tracepoints by category."""
        if self._tracepoints is None:
            found: dict[str, set[str]] = {}
            for line in self.data.tracepoints.decode().splitlines():
                category, _, name = line.partition("\t")[0].partition(":")
                found.setdefault(category, set()).add(name)
            self._tracepoints = {category: frozenset(names) for category, names in found.items()}
        return self._tracepoints

    def constants(self) -> bytes:
        """Return all constants as ``NAME=value`` lines; the first of a name counts."""
        return self.data.constants

    def identity(self) -> str:
        """Return name and digest."""
        return f"{self.data.identity.name} {self.data.digest}"


def _find_line(text: bytes, start: bytes) -> str | None:
    """Return the line that starts so."""
    at = 0 if text.startswith(start) else text.find(b"\n" + start) + 1
    if at == 0 and not text.startswith(start):
        return None
    return text[at : text.find(b"\n", at)].decode()


def shipped_packs() -> dict[str, Path]:
    """Return the packs of the tree by name."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(PACKS.glob(f"*{SUFFIX}"))}


def pack_path(name: str) -> Path:
    """Return the file of a pack that is given by name or path (not for ``host``): what a build depends on."""
    shipped = shipped_packs()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix == SUFFIX or "/" in name or path.exists():
        return path
    known = ", ".join([HOST, *shipped])
    raise PackError(
        f"there is no kernel pack {name!r}; known: {known}; or give a file that `btaot kernel capture` made"
    )


def default_pack_names(target: str) -> list[str]:
    """Return the names of the packs that the tree ships for a target, the most important one first."""
    manifest = json.loads(MANIFEST.read_text())
    try:
        return list(manifest["default"][target])
    except KeyError:
        raise PackError(f"no kernel pack is shipped for {target}; give one with kernel=FILE") from None


def default_pack(target: str, *others: str) -> PackKernel | MergedKernel:
    """Return the kernel that programs for a target are compiled against if nothing else is said.

    ``others`` are targets whose packs are asked for what those of the first do not know.
    """
    names = dict.fromkeys(name for arch in (target, *others) for name in default_pack_names(arch))
    return merge([_load_file(pack_path(name)) for name in names])


def load_pack(name: str | Path) -> PackKernel | MergedKernel:
    """Return the kernel of a pack that is given by name or path, or of this host ("host")."""
    if name == HOST:
        from .capture import load_host

        return load_host()
    pack = _load_file(pack_path(str(name)))
    return merge([pack, *(_load_file(pack_path(below)) for below in pack.source.over)])


def _load_file(path: Path) -> PackKernel:
    try:
        status = path.stat()
    except OSError as error:
        raise PackError(f"cannot read the kernel pack {path}: {error.strerror}") from None
    return _load(path.absolute(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _load(path: Path, _mtime: int, _size: int) -> PackKernel:
    return PackKernel(read_pack(path))


def merge(kernels: Sequence[PackKernel | MergedKernel]) -> PackKernel | MergedKernel:
    """Return one kernel of several: the first that knows something wins."""
    from .merged import MergedKernel

    packs: dict[str, PackKernel] = {}
    for kernel in kernels:
        for pack in kernel.packs if isinstance(kernel, MergedKernel) else [kernel]:
            packs.setdefault(pack.identity(), pack)
    return next(iter(packs.values())) if len(packs) == 1 else MergedKernel(list(packs.values()))
