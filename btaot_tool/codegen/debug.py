"""Debug metadata: the script's lines travel with the bytecode, so that a verifier error can quote them.

The text of the script is inside (``source:``) and no directory is, so that the bytes do not depend on
where the build runs.
"""

from __future__ import annotations

from typing import Any

from ..diagnostics import Source, Span
from .llvm import ir

MAX_COLUMN = 65535  # what LLVM can hold


def _utf8(text: str) -> str:
    """Return a text without the bytes that are no UTF-8, which metadata cannot hold."""
    return text.encode("utf-8", "replace").decode()


class DebugInfo:
    """Makes the metadata nodes of one module."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._files: dict[Source, Any] = {}
        self._units: dict[Source, Any] = {}
        self._locations: dict[tuple[int, int, int], Any] = {}
        i32 = ir.IntType(32)
        for name, behaviour, value in (("Dwarf Version", 2, 4), ("Debug Info Version", 2, 3)):
            module.add_named_metadata("llvm.module.flags", [ir.Constant(i32, behaviour), name, ir.Constant(i32, value)])

    def _file(self, source: Source) -> Any:
        if source not in self._files:
            self._files[source] = self._module.add_debug_info(
                "DIFile", {"filename": _utf8(source.name), "directory": "", "source": _utf8(source.text)}
            )
        return self._files[source]

    def _unit(self, source: Source) -> Any:
        if source not in self._units:
            unit = self._module.add_debug_info(
                "DICompileUnit",
                {
                    "language": ir.DIToken("DW_LANG_C"),
                    "file": self._file(source),
                    "producer": "btaot",
                    "isOptimized": True,
                    "runtimeVersion": 0,
                    "emissionKind": ir.DIToken("FullDebug"),
                },
                is_distinct=True,
            )
            self._units[source] = unit
            self._module.add_named_metadata("llvm.dbg.cu", unit)
        return self._units[source]

    def subprogram(self, name: str, span: Span) -> Any:
        """Return the DISubprogram of a function; its type has only a result, since parameters would need names."""
        result = self._module.add_debug_info(
            "DIBasicType", {"name": "long", "size": 64, "encoding": ir.DIToken("DW_ATE_signed")}
        )
        signature = self._module.add_debug_info("DISubroutineType", {"types": self._module.add_metadata([result])})
        file = self._file(span.source)
        return self._module.add_debug_info(
            "DISubprogram",
            {
                "name": name,
                "scope": file,
                "file": file,
                "line": span.line,
                "type": signature,
                "scopeLine": span.line,
                "spFlags": ir.DIToken("DISPFlagDefinition | DISPFlagOptimized"),
                "unit": self._unit(span.source),
            },
            is_distinct=True,
        )

    def location(self, span: Span, scope: Any) -> Any:
        """Return the DILocation of a place in a function."""
        key = (span.line, span.column, id(scope))
        if key not in self._locations:
            self._locations[key] = self._module.add_debug_info(
                "DILocation", {"line": span.line, "column": min(span.column, MAX_COLUMN), "scope": scope}
            )
        return self._locations[key]
