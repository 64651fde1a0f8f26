"""What code of imported C sources and objects wants of the host: its maps, its data, kernel functions, kernel types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..bpf.btf_view import KIND_PTR, BtfView
from ..bpf.core import CoreKind, CoreReloc
from ..bpf.elf import ObjectError, Section
from ..bpf.link import Foreign
from ..payload.layout import MapFlag, MapRole, SymbolKind
from ..symbols import Symbol, SymbolTable, map_fd, map_value
from .module import BPF_MAP, F_RDONLY_PROG, MapPlan

SHT_NOBITS = 8
#: Kinds of maps that need more than numbers to be made.
_INNER = {3: "prog array", 12: "array of maps", 13: "hash of maps", 26: "struct_ops", 27: "ring buffer"}
_KERNEL_OBJECTS = ("bpf_timer", "bpf_spin_lock", "bpf_list_head", "bpf_rb_root", "bpf_wq", "bpf_res_spin_lock")

_CORE: dict[CoreKind, Callable[[CoreReloc], Symbol]] = {
    CoreKind.FIELD_OFFSET: lambda r: Symbol(SymbolKind.FIELD_OFFSET, r.root, r.path),
    CoreKind.FIELD_SIZE: lambda r: Symbol(SymbolKind.FIELD_SIZE, r.root, r.path),
    CoreKind.FIELD_EXISTS: lambda r: Symbol(SymbolKind.FIELD_EXISTS, r.root, r.path),
    CoreKind.FIELD_LSHIFT: lambda r: Symbol(SymbolKind.FIELD_LSHIFT, r.root, r.path),
    CoreKind.FIELD_RSHIFT: lambda r: Symbol(SymbolKind.FIELD_RSHIFT, r.root, r.path),
    CoreKind.TYPE_EXISTS: lambda r: Symbol(SymbolKind.TYPE_EXISTS, r.root),
    CoreKind.TYPE_SIZE: lambda r: Symbol(SymbolKind.TYPE_SIZE, r.root),
    CoreKind.ENUM_EXISTS: lambda r: Symbol(SymbolKind.ENUM_EXISTS, r.root, r.path),
    CoreKind.ENUM_VALUE: lambda r: Symbol(SymbolKind.ENUM_VALUE, r.root, r.path),
}


@dataclass
class HostWants:
    """Adds rows to the tables of symbols and maps for what linked code asks for (``bpf.link.Wants``)."""

    symbols: SymbolTable
    maps: list[MapPlan]
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def map(self, owner: Foreign, name: str) -> str:
        """Descriptor of a map that an object defines in its section ``.maps``."""
        if (owner.title, name) not in self._known:
            self._add(owner, name, _defined_map(owner, name))
        return self._name(map_fd(self._known[owner.title, name]))

    def data(self, owner: Foreign, section: Section, offset: int) -> str:
        """Address inside a data section, which becomes a map of one entry."""
        if (owner.title, section.name) not in self._known:
            self._add(owner, section.name, _data_map(section))
        return self._name(map_value(self._known[owner.title, section.name], offset))

    def core(self, owner: Foreign, reloc: CoreReloc) -> str:
        """A fact of the host's types."""
        if reloc.kind not in _CORE:
            what = reloc.kind.name.lower().replace("_", " ")
            raise ObjectError(f"{owner.title}: CO-RE relocation '{what}' of '{reloc.root}' is not supported")
        if not reloc.root and reloc.kind is not CoreKind.ENUM_VALUE:
            raise ObjectError(f"{owner.title}: CO-RE relocation of a type without a name")
        return self._name(_CORE[reloc.kind](reloc))

    def kernel_function(self, name: str, call: bool) -> str:
        """A kernel function to be called, or whether there is one."""
        return self._name(Symbol(SymbolKind.KFUNC, name, imm=0 if call else 1))

    def kernel_address(self, name: str) -> str:
        """Address of a kernel symbol."""
        return self._name(Symbol(SymbolKind.KADDR, name))

    def _add(self, owner: Foreign, name: str, plan: MapPlan) -> None:
        self._known[owner.title, name] = len(self.maps)
        self.maps.append(plan)

    def _name(self, symbol: Symbol) -> str:
        return f"s{self.symbols.number(symbol, None)}"


def _data_map(section: Section) -> MapPlan:
    size = (len(section.data) + 7) // 8 * 8
    filled = section.type != SHT_NOBITS and any(section.data)
    init = section.data.ljust(size, b"\0") if filled else b""
    flags = F_RDONLY_PROG if section.name.startswith(".rodata") else 0
    return MapPlan(section.name, MapRole.IMPORTED, BPF_MAP["array"], 4, size, 1, MapFlag.INTERNAL, flags, init=init)


def _defined_map(owner: Foreign, name: str) -> MapPlan:
    """Read a definition as libbpf's macros write it: every member is a pointer whose type holds a number or a type."""
    view = owner.view
    variable = next((v for v in view.variables.get(".maps", []) if v.name == name), None)
    definition = view.plain(variable.type) if variable else 0
    if not view.is_record(definition):
        raise ObjectError(f"{owner.title}: the map '{name}' has no definition in the type information")
    numbers = {"type": 0, "key_size": 0, "value_size": 0, "max_entries": 1, "map_flags": 0}
    for member in view.fields(definition):
        target = view.plain(member.type)
        if member.name in ("key", "value") and view.kind(target) == KIND_PTR:
            numbers[f"{member.name}_size"] = view.size(view.target(target))
            _refuse_kernel_objects(owner, name, view, view.plain(view.target(target)))
        elif member.name in numbers and view.kind(target) == KIND_PTR:
            numbers[member.name] = view.array(view.plain(view.target(target)))[1]
        elif member.name != "numa_node":
            raise ObjectError(f"{owner.title}: '{member.name}' of the map '{name}' is not supported")
    if numbers["type"] in _INNER:
        raise ObjectError(f"{owner.title}: the map '{name}' is of a kind ({_INNER[numbers['type']]})"
                          " that is not supported")  # fmt: skip
    return MapPlan(
        name, MapRole.IMPORTED, numbers["type"], numbers["key_size"], numbers["value_size"], numbers["max_entries"],
        MapFlag.INTERNAL, numbers["map_flags"],
    )  # fmt: skip


def _refuse_kernel_objects(owner: Foreign, name: str, view: BtfView, value: int) -> None:
    """Locks and timers in values are found by the map's BTF, which is not passed on."""
    for member in view.fields(value) if view.is_record(value) else []:
        if view.name(view.plain(member.type)) in _KERNEL_OBJECTS:
            kind = view.name(view.plain(member.type))
            raise ObjectError(f"{owner.title}: the map '{name}' holds a 'struct {kind}', which is not supported")
