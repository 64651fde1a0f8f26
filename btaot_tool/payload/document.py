"""Write the generated part of ``docs/payload.md``: ``python -m btaot_tool.payload.document docs/payload.md``."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import layout
from .structs import StructLayout, header_size, member_comments, struct_layout

BEGIN = "<!-- generated from btaot_tool/payload/layout.py: begin -->"
END = "<!-- generated: end -->"


def generated_part() -> str:
    """Return the tables of header, records and enumerations as Markdown."""
    header = struct_layout(layout.HEADER)
    parts = [
        f"## Header ({header.size} bytes, {header_size()} with the directory)",
        _record_table(header),
        "## Directory",
        _table(("number", "table", "holds"), _directory_rows()),
        "## Records",
    ]
    for record in layout.RECORDS:
        shape = struct_layout(record)
        parts += [f"### {record.name} ({shape.size} bytes)", record.doc, _record_table(shape)]
    parts.append("## Enumerations and flags")
    classes: tuple[type[enum.IntEnum | enum.IntFlag], ...] = (*layout.ENUMS, *layout.FLAGS)
    for cls in classes:
        parts += [f"### {cls.__name__}", (cls.__doc__ or "").strip().splitlines()[0], _enum_table(cls)]
    return "\n\n".join(parts)


def updated(text: str) -> str:
    """Return the document with its generated part replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{generated_part()}\n\n{END}{after}"


def _directory_rows() -> Iterable[Sequence[str]]:
    for number, (name, record) in enumerate(layout.TABLES):
        yield str(number), name, "bytes" if record == "u8" else f"`{record}`"


def _record_table(shape: StructLayout) -> str:
    rows = [(str(slot.offset), slot.field.type, slot.name, slot.field.doc) for slot in shape.slots]
    return _table(("offset", "type", "field", ""), rows)


def _enum_table(cls: type[enum.IntEnum | enum.IntFlag]) -> str:
    comments = member_comments(cls)
    return _table(("value", "name", ""), [(str(int(m)), n, comments.get(n, "")) for n, m in cls.__members__.items()])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |".replace("  |", " |") for line in lines)


def main(argv: Sequence[str]) -> int:
    """Bring the document up to date."""
    if len(argv) != 1:
        print("usage: python -m btaot_tool.payload.document docs/payload.md", file=sys.stderr)
        return 2
    path = Path(argv[0])
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
