"""What there is to probe: the names that kernel packs and programs know, as ``btaot list`` prints them.

A pattern is what an attach point is written as (``t:syscalls:sys_enter_*``), or, without a colon, matches whole lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .dwarf.programs import Programs
from .kernel.merged import MergedKernel
from .kernel.pack import PackKernel
from .kernel.types import (
    CArray,
    CEnum,
    CFloat,
    CFunc,
    CInt,
    CPtr,
    CRef,
    CStruct,
    CType,
    CTypedef,
    Member,
    TracepointField,
)
from .probes.base import has_wildcard
from .probes.counters import HARDWARE, SOFTWARE
from .probes.timers import UNITS
from .syntax.providers import PROVIDERS, canonical_provider
from .syntax.tree import AttachPoint

Pack = PackKernel | MergedKernel
_TAG = re.compile(r"(struct|union|enum)\s+\w+")
_FUNCTIONS = ("kprobe", "kretprobe", "fentry", "fexit")
_PROGRAMS = ("uprobe", "uretprobe", "usdt")
_ITERATOR = re.compile(r"struct bpf_iter__(?!.*__)\w+")  # no flavours


@dataclass(frozen=True, slots=True)
class Line:
    """A probe and the texts of its arguments."""

    text: str
    args: tuple[str, ...] = ()


def find(pattern: str, kernel: Pack, programs: Programs, verbose: bool = False) -> Iterator[Line]:
    """Yield the probes, or the definition of a type, that a pattern names, with their arguments if ``verbose``."""
    if _TAG.fullmatch(pattern):
        yield from _definition(pattern, kernel)
        return
    written, colon, rest = pattern.partition(":")
    provider = canonical_provider(written) if colon else "*"
    wanted = f"{provider}:{rest}" if colon else pattern
    for name in PROVIDERS:
        if not fnmatchcase(name, provider):
            continue
        for text in sorted(_names(name, rest, kernel, programs)):
            if _matches(text, wanted):
                yield Line(text, tuple(_arguments(text, kernel, programs)) if verbose else ())


def patterns(points: list[AttachPoint]) -> list[str]:
    """Return patterns for the attach points of a script: timers and counters are listed without their rates."""
    found = []
    for point in points:
        rated = point.provider in ("interval", "profile", "software", "hardware")
        parts = [*point.parts[:1], ""] if rated else point.parts
        found.append(":".join((point.provider, *parts)))
    return list(dict.fromkeys(found))


def _matches(text: str, wanted: str) -> bool:
    kind, _, rest = wanted.partition(":")
    plain = f"{kind}:{rest.removeprefix('vmlinux:').removeprefix('*:')}"  # modules are not listed
    return any(fnmatchcase(text, form) for form in (wanted, f"{wanted}:", plain))


def _names(provider: str, rest: str, kernel: Pack, programs: Programs) -> Iterator[str]:
    if provider in ("software", "hardware"):
        yield from (f"{provider}:{event}:" for event in (SOFTWARE if provider == "software" else HARDWARE))
    elif provider in ("interval", "profile"):
        yield from (f"{provider}:{unit}:" for unit in UNITS)
    elif provider == "tracepoint":
        groups = kernel.tracepoints().items()
        yield from (f"tracepoint:{category}:{name}" for category, names in groups for name in names)
    elif provider == "rawtracepoint":
        names = {name for group in kernel.tracepoints().values() for name in group}
        yield from (f"rawtracepoint:{name}" for name in names if kernel.raw_tracepoint(name))
    elif provider in _FUNCTIONS:
        yield from {f"{provider}:{name}" for name in kernel.functions()}
    elif provider == "iter":
        packs = kernel.packs if isinstance(kernel, MergedKernel) else (kernel,)
        structs = {name for pack in packs for name in pack.types.names("struct")}
        yield from (f"iter:{name.partition('__')[2]}" for name in structs if _ITERATOR.fullmatch(name))
    elif provider in _PROGRAMS:
        yield from _in_program(provider, rest, programs)
    elif provider in ("begin", "end"):
        yield provider
    elif provider == "self":
        yield "self:signal:SIGUSR1"


def _in_program(provider: str, rest: str, programs: Programs) -> Iterator[str]:
    """Yield the functions or notes of the program that a pattern names; patterns for programs name none."""
    target = rest.partition(":")[0]
    program = programs.find(target) if not has_wildcard(target) else None
    if program is None:
        return
    if provider != "usdt":
        yield from (f"{provider}:{target}:{name}" for name in program.functions)
        return
    for place in program.elf.notes("stapsdt"):
        yield f"usdt:{target}:{place}"


# ---- arguments and definitions


def _arguments(text: str, kernel: Pack, programs: Programs) -> Iterator[str]:
    provider, _, rest = text.partition(":")
    if provider == "tracepoint":
        tracepoint = kernel.tracepoint(*rest.split(":"))
        yield from map(_field_text, tracepoint.fields if tracepoint else ())
    elif provider == "rawtracepoint":
        yield from _parameters(kernel.raw_tracepoint(rest))
    elif provider in _FUNCTIONS:
        function = kernel.function(rest)
        yield from _parameters(function)
        if function and provider == "fexit":
            yield f"{type_text(function.result)} retval"
    elif provider in ("uprobe", "uretprobe"):
        target, _, symbol = rest.rpartition(":")
        program = programs.find(target)
        signature = program.signature(symbol, programs.machine) if program else None
        yield from (f"{type_text(p.type)} {p.name}" for p in (signature.params if signature else ()))


def _field_text(field: TracepointField) -> str:
    return f"{field.type} {field.name}" + (f"[{field.count}]" if field.count else "")


def _parameters(function: CFunc | None) -> Iterator[str]:
    yield from (f"{type_text(ctype)} {name}" for name, ctype in (function.params if function else ()))


def _definition(tag: str, kernel: Pack) -> Iterator[Line]:
    tag = " ".join(tag.split())
    if tag.startswith("enum"):
        enum = kernel.enum(tag)
        if enum:
            yield Line(f"vmlinux: {_enum_text(tag, enum)}")
        return
    struct = kernel.struct(tag)
    if struct:
        yield Line(f"vmlinux: {tag} {_body(struct, kernel, 1)};\n")


def _enum_text(tag: str, enum: CEnum) -> str:
    values = "".join(f"\t{name} = {value},\n" for name, value in enum.values)
    return f"{tag} {{\n{values}}};\n"


def _body(struct: CStruct, kernel: Pack, depth: int) -> str:
    lines = (f"{_member(member, kernel, depth)};\n" for member in struct.members)
    return "{\n" + "".join("\t" * depth + line for line in lines) + "\t" * (depth - 1) + "}"


def _member(member: Member, kernel: Pack, depth: int) -> str:
    bits = f" : {member.bit_size}" if member.bit_size else ""
    counts, ctype = "", member.type
    while isinstance(ctype, CArray):
        counts, ctype = f"{counts}[{ctype.count}]", ctype.elem
    inner = kernel.struct(ctype.name) if isinstance(ctype, CRef) and "(anon" in ctype.name else None
    kind = ctype.name.partition(" ")[0] if isinstance(ctype, CRef) else ""
    text = f"{kind} {_body(inner, kernel, depth + 1)}" if inner else type_text(ctype)
    gap = "" if text.endswith("*") or not member.name else " "
    return f"{text}{gap}{member.name}{counts}{bits}"


def type_text(ctype: CType) -> str:
    """Return a type as C has it, without a name."""
    match ctype:
        case CPtr(target=target):
            text = type_text(target)
            return f"{text}*" if text.endswith("*") else f"{text} *"
        case CArray(elem=elem, count=count):
            return f"{type_text(elem)}[{count}]"
        case CInt() | CFloat():
            return ctype.name
        case CTypedef(name=name):
            return name
        case CRef(name=name):
            return name.partition(" (anon")[0]
        case CFunc(result=result):
            return f"{type_text(result)} ()"
    return "void"
