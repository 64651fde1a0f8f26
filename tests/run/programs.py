"""Compiles the programs with debug information that tests look into."""

from __future__ import annotations

import subprocess
from pathlib import Path

from btaot_tool.targets import Target
from btaot_tool.zig import zig_command

HERE = Path(__file__).parent
BUILD_ID = "-Wl,--build-id=sha1"
LIBRARY = ("-shared", "-fPIC", "-nostdlib")  # needs no C library, which takes time to be made for a foreign target


def compile_program(folder: Path, target: Target, source: str, *flags: str) -> Path:
    """Compile a source of this folder with debug information, statically unless LIBRARY is among the flags."""
    path = folder / Path(source).name.replace(".", "_")
    cpp = source.endswith(".cpp")
    language = ["c++", "-nostdlib++", "-fno-exceptions", "-fno-rtti"] if cpp else ["cc"]
    common = ["-target", target.zig, "-g", "-O1", "-fno-sanitize=all", "-ffile-prefix-map=" + f"{HERE}=/src"]
    if "-shared" not in flags:
        common.append("-static")
    argv = [*zig_command(), *language, *common, *flags, str(HERE / source), "-o", str(path)]
    subprocess.run(argv, check=True)
    return path
