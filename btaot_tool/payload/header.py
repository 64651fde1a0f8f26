"""Print ``payload_layout.h``, the layout as the C runtime sees it: ``python -m btaot_tool.payload.header``."""

from __future__ import annotations

import argparse
import enum
import sys
from collections.abc import Iterator
from pathlib import Path

from . import layout
from .structs import SCALARS, LayoutError, StructLayout, header_size, member_comments, snake_upper, struct_layout

_HEAD = """\
/* payload_layout.h - layout of {meta}, generated from btaot_tool/payload/layout.py.
 *
 * Do not edit: run `python -m btaot_tool.payload.header`.
 * All numbers are in the byte order of the target. A `str` is an offset into the table of
 * strings, a `ref` an index into another table (BTAOT_NONE: no such entry).
 * BTAOT_<ENUM>_LIMIT is one above the highest value of an enum, BTAOT_<FLAGS>_ALL has all bits. */
#ifndef BTAOT_PAYLOAD_LAYOUT_H
#define BTAOT_PAYLOAD_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define BTAOT_MAGIC 0x{magic:08x}u
#define BTAOT_VERSION {version}
#define BTAOT_NONE 0x{none:08x}u
#define BTAOT_DIGEST_SIZE {digest}
#define BTAOT_SECTION_META "{meta}"
#define BTAOT_SECTION_TEXT "{text}"
"""


def c_header() -> str:
    """Return the text of the C header."""
    parts = [
        _HEAD.format(
            meta=layout.SECTION_META,
            text=layout.SECTION_TEXT,
            magic=layout.MAGIC,
            version=layout.VERSION,
            none=layout.NONE,
            digest=layout.DIGEST_SIZE,
        ),
        "/* ---- enumerations ---- */\n",
        *(_c_enum(cls) for cls in layout.ENUMS),
        "/* ---- flags ---- */\n",
        *(_c_enum(cls) for cls in layout.FLAGS),
        "/* ---- records ---- */\n",
        *(_c_struct(struct_layout(record)) for record in layout.RECORDS),
        "/* ---- header and directory ---- */\n",
        _c_directory(),
        _c_struct(struct_layout(layout.HEADER), directory=True),
        "#endif\n",
    ]
    return "\n".join(parts)


def _comment(text: str) -> str:
    return f"/* {text} */" if text else ""


def _aligned(rows: list[tuple[str, str]]) -> Iterator[str]:
    """Yield declarations with their comments in one column (long declarations push theirs out)."""
    width = min(36, max((len(decl) for decl, _ in rows), default=0))
    for decl, comment in rows:
        yield f"\t{decl:<{width}} {_comment(comment)}".rstrip() if comment else f"\t{decl}"


def _c_enum(cls: type[enum.IntEnum | enum.IntFlag]) -> str:
    prefix = f"BTAOT_{snake_upper(cls.__name__)}"
    comments = member_comments(cls)
    rows = [(f"{prefix}_{name} = {int(member)},", comments.get(name, "")) for name, member in cls.__members__.items()]
    values = [int(member) for member in cls.__members__.values()]
    if issubclass(cls, enum.IntFlag):
        bound = f"#define {prefix}_ALL 0x{sum(set(values)):x}u"
    else:
        bound = f"#define {prefix}_LIMIT {max(values) + 1}"
    if bound.split()[1] in {decl.split()[0] for decl, _ in rows}:
        raise LayoutError(f"{cls.__name__}: a member has the name of the generated {bound.split()[1]}")
    doc = (cls.__doc__ or "").strip().splitlines()
    lines = [_comment(doc[0])] if doc and doc[0] and not doc[0].startswith(("An enum", "int(")) else []
    lines += [f"enum {prefix.lower()} {{", *_aligned(rows), "};", bound, ""]
    return "\n".join(lines)


def _c_struct(struct: StructLayout, directory: bool = False) -> str:
    name = f"btaot_{struct.record.name}"
    rows = []
    for slot in struct.slots:
        kind = f"({slot.field.type}) " if slot.field.type in ("str", "ref") else ""
        ctype = "uint8_t" if slot.count else SCALARS[slot.field.type][2]
        suffix = f"[{slot.count}]" if slot.count else ""
        rows.append((f"{ctype} {slot.name}{suffix};", f"{kind}{slot.field.doc}".strip()))
    size = struct.size
    if directory:
        rows.append(("struct btaot_table tables[BTAOT_TABLE_COUNT];", "the directory"))
        size = header_size()
    lines = [_comment(struct.record.doc), f"struct {name} {{", *_aligned(rows), "};"]
    lines.append(f'_Static_assert(sizeof(struct {name}) == {size}, "{name}: size");')
    for slot in struct.slots:
        lines.append(f'_Static_assert(offsetof(struct {name}, {slot.name}) == {slot.offset}, "{name}.{slot.name}");')
    return "\n".join([*lines, ""])


def _c_directory() -> str:
    rows = [
        (f"BTAOT_TABLE_{table.upper()},", "bytes" if record == "u8" else f"struct btaot_{record}")
        for table, record in layout.TABLES
    ]
    rows.append(("BTAOT_TABLE_COUNT,", ""))
    entry = [
        "/* Where a table is: bytes from the start of the section, number of records (or bytes). */",
        "struct btaot_table {",
        "\tuint32_t offset;",
        "\tuint32_t count;",
        "};",
        "",
    ]
    return "\n".join(
        [*entry, "/* Tables in the order of the directory. */", "enum btaot_table_index {", *_aligned(rows), "};", ""]
    )


def main(argv: list[str] | None = None) -> int:
    """Print the header, or write it with ``-o``."""
    parser = argparse.ArgumentParser(prog="python -m btaot_tool.payload.header", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, help="write to this file instead of standard output")
    args = parser.parse_args(argv)
    if args.output:
        args.output.write_text(c_header(), encoding="utf-8")
    else:
        sys.stdout.write(c_header())
    return 0


if __name__ == "__main__":
    sys.exit(main())
