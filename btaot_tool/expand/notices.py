"""What upstream calls unstable or deprecated: looked for in the script as it was written."""

from __future__ import annotations

from ..config import Config
from ..diagnostics import Diagnostics, Span
from ..syntax import tree
from .rewrite import Rewriter

_WHILE_HINT = (
    "For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of while. These are"
    " more easily proven to be bounded by the verifier."
)


def give_notices(program: tree.Program, config: Config, diags: Diagnostics) -> None:
    """Warn of features that may change or go away, or refuse them, as the configuration says."""
    walker = _Notices(config, diags)
    for part in (*program.macros, *program.probes):
        walker.rewrite(part)


class _Notices(Rewriter):
    def __init__(self, config: Config, diags: Diagnostics) -> None:
        self._config = config
        self._diags = diags
        self._in_while = False

    def _While(self, node: tree.While) -> tree.While:
        if not self._in_while:
            self._diags.warning(node.span, "While loops are deprecated and may be removed in the future.", _WHILE_HINT)
        before, self._in_while = self._in_while, True
        self.children(node)
        self._in_while = before
        return node

    def _Call(self, node: tree.Call) -> tree.Call:
        if node.name == "tseries":
            self._unstable("tseries", "unstable_tseries", node.span)
        elif node.name == "dw_ustack":
            self._unstable("dw_ustack (DWARF stack unwinding)", "unstable_dw_ustack", node.span)
        return self.children(node)

    def _TypeInfo(self, node: tree.TypeInfo) -> tree.TypeInfo:
        self._unstable("typeinfo", "unstable_typeinfo", node.span)
        return self.children(node)

    def _ImportStmt(self, node: tree.ImportStmt) -> tree.ImportStmt:
        if self._config.unstable_import_statement == "error":
            message = (
                "Import statements that are not at the top level are primarily for the standard library. If this is"
                " functionality you need, please file an issue to explain why."
            )
            self._diags.error(node.span, message, "config = { unstable_import_statement=enable } allows them")
        else:
            self._unstable("import statements", "unstable_import_statement", node.span)
        return node

    def _unstable(self, feature: str, variable: str, span: Span) -> None:
        setting = getattr(self._config, variable)
        if setting == "error":
            self._diags.error(
                span,
                f"{feature} feature is not enabled by default. To enable this unstable feature, set the config flag to"
                f" enable. {variable}=enable",
            )
        elif setting == "warn":
            self._diags.warning(
                None,
                f"Script is using an unstable feature: {feature}. To prevent this warning you must explicitly enable"
                f" it in the config e.g. {variable}=enable",
            )
