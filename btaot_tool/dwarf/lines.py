"""The address of a source line, from the line tables of a program.

As bpftrace has it: FILE is the end of exactly one source file's path, whole components of it; the address is the
lowest that the table of the first unit that has code of this line gives for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from .forms import At, Form
from .names import find_words
from .reader import DwarfError, Info, Unit, sleb, uleb

_PATH, _DIRECTORY = 1, 2  # DW_LNCT_path, DW_LNCT_directory_index
_SLASH = ord("/")


class NoSuchLine(Exception):
    """No code belongs to the line, or the file is not one of the program's, or several are meant."""


@dataclass
class Table:
    """The line table of a unit: its source files by number, and the program that computes the rows."""

    unit: Unit  # of the section of line tables: reads its values
    files: dict[int, str]
    start: int
    least: int  # bytes of an instruction
    line_base: int
    line_range: int
    lengths: bytes  # operands of the standard opcodes; the special ones begin behind them

    def addresses(self, files: set[int], line: int, column: int) -> Iterator[int]:
        """Yield the addresses of a line of some files; column 0 means any."""
        data, pos, end = self.unit.info.data, self.start, self.unit.end
        base, span, width = len(self.lengths) + 1, self.line_range, self.unit.address_size
        address = file = at_line = at_column = 0
        fresh, live = True, False
        while pos < end:
            if fresh:
                address, file, at_line, at_column, fresh, live = 0, 1, 1, 0, False, False
            code = data[pos]
            pos += 1
            if code >= base:
                step = code - base
                address += step // span * self.least
                at_line += self.line_base + step % span
            elif code == 0:
                size, pos = uleb(data, pos)
                if data[pos] == 1:  # end of a sequence
                    fresh = True
                elif data[pos] == 2:
                    address = self.unit.info.integer(data, pos + 1, width)
                    live = address != 0  # the linker left the function out
                pos += size
                continue
            elif code != 1:  # all but "copy"
                if code == 2:
                    step, pos = uleb(data, pos)
                    address += step * self.least
                elif code == 3:
                    step, pos = sleb(data, pos)
                    at_line += step
                elif code == 4:
                    file, pos = uleb(data, pos)
                elif code == 5:
                    at_column, pos = uleb(data, pos)
                elif code == 8:
                    address += (255 - base) // span * self.least
                elif code == 9:
                    address += self.unit.info.integer(data, pos, 2)
                    pos += 2
                else:
                    for _ in range(self.lengths[code - 1]):
                        pos = uleb(data, pos)[1]
                continue
            if at_line == line and live and file in files and (not column or column == at_column):
                yield address


def line_address(lines: Info, units: list[Unit], file: str, line: int, column: int = 0) -> int:
    """Return the lowest address of a source line; ``lines`` has the section of line tables as its data."""
    paths: dict[str, list[tuple[Table, set[int]]]] = {}
    for table in _tables(lines, units, file):
        found: dict[str, set[int]] = {}
        for number, path in table.files.items():
            if _ends_with(path, file):
                found.setdefault(path, set()).add(number)
        for path, numbers in found.items():
            paths.setdefault(path, []).append((table, numbers))
    if not paths:
        raise NoSuchLine(f"No compilation unit matches {file}")
    if len(paths) > 1:
        raise NoSuchLine(f"Ambiguous source path, matches multiple files: {', '.join(list(paths)[:2])}")
    for tables in paths.values():
        for table, numbers in tables:
            addresses = list(table.addresses(numbers, line, column))
            if addresses:
                return min(addresses)
    place = f"{file}:{line}:{column}" if column else f"{file}:{line}"
    raise NoSuchLine(f"Unable to map '{place}' to address")


def _tables(lines: Info, units: list[Unit], file: str) -> Iterator[Table]:
    """Yield the line tables, once each, in which a file of this name may be."""
    places = _places(lines, PurePosixPath(file).name.encode())
    seen = set()
    for unit in units:
        top = unit.top
        offset = top.number(At.STMT_LIST)
        if offset is None or offset in seen:
            continue
        seen.add(offset)
        end = offset + lines.integer(lines.data, offset, 4)
        if any(offset <= place < end for place in places):
            yield _read_table(lines, offset, unit, top.text(At.COMP_DIR))


