"""Checking of a whole script: templates, then rounds of inference until no type changes.

A block with several attach points becomes one template per group of points that share the probe type and
the types of ``args``.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from ..config import read_config
from ..diagnostics import CompileError, Diagnostics, Span
from ..dwarf.layered import UserKernel
from ..dwarf.programs import Programs
from ..expand.native import NativeCode
from ..kernel.types import Kernel
from ..options import Options
from ..payload.layout import ProbeKind
from ..probes import AttachSpec, ParseContext, expand_provider, parse_attach_point
from ..syntax import tree
from ..syntax.walk import walk
from .choices import choose_probe_types
from .convert import expanded
from .env import DECLARED_KINDS, Globals
from .result import Checked, NamedParam, Template
from .statements import Checker
from .types import INT8, Unknown, Wrong
from .variables import check_variables

MAX_ROUNDS = 50
USER_PROBES = frozenset({ProbeKind.UPROBE, ProbeKind.URETPROBE, ProbeKind.USDT})


def check_program(
    program: tree.Program,
    kernel: Kernel,
    table: Kernel,
    options: Options,
    diags: Diagnostics,
    native: NativeCode | None = None,
) -> Checked:
    """Return the typed script; raises CompileError if anything is wrong with it.

    ``table`` holds the types of the script's C definitions over those of ``kernel``; ``native`` the functions of
    imported C sources.
    """
    program = choose_probe_types(program, lambda p: check_program(p, kernel, table, options, Diagnostics(), native))
    code = native or NativeCode()
    config = read_config(program.config, diags, options.config)
    programs = Programs(options)
    context = ParseContext(kernel, diags, programs, options.target, options.unsafe)
    templates = _templates(program, context, config.missing_probes != "error")
    table = _add_user_types(templates, table, programs)
    diags.check()
    found = Diagnostics()
    check_variables(program, found)
    misused = found.failed
    if not templates and not misused:
        raise diags.fatal(None, "No probes to attach", "a script needs at least one, such as: begin { }")
    shared = Globals()
    _declare_maps(program, shared, diags)
    params: dict[str, NamedParam] = {}
    positional = _positional_in_probes(templates)
    final = False
    for _ in range(MAX_ROUNDS):
        shared.changed = False
        shared.waves.clear()
        quiet = found if final or misused else Diagnostics()
        for template in templates:
            checker = Checker(template, shared, kernel, template.table or table, options, quiet, config, params)
            checker.functions = code.functions
            checker.subprograms = frozenset(subprog.name for subprog in program.subprogs)
            checker.programs = programs
            checker.final = final
            checker.check()
            positional = max(positional, checker.positional)
        if final or misused:
            break
        if not shared.changed:
            final = not _settle(shared)
    found.items = [expanded(item, shared.copies) for item in found.items]
    _check_complete(shared, found)
    diags.take(found)
    diags.check()
    maps, variables = shared.maps, shared.variables
    files = [str(file) for file in programs.files]
    return Checked(program, kernel, table, config, templates, maps, variables, params, positional, code, files)


def _templates(program: tree.Program, ctx: ParseContext, lenient: bool) -> list[Template]:
    """Return the programs; ``lenient``: attach points may be missing."""
    templates: list[Template] = []
    for node in program.probes:
        groups: dict[object, list[AttachSpec]] = {}
        used = _used_args(node)
        here = replace(ctx, args_used=used is None or bool(used - {"retval"}))
        typed = any(isinstance(n, tree.TypeName) for n in walk([node.predicate, node.body]))
        for point in [p for written in node.attach_points for p in expand_provider(written, ctx)]:
            with contextlib.suppress(CompileError):  # it is noted, and the others are looked at
                for spec in parse_attach_point(point, here):
                    groups.setdefault(_group_key(spec, used, typed), []).append(spec)
        if lenient and used:
            groups = _without_unknown(groups, ctx.diags)
        for specs in groups.values():
            templates.append(Template(len(templates), specs[0].probe, node, specs))
    _check_instances(templates, ctx.diags)
    return templates


#: Where only the kernel pack tells what the arguments are.
_TYPED_BY_PACK = frozenset({ProbeKind.TRACEPOINT, ProbeKind.RAW_TRACEPOINT, ProbeKind.FENTRY, ProbeKind.FEXIT})


def _without_unknown(groups: dict[object, list[AttachSpec]], diags: Diagnostics) -> dict[object, list[AttachSpec]]:
    """Leave out those of the kernel whose arguments, which the block reads, are not known; not if that is all."""
    known = {
        key: specs
        for key, specs in groups.items()
        if specs[0].args is not None or specs[0].probe.kind not in _TYPED_BY_PACK
    }
    for spec in (spec for key, specs in groups.items() for spec in specs if known and key not in known):
        names = ":".join(part for part in (spec.target, spec.name) if part)
        message = f"No matches for {spec.probe.name} {names}. Skipping."
        hint = "it is left out: the kernel pack does not know its arguments, which the block reads"
        diags.warning(spec.point.span, message, hint)
    return known or groups


def _check_instances(templates: list[Template], diags: Diagnostics) -> None:
    """A trial has a name of its own; a block has no more than one iterator."""
    trials: dict[str, Span] = {}
    iterators: set[tree.Probe] = set()
    for template in templates:
        for spec in template.attaches:
            if spec.probe.kind in (ProbeKind.TEST, ProbeKind.BENCH):
                first = trials.setdefault(spec.text, spec.point.span)
                if first is not spec.point.span:
                    what = f'"{spec.target}" was used as the name for more than one {spec.probe.name.upper()} probe'
                    diags.error(spec.point.span, what, notes=((first, "this is the other instance"),))
            elif spec.probe.kind is ProbeKind.ITER:
                if template.node in iterators:
                    diags.error(spec.point.span, "iter probe only supports one attach point.")
                iterators.add(template.node)


def _positional_in_probes(templates: list[Template]) -> int:
    """Return the highest number of a positional parameter in an attach point."""
    symbols = (spec.value_symbol for template in templates for spec in template.attaches)
    return max((s.imm for s in symbols if s is not None), default=0)


def _used_args(node: tree.Probe) -> frozenset[str] | None:
    """Return the members of the context that a block names; None if it uses the context as a whole."""
    contexts = ("args", "ctx")
    named, whole = set(), 0
    for n in walk([node.predicate, node.body]):
        if isinstance(n, tree.FieldAccess) and isinstance(n.expr, tree.Name) and n.expr.name in contexts:
            named.add(n.field)
            whole -= 1
        elif isinstance(n, tree.Name):
            whole += n.name in contexts
            if n.name == "retval":
                named.add(n.name)
    return None if whole else frozenset(named)


def _add_user_types(templates: list[Template], table: Kernel, programs: Programs) -> Kernel:
    """Let probes in user programs see the types of these; return the table that knows them all by their full names."""
    users = [template for template in templates if template.probe.kind in USER_PROBES]
    for template in users:
        template.table = UserKernel(table, programs, template.args.target)
    return UserKernel(table, programs) if users else table


def _group_key(spec: AttachSpec, used: frozenset[str] | None, typed: bool) -> object:
    """Return what attach points must share to run one program: the probe type, and the types of what it reads.

    ``typed``: the block names types, which programs may define differently.
    """
    args = None
    origin = spec.target if typed and spec.probe.kind in USER_PROBES else ""
    if spec.args is not None:
        fields = sorted((n, f) for n, f in spec.args.items() if used is None or n in used)
        args = tuple((n, str(f.type), f.dynamic, f.place) for n, f in fields)
        origin = spec.target if spec.program else origin
    elif used is None or used:
        return (spec.probe.kind, spec.text)  # an error will name it
    return (spec.probe.kind, args, origin)


def _declare_maps(program: tree.Program, shared: Globals, diags: Diagnostics) -> None:
    for decl in program.map_decls:
        info = shared.map(decl.name, decl.span)
        if info.decl is not None:
            diags.error(decl.span, f"map {decl.name} is declared twice")
        if decl.kind not in DECLARED_KINDS:
            kinds = ", ".join(DECLARED_KINDS)
            diags.error(decl.span, f"Invalid bpf map type: {decl.kind}", f"valid map types are: {kinds}")
            continue
        info.decl = decl
        if decl.max_entries <= 0:
            diags.error(decl.span, f"map {decl.name} must have at least one entry")


def _settle(shared: Globals) -> bool:
    """Give maps that only initialise themselves (``@a++``) their type; returns whether that changed anything."""
    changed = False
    for info in shared.maps.values():
        if isinstance(info.value, Unknown) and (info.written or info.read) and not info.copied:
            info.value = INT8
            changed = True
    return changed


def _check_complete(shared: Globals, diags: Diagnostics) -> None:
    for info in list(shared.maps.values()):
        if not isinstance(info.value, Unknown) or isinstance(info.value, Wrong):
            continue
        if info.decl and not info.written:
            diags.warning(info.span, f"Unused map: {info.name}")
            del shared.maps[info.name]
        else:
            diags.error(info.span, f"Undefined map: {info.name}")
