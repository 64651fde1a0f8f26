"""What client and worker say to each other: frames of a JSON header and a block of bytes.

A frame is two big-endian u32, the sizes of header and block, then both.  Diagnostics travel as JSON with the
text of their sources, so that the client shows them as if it had compiled itself.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from ..diagnostics import Diagnostic, Severity, Source, Span

Message = dict[str, Any]
_SIZES = struct.Struct(">II")


def write_frame(stream: BinaryIO, header: Message, block: bytes = b"") -> None:
    """Write one frame and flush."""
    text = json.dumps(header).encode()
    stream.write(_SIZES.pack(len(text), len(block)) + text + block)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[Message, bytes] | None:
    """Read one frame; None at the end of the stream, also inside a frame."""
    head = stream.read(_SIZES.size)
    if len(head) < _SIZES.size:
        return None
    text_size, block_size = _SIZES.unpack(head)
    text = stream.read(text_size)
    block = stream.read(block_size)
    if len(text) < text_size or len(block) < block_size:
        return None
    header: Message = json.loads(text)
    return header, block


def encode_diagnostics(items: list[Diagnostic]) -> Message:
    """Turn diagnostics into JSON values; each source is sent once."""
    sources: list[Source] = []
    rows = []
    for item in items:
        span = None
        if item.span is not None:
            if item.span.source not in sources:
                sources.append(item.span.source)
            s = item.span
            span = [sources.index(s.source), s.line, s.column, s.end_line, s.end_column]
        rows.append([item.severity.value, item.message, span, item.hint, item.code])
    return {"sources": [[source.name, source.text] for source in sources], "rows": rows}


def decode_diagnostics(values: Message) -> list[Diagnostic]:
    """Undo ``encode_diagnostics``."""
    sources = [Source(name, text) for name, text in values["sources"]]
    items = []
    for severity, message, place, hint, code in values["rows"]:
        span = Span(sources[place[0]], *place[1:]) if place else None
        items.append(Diagnostic(Severity(severity), message, span, hint, code))
    return items
