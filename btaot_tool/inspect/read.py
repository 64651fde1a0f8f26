"""Find the payload in an ELF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..diagnostics import CompileError, Diagnostic, Severity
from ..payload import layout
from ..payload.reader import Payload, read_payload
from ..payload.writer import PayloadError


class InspectError(CompileError):
    """The file cannot be inspected; the message is for the user."""

    def __init__(self, message: str) -> None:
        super().__init__([Diagnostic(Severity.ERROR, message, code="inspect")])


@dataclass(frozen=True, slots=True)
class FileInfo:
    """An executable and the payload in it."""

    path: str
    size: int
    static: bool
    payload: Payload
    digest_valid: bool


def read_file(path: str) -> FileInfo:
    """Read an executable; a wrong digest is noted, other damage is an InspectError."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with Path(path).open("rb") as stream:
            elf = ELFFile(stream)
            meta = elf.get_section_by_name(layout.SECTION_META)
            text = elf.get_section_by_name(layout.SECTION_TEXT)
            if meta is None or text is None:
                raise InspectError(f"{path}: not made by btaot (no section {layout.SECTION_META})")
            payload = read_payload(meta.data(), text.data(), check_digest=False)
            static = all(segment["p_type"] != "PT_INTERP" for segment in elf.iter_segments())
        return FileInfo(path, Path(path).stat().st_size, static, payload, payload.digest_ok())
    except OSError as problem:
        raise InspectError(f"{path}: {problem.strerror}") from problem
    except ELFError as problem:
        raise InspectError(f"{path}: not an ELF file ({problem})") from problem
    except PayloadError as problem:
        raise InspectError(f"{path}: {problem}") from problem
