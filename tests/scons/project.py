"""A throw-away SCons project for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELLO = 'begin { printf("hello\\n"); exit(); }\n'
HEAD = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
DefaultEnvironment(tools=[])
env = Environment(tools=["btaot"], toolpath=[PyPackageDir("btaot_tool.scons")], BTAOTCOMSTR="BUILD $TARGET")
"""


class Project:
    """A directory with an SConstruct; ``scons`` runs in it."""

    def __init__(self, folder: Path, stubs: Path) -> None:
        self.folder = folder
        self.stubs = stubs
        self.env: dict[str, str] = {}

    def write(self, **files: str) -> None:
        """Write files; ``__`` in a name stands for a slash, ``_bt`` and ``_h`` at the end for suffixes."""
        for name, text in files.items():
            self.put(re.sub(r"_(bt|h)$", r".\1", name).replace("__", "/"), text)

    def put(self, name: str, text: str) -> Path:
        """Write one file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def sconstruct(self, text: str) -> None:
        """Write the SConstruct; ``env`` is there already, with stubs that need no runtime."""
        self.put("SConstruct", f"{HEAD}env['BTAOT_STUB'] = {str(self.stubs)!r} + '/$BTAOT_TARGET'\n{text}")

    def scons(self, *args: str, status: int = 0) -> str:
        """Run scons; return what it printed, both streams."""
        environment = {**os.environ, **self.env}
        argv = [sys.executable, "-m", "SCons", "-Q", *args]
        done = subprocess.run(argv, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
        text = done.stdout + done.stderr
        assert done.returncode == status, text
        return text

    def built(self, *args: str) -> set[str]:
        """Run scons; return the targets that were built."""
        return set(re.findall(r"^BUILD (\S+)$", self.scons(*args), re.MULTILINE))

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self.folder / name
