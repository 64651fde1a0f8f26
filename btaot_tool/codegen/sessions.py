"""Kprobe sessions (Linux 6.12): a kprobe and a kretprobe on the same functions as one program behind one link.

The kprobe's program holds the kretprobe's body as a function and asks the kernel which of both it was run for.  On
other hosts that branch is dead, and the kretprobe is a program of its own.  As in bpftrace, both blocks have one
attach point each, and none asks for ``probe``, which is the same for both in a session.
"""

from __future__ import annotations

from dataclasses import replace

from ..payload.layout import ProbeKind
from ..sema.result import Template
from ..syntax import tree
from ..syntax.walk import walk

IS_RETURN = "bpf_session_is_return"
_IDENTITY = frozenset({"probe", "__builtin_probe"})


def session_returns(templates: list[Template]) -> dict[int, Template]:
    """Return the kretprobe's template, as a part of the kprobe's program, by the index of the kprobe's."""
    returns: dict[str, list[Template]] = {}
    entries = []
    for template in templates:
        if _is_eligible(template):
            if template.kind is ProbeKind.KPROBE:
                entries.append(template)
            else:
                returns.setdefault(template.args.name, []).append(template)
    found: dict[int, Template] = {}
    for entry in entries:
        candidates = returns.get(entry.args.name, ())
        if len(candidates) == 1:
            del returns[entry.args.name]  # taken
            found[entry.index] = replace(candidates[0], inside=entry.index)
    return found


def _is_eligible(template: Template) -> bool:
    spec = template.args
    if template.kind not in (ProbeKind.KPROBE, ProbeKind.KRETPROBE) or len(template.node.attach_points) != 1:
        return False
    if spec.target or spec.value or spec.value_symbol or not spec.name or "$" in spec.name:
        return False
    nodes = walk([template.node.predicate, template.node.body])
    return not any(isinstance(node, tree.Name) and node.name in _IDENTITY for node in nodes)
