"""Kernel modules: which of them a pack describes, their BTF, and the order in which they can be loaded."""

from __future__ import annotations

import io
import lzma
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from vmlib.packages import require_tool

# Subsystems and the drivers that scripts look into; other drivers would triple the size of a pack.
_DESCRIBED = re.compile(
    r"(fs|net|block|mm|lib|crypto|virt|kernel|arch/\w+/kvm)/"
    r"|drivers/(block|nvme|md|vhost|virtio|usb/core|usb/host|target|mmc/core|thermal|infiniband/core|ufs/core|nvdimm|cxl|vfio"
    r"|hv|xen|tty|char/tpm|char/ipmi|gpu/drm/scheduler|gpu/drm/ttm)/"
    r"|drivers/(scsi|net|gpu/drm|i2c)/[^/]+\.ko"
    r"|drivers/(ata/(lib|ahci)|hid/(hid|usbhid)|spi/spi\.ko|watchdog/watchdog|net/phy/libphy)"
    r"|sound/core/[^/]+\.ko|sound/soc/snd-soc-core|sound/hda/snd-hda-core"
)
# Subsystems before drivers: the first definition of a name counts.
_ORDER = ("kernel", "mm", "block", "fs", "net", "arch", "virt", "lib", "crypto", "drivers", "sound")


@dataclass(frozen=True, slots=True)
class Module:
    """A module's file, unpacked: ``place`` is its path below the directory of all modules."""

    name: str
    place: str
    depends: tuple[str, ...]
    aliases: tuple[str, ...]
    btf: bytes
    has_tracepoints: bool
    data: bytes

    @property
    def described(self) -> bool:
        """Tell whether a pack holds all types and functions of the module."""
        return _DESCRIBED.match(self.place) is not None


def read_module(place: str, data: bytes) -> Module:
    """Read a module's file, as packages hold it: plain or compressed."""
    data = _unpack(place, data)
    elf = ELFFile(io.BytesIO(data))
    sections = {section.name: section for section in elf.iter_sections()}
    name = place.rpartition("/")[2].partition(".ko")[0].replace("-", "_")
    info = sections[".modinfo"].data().split(b"\0") if ".modinfo" in sections else []
    values = [text.decode(errors="replace").partition("=") for text in info]
    depends = [word for key, _, value in values if key == "depends" for word in value.split(",")]
    depends += [word for key, _, value in values if key == "softdep" for word in _soft(value)]
    needed = tuple(word.replace("-", "_") for word in depends if word)
    aliases = tuple(value.replace("-", "_") for key, _, value in values if key == "alias")
    btf = sections[".BTF"].data() if ".BTF" in sections else b""
    return Module(name, place, needed, aliases, btf, "_ftrace_events" in sections, data)


def read_modules(files: Iterable[Path]) -> list[Module]:
    """Read the modules that a pack describes or that have tracepoints, and what those need to be loaded."""
    modules = {}
    for file in files:
        module = read_module(file.as_posix().partition("/kernel/")[2], file.read_bytes())
        modules[module.name] = module
    wanted = {module.name for module in modules.values() if module.described}
    wanted |= {module.name for module in load_order(modules)}
    chosen = [modules[name] for name in wanted]
    return sorted(chosen, key=lambda module: (_rank(module.place), module.place))


def _soft(value: str) -> list[str]:
    """Return what is to be loaded before a module, if it is there ("pre: x y post: z")."""
    return value.partition("pre:")[2].partition("post:")[0].split()


def load_order(modules: Mapping[str, Module]) -> list[Module]:
    """Return the modules that have tracepoints, each after what it depends on."""
    order: dict[str, Module] = {}
    aliases = {alias: module.name for module in modules.values() for alias in module.aliases}

    def add(name: str) -> None:
        name = name if name in modules else aliases.get(name, name)
        if name in modules and name not in order:
            for needed in modules[name].depends:
                add(needed)
            order[name] = modules[name]

    for name, module in sorted(modules.items()):
        if module.has_tracepoints:
            add(name)
    return list(order.values())


def _rank(place: str) -> int:
    top = place.partition("/")[0]
    return _ORDER.index(top) if top in _ORDER else len(_ORDER)


def _unpack(place: str, data: bytes) -> bytes:
    if place.endswith(".xz"):
        return lzma.decompress(data)
    if place.endswith(".zst"):
        command = [require_tool("zstd", "zstd"), "-dc"]
        return subprocess.run(command, input=data, check=True, stdout=subprocess.PIPE).stdout
    return data