def _places(lines: Info, name: bytes) -> list[int]:
    """Return where tables may name a file: most programs have many tables, few of them are worth reading."""
    words = [name + b"\0"]
    for strings in (lines.line_strings, lines.strings):
        for end in find_words(strings, [name + b"\0"]):
            start = strings.rfind(b"\0", 0, end) + 1
            begins = (n for n in range(start, end + 1) if n in (start, end) or strings[n - 1] == _SLASH)
            words += [n.to_bytes(4, lines.order) for n in begins]
    return list(find_words(lines.data, list(dict.fromkeys(words))))


def _read_table(lines: Info, offset: int, owner: Unit, directory: str) -> Table:
    data, width, pos = lines.data, 4, offset + 4
    length = lines.integer(data, offset, 4)
    if length == 0xFFFFFFFF:
        width, pos, length = 8, offset + 12, lines.integer(data, offset + 4, 8)
    end, version = pos + length, lines.integer(data, pos, 2)
    if not 2 <= version <= 5:
        raise DwarfError(f"line tables of version {version} cannot be read")
    pos += 2 if version < 5 else 4  # sizes of addresses and segments
    start = pos + width + lines.integer(data, pos, width)
    pos += width
    least, pos = data[pos], pos + (2 if version >= 4 else 1)
    line_base = int.from_bytes(data[pos + 1 : pos + 2], "little", signed=True)
    line_range, opcode_base = data[pos + 2], data[pos + 3]
    lengths = data[pos + 4 : pos + 3 + opcode_base]
    unit = Unit(lines, offset, start, end, version, owner.address_size, width, 0)
    pos += 3 + opcode_base
    files = _files(unit, pos, directory) if version >= 5 else _old_files(unit, pos, directory)
    return Table(unit, files, start, least, line_base, line_range, lengths)


def _files(unit: Unit, pos: int, directory: str) -> dict[int, str]:
    """Read the lists of directories and files as DWARF 5 has them; both begin with number 0."""
    directories, pos = _entries(unit, pos)
    names, _ = _entries(unit, pos)
    found = {}
    for number, (name, where) in enumerate(names):
        inside = directories[where][0] if where < len(directories) else ""
        found[number] = str(PurePosixPath(directory) / inside / name)
    return found


def _entries(unit: Unit, pos: int) -> tuple[list[tuple[str, int]], int]:
    """Read a list of paths with the numbers of their directories; also return the position behind it."""
    data = unit.info.data
    formats, pos = data[pos], pos + 1
    layout = []
    for _ in range(formats):
        kind, pos = uleb(data, pos)
        form, pos = uleb(data, pos)
        layout.append((kind, form))
    count, pos = uleb(data, pos)
    found = []
    for _ in range(count):
        name, where = "", 0
        for kind, form in layout:
            value, pos = unit.value(form, 0, pos)
            if kind == _PATH:
                text = value if isinstance(value, bytes) else unit.info.string(form, value, unit)
                name = text.decode("utf-8", "replace")
            elif kind == _DIRECTORY and isinstance(value, int):
                where = value
        found.append((name, where))
    return found, pos


def _old_files(unit: Unit, pos: int, directory: str) -> dict[int, str]:
    """Read the lists as DWARF 2 to 4 have them: strings, from number 1; directory 0 is that of the unit."""
    directories = [directory]
    while unit.info.data[pos]:
        name, pos = unit.value(Form.STRING, 0, pos)
        assert isinstance(name, bytes)
        directories.append(name.decode("utf-8", "replace"))
    pos += 1
    found: dict[int, str] = {}
    while unit.info.data[pos]:
        name, pos = unit.value(Form.STRING, 0, pos)
        assert isinstance(name, bytes)
        where, pos = uleb(unit.info.data, pos)
        for _ in range(2):  # time and size
            pos = uleb(unit.info.data, pos)[1]
        inside = directories[where] if where < len(directories) else ""
        found[len(found) + 1] = str(PurePosixPath(directory) / inside / name.decode("utf-8", "replace"))
    return found


def _ends_with(path: str, end: str) -> bool:
    wanted = PurePosixPath(end).parts
    return bool(wanted) and PurePosixPath(path).parts[-len(wanted) :] == wanted
