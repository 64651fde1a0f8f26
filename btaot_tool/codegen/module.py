"""One LLVM module per script: symbols, maps, actions, debug information, one function per template."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zlib import crc32

from ..diagnostics import Diagnostics, Span
from ..kernel.types import TypeTable
from ..options import Options
from ..payload.layout import MapFlag, MapRole, StackMode
from ..payload.writer import PayloadWriter
from ..sema.env import DECLARED_KINDS, MapInfo
from ..sema.result import Checked, Template
from ..sema.types import Agg, Stack, Type
from ..symbols import Symbol, SymbolTable
from .actions import Action
from .llvm import I8, I64, PTR, compile_module, data_layout, ir

BPF_MAP = {
    "hash": 1,
    "array": 2,
    "perf_event_array": 4,
    "percpu_hash": 5,
    "percpu_array": 6,
    "lru_hash": 9,
    "lru_percpu_hash": 10,
    "ringbuf": 27,
}
F_RDONLY_PROG = 1 << 7
F_MMAPABLE = 1 << 10
GLOBALS_HEAD = 48
NAME_LIMIT = 127
STACKS_KNOWN = 8192


@dataclass(slots=True)
class MapPlan:
    """How a map is made: the values of its payload row."""

    name: str
    role: MapRole
    bpf_type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: MapFlag = MapFlag(0)
    map_flags: int = 0
    key: Type | None = None
    value: Type | None = None
    loss_off: int = 0
    init: bytes = b""  # of the single entry


@dataclass
class Generated:
    """The result of code generation: an object file and what the payload needs besides."""

    object: bytes
    writer: PayloadWriter
    maps: list[MapPlan]
    map_index: dict[str, int]
    symbols: SymbolTable
    actions: list[Action]
    templates: list[Template]  # with the parts of blocks
    sessions: dict[int, Template]  # the return's template by the index of the entry's (sessions.py)
    scratch_sections: frozenset[str]
    scratch_slot: int
    globals_size: int
    params_slot: int
    ir_text: str = ""


@dataclass
class ModuleGen:
    """State shared by the functions of one module."""

    checked: Checked
    options: Options
    diags: Diagnostics
    module: Any
    symbols: SymbolTable = field(default_factory=SymbolTable)
    actions: list[Action] = field(default_factory=list)
    maps: list[MapPlan] = field(default_factory=list)
    map_index: dict[str, int] = field(default_factory=dict)
    internal: dict[MapRole, int] = field(default_factory=dict)
    scratch_slot: int = 0
    locals: dict[tuple[int, int], int] = field(default_factory=dict)  # offsets of variables (parts.py)
    driven: frozenset[int] = frozenset()  # templates that have parts
    writer: PayloadWriter = field(init=False)

    def __post_init__(self) -> None:
        self.writer = PayloadWriter(self.options.target)

    @property
    def types(self) -> TypeTable:
        """The C types that the script can name."""
        return self.checked.table

    def symbol_global(self, symbol: Symbol, span: Span | None) -> Any:
        """Return the IR declaration of a load-time symbol.

        ``extern_weak`` and i8, so that LLVM assumes nothing of its value (``docs/architecture.md``).
        """
        name = f"s{self.symbols.number(symbol, span)}"
        if name in self.module.globals:
            return self.module.globals[name]
        if symbol.is_load:
            fn = ir.Function(self.module, ir.FunctionType(I64, [PTR]), name)
            fn.attributes.add("nounwind")
            return fn
        var = ir.GlobalVariable(self.module, I8, name)
        var.linkage = "extern_weak"
        var.type = PTR  # untyped, like all pointers
        return var

    def text(self, text: str) -> int:
        """Return the offset of a text in the payload's string table."""
        return self.writer.string(text)

    @cached_property
    def stack_area(self) -> int:
        """Words of the largest stack that any program of the script asks for: a frame is one, four with a build id."""
        sizes = [
            t.limit * (4 if t.mode is StackMode.BUILD_ID else 1)
            for template in self.checked.templates
            for t in template.types.values()
            if isinstance(t, Stack)
        ]
        return max(sizes, default=0)

    def action(self, action: Action) -> int:
        """Add an action and return its number."""
        self.actions.append(action)
        return len(self.actions) - 1

    def internal_map(self, role: MapRole) -> int:
        """Return the index of an internal map, planned on first use."""
        if role not in self.internal:
            self.internal[role] = len(self.maps)
            self.maps.append(_INTERNAL[role]())
        return self.internal[role]

    def table(self, name: str, content: bytes) -> int:
        """Return the index of a map of one entry with this content, which programs only read."""
        known = [i for i, plan in enumerate(self.maps) if plan.role is MapRole.IMPORTED and plan.name == name]
        if not known:
            known = [len(self.maps)]
            self.maps.append(
                MapPlan(
                    name, MapRole.IMPORTED, BPF_MAP["array"], 4, len(content), 1, MapFlag.INTERNAL, F_RDONLY_PROG,
                    init=content,
                )
            )  # fmt: skip
        return known[0]

    def plan_map(self, info: MapInfo) -> int:
        """Return the index of a map of the script, planned on first use."""
        if info.name not in self.map_index:
            self.map_index[info.name] = len(self.maps)
            self.maps.append(_plan(info, len(self.map_index) - 1))
        return self.map_index[info.name]

    @property
    def globals_size(self) -> int:
        """Bytes of the globals map: the head and one loss counter per map."""
        return GLOBALS_HEAD + 8 * len(self.map_index)


