"""Services of the checker: errors, literals, what is known of maps, types as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .. import library
from ..config import Config
from ..diagnostics import Diagnostics, Span, Stage
from ..dwarf.programs import Programs
from ..kernel.types import CFunc, Kernel, TypeTable
from ..options import Options
from ..payload.layout import TypeKind
from ..probes.base import AttachSpec
from ..syntax import tree
from ..syntax.walk import walk
from .convert import convert, literal_value
from .ctypes import BASIC, enum_type, from_c, struct_type
from .env import Globals, MapInfo, Scopes, Variable
from .result import NamedParam, Template
from .types import NAMED_TYPES, NOTHING, Agg, Array, Buffer, Int, Ptr, Space, Str, Type, Unknown, Void, Wrong, type_word
from .waves import wave_of
from .widening import join, literal_type


class CheckerService:
    """What typing rules, of the library too, build on; ``checker.ExpressionChecker`` adds the expressions."""

    def __init__(
        self,
        template: Template,
        shared: Globals,
        kernel: Kernel,
        types: TypeTable,
        options: Options,
        diags: Diagnostics,
        config: Config,
        params: dict[str, NamedParam],
    ) -> None:
        self.template = template
        self.shared = shared
        self.kernel = kernel
        self.table = types
        self.options = options
        self.diags = diags
        self.config = config
        self.functions: Mapping[str, CFunc] = {}  # of imported C sources
        self.programs: Programs | None = None  # that the script probes, as this machine has them
        self.subprograms: frozenset[str] = frozenset()  # names of functions of the script (fn)
        self.max_strlen: int = config.max_strlen
        self.stack_mode: str = config.stack_mode
        self.dummy_ts_map: str = config.dummy_ts_map
        self.params = params
        self.scopes = Scopes()
        self.final = False
        self.loops = 0  # around this place
        self.callbacks = 0  # the loops among them that run as a callback: for
        self.positional = 0
        self.copies = shared.copies
        self.host_branches = 0  # around this place: conditions that only the host can decide

    # ---- service to library entries ------------------------------------------------------------

    @property
    def space(self) -> Space:
        """Address space of pointers that the probe's context holds."""
        return self.template.probe.space

    def error(self, node: tree.Node | Span, message: str, hint: str = "", stage: Stage = Stage.CHECKS) -> Type:
        """Note an error; return the type of what is wrong: at the last stage it is some type, earlier none is known."""
        self.diags.error(node if isinstance(node, Span) else node.span, message, hint, stage=stage)
        return Wrong() if stage is Stage.CHECKS else Unknown()

    def warning(self, node: tree.Node, message: str, hint: str = "", stage: Stage = Stage.CHECKS) -> None:
        """Note a warning."""
        self.diags.warning(node.span, message, hint, stage=stage)

    def expr(self, node: tree.Expr) -> Type:
        """Return the type of an expression and note it."""
        method = getattr(self, f"_{type(node).__name__}")
        before = len(self.diags.items)
        result: Type = method(node)
        refused = isinstance(result, Unknown) and len(self.diags.items) > before
        if refused and not _has_no_type(node):
            result = Wrong()
        self.template.types[node] = result
        return result

    def arg(self, node: object) -> Type:
        """Return the type of an argument that must be an expression."""
        if isinstance(node, tree.Expr):
            return self.expr(node)
        assert isinstance(node, tree.Node)
        return self.error(node, "expected an expression, found a type")

    def text_of(self, node: tree.Expr, found: Type) -> Type:
        """Return the type of an expression where a string is expected: that of a parameter is its text."""
        if not isinstance(node, tree.Positional) or isinstance(found, Str):
            return found
        text = tree.Call(node.span, "str", [tree.Positional(node.span, node.index)])
        self.template.lowered.setdefault(node, text)
        return self.expr(node)

    def literal_int(self, call: tree.Node, node: object, name: str, message: str = "") -> int | None:
        """Return the value of an integer literal, an argument of a call; None after noting an error."""
        assert isinstance(node, tree.Node)
        value = literal_value(node)
        if value is not None and isinstance(node, tree.Expr):
            self.expr(node)
            return value
        if isinstance(node, tree.Name) and (value := self._constant(node)) is not None:
            return value
        self._no_literal(call, node, message or f"{name}() expects a int literal (%s provided)")
        return None

    def literal_str(self, call: tree.Node, node: object, name: str, message: str = "") -> str | None:
        """Return the text of a string literal, an argument of a call; None after noting an error."""
        assert isinstance(node, tree.Node)
        if isinstance(node, tree.StringLiteral):
            self.expr(node)
            return node.value
        self._no_literal(call, node, message or f"{name}() expects a string literal (%s provided)")
        if isinstance(node, tree.Positional) and not message:
            self.error(node, f"Use str(${node.index}) to treat ${node.index} as a string")
        return None

    def given_text(self, node: object) -> str | None:
        """Return ``$1`` for ``str($1)``, which may name what only the host knows; None for anything else."""
        if not isinstance(node, tree.Call) or node.name != "str" or len(node.args) != 1:
            return None
        parameter = node.args[0]
        if not isinstance(parameter, tree.Positional):
            return None
        self.expr(parameter)
        return f"${parameter.index}"

    def _no_literal(self, call: tree.Node, node: tree.Node, message: str) -> None:
        found = self.arg(node)
        if not isinstance(found, Unknown) or "%" not in message:
            self.error(call, message.replace("%s", type_word(found)), _parameter_hint(node))

    def map_of(self, node: tree.MapRef) -> MapInfo:
        """Return what is known of a map."""
        return self.shared.map(node.name, node.span)

    def use_key(self, info: MapInfo, node: tree.Node, key: Type | None, key_node: tree.Node | None = None) -> None:
        """Join the key of one use of a map, which ``key_node`` gives; None stands for a use without key."""
        keyed = key is not None
        if info.keyed is None:
            info.keyed = keyed
            self.shared.changed = True
        elif info.keyed != keyed:
            if keyed:
                self.error(
                    node,
                    f"{info.name} used as a map with an explicit key (non-scalar map), previously used"
                    " without an explicit key (scalar map)",
                    stage=Stage.TYPES,
                )
            else:
                self.error(
                    node,
                    f"{info.name} used as a map without an explicit key (scalar map), previously used"
                    " with an explicit key (non-scalar map)",
                    stage=Stage.TYPES,
                )
            return
        if key is not None and not isinstance(key, Unknown):
            self._join_key(info, node, key, key_node or node)

    def _join_key(self, info: MapInfo, node: tree.Node, key: Type, key_node: tree.Node) -> None:
        if key is NOTHING:
            self.error(key_node, "Invalid map key type: none")
            return
        if isinstance(key, Void) or (isinstance(key, Agg) and not key.castable):
            self.error(node, f"Value '{key}' cannot be used as a map key.", stage=Stage.TYPES)
            return
        key = Int(8, key.signed) if isinstance(key, Agg) else key
        joined = join(info.key, key)
        place, wave = ("key", info.name), self.wave(key_node)
        if joined is None:

            def say(where: tree.Node, found: Type, known: Type) -> None:
                self.error(
                    where,
                    f"Argument mismatch for {info.name}: trying to access with arguments: '{found}' when map"
                    f" expects arguments: '{known}'",
                    stage=Stage.TYPES,
                )

            self.shared.waves.blame(place, node, (key, info.key), wave, say)
            return
        self.shared.waves.note(place, node, key, wave)
        if joined != info.key:
            info.key = joined
            self.shared.changed = True
        elif not convert(self, key_node, key, info.key):
            self.error(
                node,
                f"Type mismatch for {info.name}: trying to assign key of type '{key}' when map already has a key type"
                f" '{info.key}'",
                stage=Stage.CONVERSIONS,
            )

    def use_value(self, info: MapInfo, node: tree.Node, value: Type, value_node: tree.Node | None = None) -> None:
        """Join the value that is stored in a map, which ``value_node`` gives."""
        info.written = True
        info.writers.add(self.template.index)
        if isinstance(value, Unknown):
            if isinstance(info.value, Unknown) and isinstance(value, Wrong):
                info.value = value
            return
        joined = join(info.value, value)
        place, wave = ("value", info.name), self.wave(value_node)
        if joined is None and (what := _other_parameters(info.value, value)):
            self.error(node, what, stage=Stage.TYPES)
            return
        if joined is None:

            def say(where: tree.Node, found: Type, known: Type) -> None:
                self.error(
                    where,
                    f"Type mismatch for {info.name}: trying to assign value of type '{found}' when map already"
                    f" has a type '{known}'",
                    stage=Stage.TYPES,
                )

            self.shared.waves.blame(place, node, (value, info.value), wave, say)
            return
        self.shared.waves.note(place, node, value, wave)
        if joined != info.value:
            info.value = joined
            self.shared.changed = True
        elif not isinstance(value, Agg) and not convert(self, value_node or node, value, info.value):
            self.error(
                node,
                f"Type mismatch for {info.name}: trying to assign value of type '{value}' when map already has a value"
                f" type '{info.value}'",
                stage=Stage.CONVERSIONS,
            )

    def wave(self, node: tree.Node | None) -> int:
        """Return the wave in which the type of a value is learnt; 1 for one that no expression gives."""
        return wave_of(node, self._place_wave) if isinstance(node, tree.Expr) else 1

    def _place_wave(self, node: tree.Variable | tree.MapRef | tree.MapAccess) -> int:
        if isinstance(node, tree.Variable):
            variable = self.scopes.find(node.name)
            return self.shared.waves.first(self.variable_key(variable)) if variable else 0
        info = self.map_of(node.map if isinstance(node, tree.MapAccess) else node)
        return self.shared.waves.first(("value", info.name))

    def variable_key(self, variable: Variable) -> tuple[int, int]:
        """Return what tells a scratch variable from all others."""
        return (self.template.index, id(variable.decl))

    def assign_variable(self, node: tree.Node, target: tree.Variable, value: Type) -> None:
        """Join a value into the type of a scratch variable (``statements.Checker``)."""
        raise NotImplementedError

    def type_name(self, node: tree.TypeName | tree.TypeOf) -> Type:
        """Return the type that a written type stands for."""
        if isinstance(node, tree.TypeOf):
            return self._operand(node)
        suffixes = list(node.suffixes)
        base = self._base_type(node, suffixes)
        for suffix in suffixes:
            base = Ptr(base, self.space) if suffix == "*" else Array(base, int(suffix))
        return base

    def _base_type(self, node: tree.TypeName, suffixes: list[str | int]) -> Type:
        if node.name in ("string", "buffer"):
            size = int(suffixes.pop(0)) if suffixes and isinstance(suffixes[0], int) else 0
            return Str(size) if node.name == "string" else Buffer(size or self.max_strlen)
        if node.name == "void":
            return Void()
        if node.name in BASIC:
            return BASIC[node.name]
        if node.name in NAMED_TYPES:
            return NAMED_TYPES[node.name]
        if node.name.startswith(("struct ", "union ", "enum ")):
            return self._tagged_type(node)
        typedef = self.table.typedef(node.name)
        if typedef is not None:
            return from_c(typedef, self.table, self.space)
        for tag in ("struct", "union", "enum"):
            if found := self._find_tagged(f"{tag} {node.name}"):
                return found
        return self.error(node, f'Cannot resolve unknown type "{node.name}"', stage=Stage.TYPES)

    def _find_tagged(self, name: str) -> Type | None:
        if name.startswith("enum "):
            enum = self.table.enum(name)
            return replace(enum_type(enum), bytes=8) if enum else None  # only members of structs are as small as in C
        return struct_type(name, self.table, self.space)

    def _tagged_type(self, node: tree.TypeName) -> Type:
        found = self._find_tagged(node.name)
        if found:
            return found
        return self.error(
            node,
            f'Cannot resolve unknown type "{node.name}"',
            "the kernel pack does not know it; define it in the script, or build with another pack"
            " (btaot kernel capture)",
            stage=Stage.TYPES,
        )

    def _constant(self, node: tree.Name) -> int | None:
        found = self.table.enumerator(node.name)
        if found is not None:
            self.template.constants[node] = found[1]
            self.template.types[node] = replace(enum_type(found[0]), bytes=8)  # a literal is as wide as any
            return found[1]
        value = self.table.constant(node.name)
        if value is not None:
            self.template.constants[node] = value
            self.template.types[node] = literal_type(value)
        return value

    def _operand(self, node: tree.Sizeof | tree.Offsetof | tree.TypeInfo | tree.TypeOf) -> Type:
        """Return the type that a type operator is about; a lone name may be a type."""
        operand = node.operand
        if isinstance(operand, tree.MapRef) and (info := self.map_of(operand)).keyed is not False:
            self.template.types[operand] = info.key  # a map with keys stands for the type of its key
            return info.key
        if isinstance(operand, tree.Name) and self._is_type(operand.name):
            found = self.type_name(tree.TypeName(operand.span, operand.name))
        else:
            found = self.expr(operand) if isinstance(operand, tree.Expr) else self.type_name(operand)
        self.template.types[operand] = found
        return found

    def _is_type(self, name: str) -> bool:
        if library.find(name) is not None or self.table.enumerator(name) is not None:
            return False
        tagged = (f"{tag} {name}" for tag in ("struct", "union", "enum"))
        known = name in BASIC or name in NAMED_TYPES or name in ("string", "buffer", "void")
        known = known or self.table.typedef(name) is not None
        return known or any(self._find_tagged(tag) for tag in tagged)


