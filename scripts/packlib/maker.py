"""Makes kernel packs from Debian's kernel packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vmlib.packages import log

from btaot_tool.kernel.btf import read_btf
from btaot_tool.kernel.formats import encode_tracepoints
from btaot_tool.kernel.image import TypeImage
from btaot_tool.kernel.merged import MergedKernel
from btaot_tool.kernel.pack import PackKernel
from btaot_tool.kernel.packfile import PackData, PackIdentity, write_pack
from btaot_tool.kernel.types import Tracepoint
from btaot_tool.targets import TARGETS

from .constants import HeaderError, kernel_flags, list_headers, read_constants
from .delta import subtract
from .derive import derive_tracepoints
from .guest import GuestFacts, ask_guest
from .image import extract_btf
from .modules import Module, load_order, read_modules
from .source import KernelTree, get_tree


@dataclass(frozen=True, slots=True)
class Layer:
    """What a pack lies over: the names of the packs, and these merged.

    ``differing``: the pack also holds what it disagrees about with these, because it is asked first.
    """

    names: tuple[str, ...]
    kernel: PackKernel | MergedKernel
    differing: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A pack that was written; modules that the guest refused to load, and tracepoints that were derived for them."""

    data: PackData
    refused: Sequence[str]
    derived: Sequence[str]


def make_pack(arch: str, kernel: str, output: Path, layer: Layer | None = None) -> Made:
    """Make the pack of one of the kernels that ``scripts/vm`` knows, whole or as far as other packs lack it."""
    tree = get_tree(arch, kernel)
    log(f"types of {arch} {kernel}")
    modules = read_modules(tree.modules())
    base = extract_btf(tree.image.read_bytes())
    columns = read_btf(base, [m.btf for m in modules if m.btf and m.described])
    log("tracepoints, from a booted guest")
    facts = ask_guest(arch, kernel, tree.image, load_order({module.name: module for module in modules}))
    derived = _derive(base, modules, facts)
    log("constants, from the header packages")
    constants = _constants(tree, arch)
    first = tree.sources[0]
    name = output.name.partition(".btpack")[0]
    identity = PackIdentity(name, arch, facts.uname, first.package, first.version, tree.sources)
    tracepoints = encode_tracepoints([*facts.tracepoints, *derived]).encode()
    data = PackData(identity, columns, tracepoints, constants)
    if layer is not None:
        data = subtract(data, layer.kernel, differing=layer.differing)
        data.identity = replace(identity, over=layer.names)
    return Made(write_pack(output, data), facts.refused, [f"{t.category}:{t.name}" for t in derived])


def _derive(base: bytes, modules: Sequence[Module], facts: GuestFacts) -> list[Tracepoint]:
    """Return the tracepoints of modules that cannot be loaded, from their files."""
    known = {(tracepoint.category, tracepoint.name) for tracepoint in facts.tracepoints}
    refused = [module for module in modules if module.name in facts.refused and module.has_tracepoints]
    types = TypeImage(read_btf(base, [module.btf for module in refused if module.btf]))
    found = [tracepoint for module in refused for tracepoint in derive_tracepoints(module.data, types)]
    return [tracepoint for tracepoint in found if (tracepoint.category, tracepoint.name) not in known]


def _constants(tree: KernelTree, arch: str) -> bytes:
    common, flavour = tree.headers()
    flags = kernel_flags(common, flavour, TARGETS[arch])
    try:
        constants = read_constants(list_headers(common / "include"), flags)
    except HeaderError as error:
        raise HeaderError(f"{common.name}: {error}") from None
    return "".join(f"{name}={value}\n" for name, value in sorted(constants.items())).encode()
