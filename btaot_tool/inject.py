"""Make an executable: a copy of the stub with the payload as two sections that are not loaded.

They are compressed the way ELF knows (SHF_COMPRESSED), so that readelf and other tools see what is in them.  The
sections are found by the runtime through /proc/self/exe.  LIEF does the surgery; it is imported late,
because that takes a quarter of a second.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import zlib
from pathlib import Path

from .diagnostics import CompileError, Diagnostic, Severity
from .payload.layout import SECTION_META, SECTION_TEXT

ALIGNMENT = 8
# Of the ELF specification: places in e_ident, values there, kind of compression.
EI_CLASS, EI_DATA = 4, 5
ELFCLASS64, ELFDATA2MSB = 2, 2
ELFCOMPRESS_ZLIB = 1


class InjectError(CompileError):
    """The stub is unusable or the result is not what it must be."""

    def __init__(self, message: str) -> None:
        super().__init__([Diagnostic(Severity.ERROR, message, None, "", "inject")])


def inject(stub: Path, meta: bytes, text: bytes, output: Path) -> None:
    """Write ``output``: ``stub`` with the two sections.  The file appears complete or not at all, mode 0755."""
    import lief

    binary = lief.ELF.parse(str(stub))
    if binary is None:
        raise InjectError(f"{stub}: the stub is no ELF file")
    ident = stub.read_bytes()[: EI_DATA + 1]
    for name, content in ((SECTION_META, meta), (SECTION_TEXT, text)):
        if binary.get_section(name) is not None:
            raise InjectError(f"{stub}: the stub has a section {name} already")
        section = lief.ELF.Section(name, lief.ELF.Section.TYPE.PROGBITS)
        packed = _compressed(content, ident)
        if len(packed) < len(content):
            section.add(lief.ELF.Section.FLAGS.COMPRESSED)
            content = packed
        section.content = memoryview(content)
        section.alignment = ALIGNMENT
        binary.add(section, loaded=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    os.close(handle)
    try:
        binary.write(temporary)
        _verify(Path(temporary), meta, text)
        os.chmod(temporary, 0o755)
        os.replace(temporary, output)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _compressed(content: bytes, ident: bytes) -> bytes:
    """Return ``content`` as a compressed section of an ELF file with that start: an ElfN_Chdr and a zlib stream."""
    order = ">" if ident[EI_DATA] == ELFDATA2MSB else "<"
    if ident[EI_CLASS] == ELFCLASS64:
        header = struct.pack(order + "IIQQ", ELFCOMPRESS_ZLIB, 0, len(content), ALIGNMENT)
    else:
        header = struct.pack(order + "III", ELFCOMPRESS_ZLIB, len(content), ALIGNMENT)
    return header + zlib.compress(content, 9)


def _verify(path: Path, meta: bytes, text: bytes) -> None:
    """Read the result back with another library: LIEF's word alone is not enough."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        elf = ELFFile(stream)
        if any(segment["p_type"] in ("PT_INTERP", "PT_DYNAMIC") for segment in elf.iter_segments()):
            raise InjectError("the executable is not static")
        for name, content in ((SECTION_META, meta), (SECTION_TEXT, text)):
            section = elf.get_section_by_name(name)
            if section is None or section.data() != content:
                raise InjectError(f"the section {name} was not written correctly")
