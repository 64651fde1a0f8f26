"""The description of an executable as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .names import escape

Data = dict[str, Any]


def render(data: Data) -> str:
    """Return the whole description."""
    sections = [
        _facts(data),
        _table("Attach points", ("probe", "program", "line", "flags", "only for build"), _attach_rows(data)),
        _table("Programs", ("program", "name", "kind", "instructions", "symbols", "flags"), _program_rows(data)),
        _table("Maps", ("map", "type", "key", "value", "bytes", "entries", "flags"), _map_rows(data)),
        _table("Load-time symbols", ("symbol", "kind", "what", "uses", "line"), _symbol_rows(data)),
        _table("Named parameters", ("name", "type", "default", "help"), _param_rows(data)),
        _table("Actions", ("action", "kind", "format", "arguments", "map", "line"), _action_rows(data)),
        _table("Configuration", ("variable", "value"), data["config"].items()),
        *(_program_listing(program) for program in data["programs"]),
    ]
    return "\n".join(section for section in sections if section)


def _facts(data: Data) -> str:
    sizes, digest = data["sizes"], data["digest"]
    rows = [
        ("File", f"{data['file']} ({_bytes(sizes['file'])}, {'static' if data['static'] else 'dynamically linked'})"),
        ("Script", data["script"]),
        ("Target", f"{data['target']}, {data['byte_order']} endian"),
        ("Compiler", f"btaot {data['compiler']}, payload format {data['format_version']}"),
        (
            "Payload",
            f"{_bytes(sizes['meta'])} of metadata (BTF {_bytes(sizes['btf'])}), "
            f"{_bytes(sizes['text'])} of instructions",
        ),
        ("Digest", f"{'valid' if digest['valid'] else 'WRONG: the file was changed'}, sha256 {digest['sha256']}"),
        ("License", data["license"]),
        ("Positional parameters", data["positional_params"]),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return "".join(f"{name + ':':<{width}}{value}\n" for name, value in rows)


def _bytes(count: int) -> str:
    return f"{count} bytes" if count < 10_000 else f"{count / 1024:.1f} KB"


def _attach_rows(data: Data) -> Iterable[Sequence[Any]]:
    for item in data["attach_points"]:
        yield item["text"], item["program"], item["line"], ", ".join(item["flags"]), item["build_id"]


def _program_rows(data: Data) -> Iterable[Sequence[Any]]:
    for item in data["programs"]:
        symbols = len({reloc["symbol"] for reloc in item["relocs"] if reloc["symbol"] is not None})
        yield item["index"], item["name"], item["kind"], item["insns"], symbols, ", ".join(item["flags"])


def _map_rows(data: Data) -> Iterable[Sequence[Any]]:
    for item in data["maps"]:
        sizes = f"{item['key_size']}+{item['value_size']}"
        flags = ", ".join(flag for flag in item["flags"] if flag != "percpu")
        entries = item["max_entries"] or ("max_map_keys" if item["role"] == "user" else "host")
        yield item["name"], item["type"], item["key"], item["value"], sizes, entries, flags


def _symbol_rows(data: Data) -> Iterable[Sequence[Any]]:
    for item in data["symbols"]:
        yield item["index"], item["kind"], item["text"], item["uses"], item["line"] or ""


def _param_rows(data: Data) -> Iterable[Sequence[Any]]:
    for item in data["params"]:
        default = f'"{escape(item["default"])}"' if isinstance(item["default"], str) else item["default"]
        yield item["name"], item["type"], default, item["help"]


def _action_rows(data: Data) -> Iterable[Sequence[Any]]:
    for item in data["actions"]:
        text = f'"{item["format"]}"' if item["format"] else ""
        yield item["index"], item["kind"], text, item["args"], item["map"], item["line"]


def _program_listing(program: Data) -> str:
    title = f"Program {program['index']}: {program['name']} ({program['kind']}, line {program['line']})"
    return "\n".join([title, *program["disassembly"], ""])


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return an aligned table, "" if it has no rows; columns that are empty everywhere are left out."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    columns = [(name, column) for name, column in zip(head, zip(*cells, strict=True), strict=True) if any(column)]
    widths = [max(len(name), *map(len, column)) for name, column in columns]
    right = [all(cell.isdigit() or not cell for cell in column) for _, column in columns]
    lines = [[name for name, _ in columns], *map(list, zip(*(column for _, column in columns), strict=True))]
    text = [title]
    for line in lines:
        padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
        text.append(f"  {'  '.join(padded)}".rstrip())
    return "\n".join([*text, ""])
