"""Stands in for headers that a C section asks for and that are not there, or do not fit.

* Headers of the kernel's own source tree (<linux/dcache.h>, <net/sock.h>) become empty: their types and constants
  come from the kernel pack.
* <uapi/linux/x.h> becomes <linux/x.h>.
* UAPI headers pull in a few of the C library's, which define some of the same structs again.  Scripts that name no
  header of the C library themselves get the kernel's version of those instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..targets import Target
from .clang import kernel_headers, library_headers

_INCLUDE = re.compile(r"^\s*#\s*include\s*<([^>]+)>", re.M)

_KERNEL_HEADER = re.compile(
    r"(uapi|linux|net|asm|asm-generic|trace|events|generated|vdso|crypto|scsi|sound|drm|rdma|acpi|keys|media|target|xen|soc"
    r"|video|kvm|misc|ras|mm|fs|kernel|block|security|drivers|arch|lib|ipc|bcc)/[\w./-]+"
)
_COMPILERS = re.compile(r"(std(arg|bool|def|int|atomic|align|noreturn)|limits|float|iso646)\.h")
_SOCKADDR = (
    "typedef __kernel_sa_family_t sa_family_t;\nstruct sockaddr { __kernel_sa_family_t sa_family; char sa_data[14]; };"
)
_REPLACED = {
    "sys/types.h": "#include <linux/types.h>",
    "sys/time.h": "#include <linux/time.h>",
    "time.h": "#include <linux/time.h>",
    "sys/socket.h": f"#pragma once\n#include <linux/socket.h>\n{_SOCKADDR}",
    "sys/ioctl.h": "#include <linux/ioctl.h>",
    "signal.h": "#include <linux/signal.h>",
    "netinet/in.h": "#include <linux/in.h>",
    "sys/uio.h": "#include <linux/uio.h>",
    "string.h": "",
    "stdlib.h": "",
    "unistd.h": "",
    "stdio.h": "",
    "sys/cdefs.h": "",
    "net/if.h": "#include <linux/if.h>",
}


class HeaderStubs:
    """A directory of stand-ins; ``options`` makes the compiler find them and everything else."""

    def __init__(self, target: Target, text: str, directory: Path) -> None:
        self._directory = directory
        self._kernel = kernel_headers(target)
        names = _INCLUDE.findall(text)
        self.any_of_kernel = any(_KERNEL_HEADER.fullmatch(name) for name in names)
        # A script that knows the C library gets the real one.
        hosted = any(not _KERNEL_HEADER.fullmatch(name) and not _COMPILERS.fullmatch(name) for name in names)
        self._library = library_headers(target) if hosted else []
        if not hosted:
            for name, content in _REPLACED.items():
                self._write(f"library/{name}", content)
        self.add(names)

    @property
    def options(self) -> list[str]:
        """Return the compiler's options."""
        before = [*self._kernel, *self._library]
        options = [option for directory in before for option in ("-isystem", str(directory))]
        for name in ("library", "kernel"):
            options += ["-idirafter", str(self._directory / name)]
        return options

    def add(self, names: Sequence[str]) -> bool:
        """Make stand-ins for headers that only the kernel's source tree has; tell whether there were any."""
        made = False
        for name in names:
            if not _KERNEL_HEADER.fullmatch(name) or ".." in Path(name).parts or self._exists(name):
                continue
            plain = name.removeprefix("uapi/")
            self._write(f"kernel/{name}", f"#include <{plain}>" if plain != name else "")
            if plain != name:
                self.add([plain])
            made = True
        return made

    def _exists(self, name: str) -> bool:
        places = [*self._kernel, *self._library, self._directory / "kernel"]
        return any((place / name).is_file() for place in places)

    def _write(self, name: str, content: str) -> None:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
