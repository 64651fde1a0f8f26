"""The user programs that a script probes, as the machine that compiles it has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..kernel.types import ORIGIN
from ..options import Options
from .files import find_binary
from .lines import NoSuchLine
from .program import Program, open_program
from .reader import DwarfError
from .types import ProgramTypes

_T = TypeVar("_T")


class Programs:
    """Finds programs by the first part of a probe's name and keeps them."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._found: dict[str, Program | None] = {}

    def find(self, target: str) -> Program | None:
        """Return the program that a probe names; None if this machine has none.  Raises DwarfError."""
        if target not in self._found:
            self._found[target] = self._open(target)
        return self._found[target]

    def types(self, name: str) -> ProgramTypes | None:
        """Return the types of the program that a type's name ends with."""
        program = self._found.get(name.partition(ORIGIN)[2])
        return program.types if program else None

    @property
    def machine(self) -> str:
        """The name of the target's architecture."""
        return self._options.target.name

    @property
    def files(self) -> list[Path]:
        """Return the files that were read."""
        return [file for program in self._found.values() if program for file in program.files]

    def _open(self, target: str) -> Program | None:
        options = self._options
        if not target or any(c in target for c in "*?["):
            return None
        path = find_binary(target, options.target.name, options.sysroot)
        if path is None:
            return None
        try:
            return open_program(path, target, options.debuginfo, options.sysroot)
        except OSError as error:
            raise DwarfError(f"{path}: {error.strerror}") from None


def guarded(ask: Callable[[], _T], program: Program) -> _T:
    """Return what a function reads of a program; DwarfError stands for all that damaged bytes lead to."""
    try:
        return ask()
    except (DwarfError, NoSuchLine):
        raise
    except Exception as error:  # whatever pyelftools or this reader stumbles over
        raise DwarfError(f"the debug information of {program.path} is damaged: {error}") from error