_INTERNAL = {
    MapRole.RINGBUF: lambda: MapPlan("ringbuf", MapRole.RINGBUF, BPF_MAP["ringbuf"], 0, 0, 0, MapFlag.INTERNAL),
    MapRole.GLOBALS: lambda: MapPlan(
        "globals", MapRole.GLOBALS, BPF_MAP["array"], 4, 0, 1, MapFlag.INTERNAL, F_MMAPABLE
    ),
    MapRole.SCRATCH: lambda: MapPlan("scratch", MapRole.SCRATCH, BPF_MAP["array"], 4, 0, 0, MapFlag.INTERNAL),
    MapRole.PARAMS: lambda: MapPlan("params", MapRole.PARAMS, BPF_MAP["array"], 4, 0, 1, MapFlag.INTERNAL),
    MapRole.UNWIND: lambda: MapPlan("unwind", MapRole.UNWIND, BPF_MAP["array"], 4, 32, 0, MapFlag.INTERNAL, F_MMAPABLE),
    MapRole.STACKS: lambda: MapPlan(
        "stacks", MapRole.STACKS, BPF_MAP["lru_hash"], 16, 4, STACKS_KNOWN, MapFlag.INTERNAL
    ),
    MapRole.ROW: lambda: MapPlan("row", MapRole.ROW, BPF_MAP["array"], 4, 0, 1, MapFlag.INTERNAL),
    MapRole.LOCALS: lambda: MapPlan("locals", MapRole.LOCALS, BPF_MAP["array"], 4, 0, 1, MapFlag.INTERNAL),
    MapRole.PERF: lambda: MapPlan("packets", MapRole.PERF, BPF_MAP["perf_event_array"], 4, 4, 0, MapFlag.INTERNAL),
}


def _plan(info: MapInfo, number: int) -> MapPlan:
    value = info.value
    percpu = isinstance(value, Agg)
    size = (value.size + 7) // 8 * 8
    loss = GLOBALS_HEAD + 8 * number
    flags = MapFlag.PERCPU if percpu else MapFlag(0)
    if info.keyed is False and (percpu or value.size <= 8):
        kind = "percpu_array" if percpu else "array"
        flags |= MapFlag.SCALAR | MapFlag.PRESENCE
        return MapPlan(info.name, MapRole.USER, BPF_MAP[kind], 4, size + 8, 1, flags, 0, None, value, loss)
    if info.keyed is False:
        return MapPlan(
            info.name, MapRole.USER, BPF_MAP["hash"], 4, value.size, 1, flags | MapFlag.SCALAR, 0, None, value, loss
        )
    kind, entries = "percpu_hash" if percpu else "hash", 0
    if info.decl is not None:
        kind, entries = DECLARED_KINDS[info.decl.kind], info.decl.max_entries
        flags |= MapFlag.USER_SIZED
    return MapPlan(
        info.name, MapRole.USER, BPF_MAP[kind], info.key.size, value.size, entries, flags, 0, info.key, value, loss
    )


