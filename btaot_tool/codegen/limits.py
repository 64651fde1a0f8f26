"""What no kernel takes: blocks that are too large, found before LLVM or the host says so in its own words."""

from __future__ import annotations

from typing import Any

from ..bpf.object import BpfObject
from ..diagnostics import Diagnostics, Span
from ..payload.layout import SymbolKind
from ..sema.result import Template
from .module import Generated, template_section

MAX_MAPS = 64  # MAX_USED_MAPS, of one program
#: A jump reaches 32,767 instructions; about as many of LLVM's become so many of BPF's.
MAX_CODE = 36_000
_MAPS = (SymbolKind.MAP_FD, SymbolKind.MAP_VALUE)


def check_size(template: Template, function: Any, diags: Diagnostics) -> None:
    """Refuse a block whose code no jump can cross: LLVM would end the process."""
    size = sum(len(block.instructions) for block in function.blocks)
    if size > MAX_CODE:
        message = f"this block is too large: about {size} instructions, and jumps of BPF programs reach 32767"
        diags.error(_place(template), message, "divide it into several blocks for the same probe", code="limit")


def check_maps(generated: Generated, obj: BpfObject, diags: Diagnostics) -> None:
    """Refuse programs that use more maps than the kernel allows; raises CompileError."""
    symbols = list(generated.symbols.rows)
    owner = [symbol.a if symbol.kind in _MAPS else None for symbol in symbols]
    for template in generated.templates:
        relocs = obj.program(template_section(template)).relocs
        used = {owner[int(r.symbol[1:])] for r in relocs if r.symbol[:1] == "s" and r.symbol[1:].isdigit()} - {None}
        if len(used) > MAX_MAPS and not template.part:
            message = f"this block uses {len(used)} maps with the compiler's own, and the kernel allows {MAX_MAPS}"
            diags.error(_place(template), message, "divide it into several blocks for the same probe", code="limit")
    diags.check()


def _place(template: Template) -> Span:
    return template.node.attach_points[0].span
