"""The result of checking: what code generation works from."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..config import Config
from ..dwarf.layered import UserKernel
from ..expand.native import NativeCode
from ..kernel.types import Kernel, TypeTable
from ..payload.layout import ParamType, ProbeKind
from ..probes import AttachSpec, ProbeType
from ..syntax import tree
from .env import MapInfo, Variable
from .types import Type


@dataclass
class Template:
    """One program: a block of the script for attach points that see the same types.

    Tables are keyed by node identity: nodes are shared between templates, their types are not.
    """

    index: int
    probe: ProbeType
    node: tree.Probe
    attaches: list[AttachSpec]
    types: dict[tree.Node, Type] = field(default_factory=dict)
    variables: dict[tree.Node, Variable] = field(default_factory=dict)  # uses -> declaration
    constants: dict[tree.Node, int | str] = field(default_factory=dict)  # names that stand for a value
    lowered: dict[tree.Node, tree.Expr] = field(default_factory=dict)  # nodes that stand for another expression
    table: UserKernel | None = None  # of a probe in a user program: knows its types
    part: int = 0  # which part of its block, from 1 (``codegen/parts.py``), with its statements
    statements: tuple[tree.Stmt, ...] = ()
    inside: int | None = None  # the template whose program has it as a function (``codegen/sessions.py``)
    typed: bool = False  # a raw tracepoint that passes its pointers on as what they are

    @property
    def kind(self) -> ProbeKind:
        """The provider that runs it."""
        raw = self.probe.kind is ProbeKind.RAW_TRACEPOINT
        return ProbeKind.TYPED_TRACEPOINT if raw and self.typed else self.probe.kind

    @property
    def args(self) -> AttachSpec:
        """The attach point whose arguments type the template."""
        return self.attaches[0]


@dataclass
class NamedParam:
    """A parameter asked for with getopt()."""

    name: str
    type: ParamType
    default: int | str
    help: str = ""


@dataclass
class Checked:
    """A checked script."""

    program: tree.Program
    kernel: Kernel
    table: TypeTable  # of the script's C definitions over the kernel's
    config: Config
    templates: list[Template]
    maps: dict[str, MapInfo]
    variables: dict[tuple[int, int], Type]
    params: dict[str, NamedParam]
    positional_count: int = 0
    native: NativeCode = field(default_factory=NativeCode)
    files: list[str] = field(default_factory=list)  # user programs that were read

    def variable_type(self, template: Template, variable: Variable) -> Type:
        """Return the inferred type of a scratch variable."""
        return self.variables[(template.index, id(variable.decl))]