def generate(checked: Checked, options: Options, diags: Diagnostics) -> Generated:
    """Generate the code of all templates; raises CompileError for what cannot be expressed in BPF."""
    from .debug import DebugInfo
    from .gen import Gen
    from .limits import check_size
    from .parts import with_parts
    from .sessions import session_returns

    module = ir.Module(name="btaot")
    module.triple = options.target.bpf_triple
    module.data_layout = data_layout(options.target.bpf_triple)
    gen = ModuleGen(checked, options, diags, module)
    debug = DebugInfo(module)
    for info in checked.maps.values():
        gen.plan_map(info)
    gen.internal_map(MapRole.GLOBALS)
    gen.internal_map(MapRole.RINGBUF)
    templates = with_parts(checked)
    gen.driven = frozenset(t.index for t in templates if t.part)
    returns = session_returns(templates)
    scratch = set()
    for template in templates:
        functions = [Gen(gen, template, debug)]
        if template.index in returns and not template.part:
            functions.append(Gen(gen, returns[template.index], debug))
            functions[0].open_session(functions[1].function)
        for function in functions:
            section = function.generate()
            check_size(function.template, function.function, diags)
            if function.uses_scratch:
                scratch.add(section)
    diags.check()
    return _finish(gen, templates, returns, frozenset(scratch))


def _finish(
    gen: ModuleGen, templates: list[Template], sessions: dict[int, Template], scratch: frozenset[str]
) -> Generated:
    text = str(gen.module)
    optimized: list[str] = []
    shown = optimized if "ir" in gen.options.dump else None
    obj = compile_module(text, gen.options.target.bpf_triple, shown)
    slot = gen.checked.config.max_strlen
    sizes = {
        MapRole.GLOBALS: gen.globals_size,
        MapRole.SCRATCH: 8 + gen.scratch_slot,
        MapRole.PARAMS: params_size(gen.checked),
    }
    for role, size in sizes.items():
        if role in gen.internal:
            gen.maps[gen.internal[role]].value_size = size
    return Generated(
        obj,
        gen.writer,
        gen.maps,
        gen.map_index,
        gen.symbols,
        gen.actions,
        templates,
        sessions,
        scratch,
        gen.scratch_slot,
        gen.globals_size,
        slot,
        optimized[0] if optimized else text,
    )


def params_size(checked: Checked) -> int:
    """Bytes of the parameters map: one slot per positional parameter, then one per named string."""
    slot: int = checked.config.max_strlen
    return slot * (checked.positional_count + len(checked.params))


def param_offset(checked: Checked, name: str) -> int:
    """Byte offset of the text of a named parameter in the parameters map."""
    slot: int = checked.config.max_strlen
    return slot * (checked.positional_count + list(checked.params).index(name))


def template_section(template: Template) -> str:
    """Name of the ELF section of a template's code."""
    index = template.index if template.inside is None else template.inside
    return f"prog/{index}" + (f"/{template.part}" if template.part else "")


def program_name(template: Template) -> str:
    """Return the name that the kernel shows for a template's program, as bpftrace forms it: ``interval_us_100000_1``.

    Kernels before 6.1 take at most 127 letters.
    """
    text = template.attaches[0].text
    name, number = re.sub(r"\W", "_", text, flags=re.ASCII), f"_{template.index + 1}"
    if template.part:
        number += f"_{template.part}"
    if template.inside is not None:
        number += "_session"
    if len(name + number) > NAME_LIMIT:
        number = f"_{crc32(text.encode()):08x}{number}"
    return name[: NAME_LIMIT - len(number)] + number
