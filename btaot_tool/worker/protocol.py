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
    rows = [
        [
            item.severity.value,
            item.message,
            _encode_span(item.span, sources),
            item.hint,
            item.code,
            [[_encode_span(span, sources), text] for span, text in item.notes],
            item.quoted,
        ]
        for item in items
    ]
    return {"sources": [[source.name, source.text] for source in sources], "rows": rows}


def _encode_span(span: Span | None, sources: list[Source]) -> list[Any] | None:
    if span is None:
        return None
    if span.source not in sources:
        sources.append(span.source)
    place = [sources.index(span.source), span.line, span.column, span.end_line, span.end_column]
    return [*place, _encode_span(span.parent, sources)]


def decode_diagnostics(values: Message) -> list[Diagnostic]:
    """Undo ``encode_diagnostics``."""
    sources = [Source(name, text) for name, text in values["sources"]]
    items = []
    for severity, message, place, hint, code, notes, quoted in values["rows"]:
        span = _decode_span(place, sources) if place else None
        others = tuple((_decode_span(where, sources), text) for where, text in notes)
        items.append(Diagnostic(Severity(severity), message, span, hint, code, others, quoted=quoted))
    return items


def _decode_span(place: list[Any], sources: list[Source]) -> Span:
    source, line, column, end_line, end_column, parent = place
    outer = _decode_span(parent, sources) if parent else None
    return Span(sources[source], line, column, end_line, end_column, outer)
