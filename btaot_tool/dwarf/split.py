"""Split debug information: entries in ``.dwo`` files beside the program, or in one package, ``PROGRAM.dwp``.

The program itself keeps a skeleton of each unit, with the name of the file and the addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .elf import ElfProgram, read_info
from .forms import At
from .reader import DwarfError, Info, Unit

#: Columns of a package's index: the sections that a unit has a part of, by their numbers.
_COLUMNS = {1: "data", 3: "abbrev", 6: "str_offsets"}


def split_infos(main: Info, path: Path) -> Iterator[Info]:
    """Yield the sections of entries that the skeletons of a program stand for; raises DwarfError if one is missing."""
    skeletons = [unit for unit in main.units if _dwo_name(unit)]
    if not skeletons:
        return
    package = path.with_name(path.name + ".dwp")
    packed = {}
    if package.is_file():
        packed = {info.units[0].dwo_id or _gnu_id(info.units[0]): info for info in _packed(package)}
    for skeleton in skeletons:
        info = packed.get(skeleton.dwo_id or _gnu_id(skeleton)) or _dwo(skeleton, path)
        info.addresses = main.addresses
        for unit in info.units:
            unit.addr_base = skeleton.address_base()
        yield info


def _dwo_name(unit: Unit) -> str:
    top = unit.top
    return top.text(At.DWO_NAME) or top.text(At.GNU_DWO_NAME)


def _gnu_id(unit: Unit) -> int:
    return unit.top.number(At.GNU_DWO_ID) or 0


def _dwo(skeleton: Unit, path: Path) -> Info:
    name = Path(_dwo_name(skeleton))
    candidates = [Path(skeleton.top.text(At.COMP_DIR)) / name, path.parent / name, path.parent / name.name]
    for candidate in candidates:
        if candidate.is_file():
            return read_info(ElfProgram(candidate), ".dwo")
    raise DwarfError(f"the split debug information of {path} is missing: neither {name} nor {path.name}.dwp is there")


def _packed(path: Path) -> Iterator[Info]:
    """Yield the units of a package, each with its parts of the sections."""
    elf = ElfProgram(path)
    whole = read_info(elf, ".dwo")
    index = elf.data(".debug_cu_index")

    def word(position: int) -> int:
        return whole.integer(index, position, 4)

    columns, units, slots = word(4), word(8), word(12)
    table = 16 + 12 * slots
    sizes = table + 4 * columns * (units + 1)
    for row in range(units):
        parts = {"data": whole.data, "abbrev": whole.abbrev, "str_offsets": whole.str_offsets}
        for column in range(columns):
            name = _COLUMNS.get(word(table + 4 * column))
            if name:
                offset = word(table + 4 * (columns * (row + 1) + column))
                parts[name] = parts[name][offset : offset + word(sizes + 4 * (columns * row + column))]
        yield Info(
            parts["data"], parts["abbrev"], whole.strings, whole.line_strings, parts["str_offsets"],
            little_endian=whole.little_endian,
        )  # fmt: skip