def _has_no_type(node: tree.Expr) -> bool:
    """Tell whether what was refused is without type to bpftrace, too, which says more then."""
    return isinstance(node, tree.Variable | tree.Unary | tree.TypeInfo) or (
        isinstance(node, tree.Name) and library.find(node.name) is None
    )


def _other_parameters(known: Type, value: Type) -> str:
    """Say how two aggregations of one kind differ."""
    if not (isinstance(known, Agg) and isinstance(value, Agg) and known.kind is value.kind):
        return ""
    return {
        TypeKind.HIST: "Different bits in a single hist unsupported",
        TypeKind.LHIST: "Different lhist bounds in a single map unsupported",
        TypeKind.TSERIES: "Different tseries bounds in a single map unsupported",
    }.get(known.kind, "")


def _parameter_hint(node: tree.Node) -> str:
    """Explain why a parameter cannot stand where a literal is wanted."""
    if not any(isinstance(part, tree.Positional) for part in walk(node)):
        return ""
    return "the value is needed when the script is compiled, a parameter has one only when it runs"


def missing_args(spec: AttachSpec) -> tuple[str, str]:
    """Return why nothing is known of an attach point's arguments, and what to do."""
    if spec.no_args:
        return spec.no_args
    if spec.args is not None:
        return "Cannot read function parameters", f"{spec.text} has none"
    return (
        f"the kernel pack does not know the arguments of {spec.text}",
        "capture a pack on a host that has it: btaot kernel capture",
    )
