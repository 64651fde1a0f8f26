"""What a compilation depends on besides the script: one frozen object, passed through all stages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .targets import Target, find_target, host_target

#: What ``--dump`` can show besides what ``btaot inspect`` does.
DUMPS = ("ir",)


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one compilation.

    ``kernel`` lists kernel packs: names of shipped packs, paths of pack files, or "host"; empty for the
    target's default.  ``min_kernel`` ("5.15") refuses at build time what kernels of that age cannot run.
    ``include_dirs``, ``includes`` (headers that come first) and ``defines`` are for the C definitions of a script;
    imports are looked up in ``include_dirs`` after the directory of the script.  ``debuginfo`` are files and
    directories with debug information of traced programs, ``sysroot`` the directory below which these programs are
    looked for.  ``config`` holds configuration variables (name, value) that win over the script's; ``dump`` prints
    intermediate results on stderr and does not change the output, so it is no part of the signature; neither are
    ``warnings``.
    """

    target: Target = field(default_factory=host_target)
    kernel: tuple[str, ...] = ()
    unsafe: bool = False
    warnings: bool = True
    warnings_as_errors: bool = False
    min_kernel: str | None = None
    include_dirs: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    debuginfo: tuple[str, ...] = ()
    sysroot: str = ""
    config: tuple[tuple[str, str], ...] = ()
    dump: frozenset[str] = frozenset()

    def signature(self) -> str:
        """Return a stable text of all that can change the output: it enters build signatures."""
        values = self.to_json()
        for name in ("dump", "warnings"):
            del values[name]
        return json.dumps(values, sort_keys=True)

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON values, for the way to a worker."""
        return {
            "target": self.target.name,
            "kernel": list(self.kernel),
            "unsafe": self.unsafe,
            "warnings": self.warnings,
            "warnings_as_errors": self.warnings_as_errors,
            "min_kernel": self.min_kernel,
            "include_dirs": list(self.include_dirs),
            "includes": list(self.includes),
            "defines": list(self.defines),
            "debuginfo": list(self.debuginfo),
            "sysroot": self.sysroot,
            "config": [list(pair) for pair in self.config],
            "dump": sorted(self.dump),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Options:
        """Rebuild options from ``to_json()``."""
        return cls(
            target=find_target(values["target"]),
            kernel=tuple(values["kernel"]),
            unsafe=values["unsafe"],
            warnings=values["warnings"],
            warnings_as_errors=values["warnings_as_errors"],
            min_kernel=values["min_kernel"],
            include_dirs=tuple(values["include_dirs"]),
            includes=tuple(values["includes"]),
            defines=tuple(values["defines"]),
            debuginfo=tuple(values["debuginfo"]),
            sysroot=values["sysroot"],
            config=tuple((name, value) for name, value in values["config"]),
            dump=frozenset(values["dump"]),
        )
