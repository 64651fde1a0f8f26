"""The Debian packages of a full kernel, unpacked: image, modules and headers."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vmlib.guests import ARCHES, find_suites
from vmlib.images import unwrap_image
from vmlib.packages import Archive, VmError, cache_root

from btaot_tool.kernel.packfile import PackSource

_NOTES = "packages.json"


@dataclass(frozen=True, slots=True)
class KernelTree:
    """A kernel's unpacked packages; ``sources`` are those packages, that of the image first."""

    root: Path
    sources: tuple[PackSource, ...]

    @property
    def image(self) -> Path:
        """Return the kernel image, as QEMU takes it."""
        return self.root / "vmlinuz"

    def modules(self) -> list[Path]:
        """Return the files of all modules."""
        return sorted(self.root.glob("**/lib/modules/*/kernel/**/*.ko*"))

    def headers(self) -> tuple[Path, Path]:
        """Return the directories of the common headers and of those of this flavour."""
        found = sorted((self.root / "usr" / "src").glob("linux-headers-*"))
        common = [path for path in found if path.name.endswith("-common")]
        flavour = [path for path in found if not path.name.endswith("-common")]
        if len(common) != 1 or len(flavour) != 1:
            raise VmError(f"the header packages in {self.root} are not understood")
        return common[0], flavour[0]


def get_tree(arch: str, kernel: str) -> KernelTree:
    """Return the packages of a kernel in Debian's general flavour; fetch what is missing into the cache."""
    root = cache_root() / f"{arch}-{kernel}-full"
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / _NOTES).exists():
            _fetch(arch, kernel, root)
    return KernelTree(root, tuple(PackSource(**note) for note in json.loads((root / _NOTES).read_text())))


def _fetch(arch: str, kernel: str, root: Path) -> None:
    archive, packages = _find(arch, kernel)
    with tempfile.TemporaryDirectory(dir=cache_root()) as name:
        tree = Path(name, "tree")
        files = archive.unpack(packages, tree)
        notes = [_note(file.name, file.digest) for file in files]
        notes.sort(key=lambda note: packages.index(note["package"]))
        [image] = [*tree.glob("boot/vmlinu[xz]*"), *tree.glob("**/lib/modules/*/vmlinu[xz]*")]
        (tree / "vmlinuz").write_bytes(unwrap_image(image.read_bytes()))
        (tree / _NOTES).write_text(json.dumps(notes))
        shutil.rmtree(root, ignore_errors=True)
        tree.rename(root)


def _note(file: str, digest: str) -> dict[str, str]:
    package, version, _ = file.removesuffix(".deb").split("_")
    return {"package": package, "version": version.replace("%3a", ":"), "sha256": digest}


def _find(arch: str, kernel: str) -> tuple[Archive, list[str]]:
    """Return the archive and the packages of a kernel, that of the image first."""
    flavour = ARCHES[arch].flavour.removeprefix("cloud-")
    for suite, version in find_suites(arch, kernel):
        archive = Archive(suite, ARCHES[arch].deb)
        image = archive.newest(rf"linux-image-{version}\.[\d.]+(-\d+|\+[\w.]+)-{flavour}")
        if image is None:
            continue
        # From 6.19 on the package is split.
        binary = image.replace("-image-", "-binary-")
        images = [binary, image.replace("-image-", "-modules-")] if archive.has(binary) else [image]
        flavoured = image.replace("-image-", "-headers-")
        common = re.sub(rf"-{flavour}$", "-common", flavoured)
        return archive, [*images, flavoured, common]
    raise VmError(f"Debian has no {kernel} kernel for {arch}")
