"""Configuration variables: one line each.  Some act at build time, the others are handed to the runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .diagnostics import Diagnostics

if TYPE_CHECKING:
    from .syntax.tree import ConfigVar


@dataclass(frozen=True, slots=True)
class Variable:
    """``choices``: allowed words, empty for any; ``build`` if it shapes the bytecode."""

    name: str
    type: type
    default: int | bool | str
    choices: tuple[str, ...] = ()
    build: bool = False


LICENSES = ("GPL", "GPL v2", "GPL and additional rights", "Dual MPL/GPL", "Dual BSD/GPL", "Dual MIT/GPL")
MAX_STRLEN = 1 << 30  # bytes; sizes in an executable are numbers of 32 bits
_UNSTABLE = ("error", "warn", "enable")

VARIABLES: dict[str, Variable] = {
    v.name: v
    for v in (
        Variable("cache_user_symbols", str, "", ("PER_PROGRAM", "PER_PID", "NONE")),
        Variable("cpp_demangle", bool, True),
        Variable("lazy_symbolication", bool, False),
        Variable("license", str, "GPL", LICENSES, build=True),
        Variable("dummy_ts_map", str, "", build=True),  # the map that tseries() takes for its clock, in tests
        Variable("log_size", int, 1_000_000),
        Variable("max_bpf_progs", int, 1024),
        Variable("max_cat_bytes", int, 10240),
        Variable("max_map_keys", int, 4096),
        Variable("max_probes", int, 1024),
        Variable("max_strlen", int, 1024, build=True),
        Variable("missing_probes", str, "error", ("error", "warn", "ignore")),
        Variable("on_stack_limit", int, 32, build=True),
        Variable("perf_rb_pages", int, 0),
        Variable("print_maps_on_exit", bool, True),
        Variable("show_debug_info", bool, True),
        Variable("stack_mode", str, "bpftrace", ("bpftrace", "perf", "raw", "build_id"), build=True),
        Variable("str_trunc_trailer", str, ".."),
        Variable("unstable_tseries", str, "warn", _UNSTABLE, build=True),
        Variable("unstable_import_statement", str, "error", _UNSTABLE, build=True),
        Variable("unstable_typeinfo", str, "error", _UNSTABLE, build=True),
        Variable("unstable_dw_ustack", str, "warn", _UNSTABLE, build=True),
    )
}


RENAMED = {
    "strlen": "max_strlen",
    "no_cpp_demangle": "cpp_demangle",
    "cat_bytes_max": "max_cat_bytes",
    "map_keys_max": "max_map_keys",
}
# Accepted, and of no effect.
_DEPRECATED = frozenset(
    {
        "symbol_source", "max_type_res_iterations", "unstable_addr", "unstable_import", "unstable_macro",
        "unstable_map_decl",
    }
)  # fmt: skip
_IGNORED = frozenset({"use_blazesym"})  # about libraries of bpftrace's own
_ENVIRONMENT = frozenset({"btf", "kernel_build", "kernel_source", "vmlinux"})
_LICENSE_PAGE = "https://docs.kernel.org/bpf/bpf_licensing.html#using-bpf-programs-in-the-linux-kernel"
# What to say of a value, by the variable or the start of its name.
_VALUES = {
    "cache_user_symbols": "Invalid value for cache_user_symbols: valid values are PER_PID, PER_PROGRAM, and NONE.",
    "missing_probes": "Invalid value for missing_probes: valid values are ignore, warn, and error.",
    "stack_mode": "Invalid value for stack_mode: valid values are bpftrace, raw, perf, and build_id.",
    "unstable": "Invalid value for unstable config: valid values are enable, warn, and error.",
}


@dataclass
class Config:
    """The variables that a script sets; everything else has its default."""

    values: dict[str, int | bool | str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """Return the value of a variable: ``config.max_strlen``."""
        if name.startswith("_") or name not in VARIABLES:
            raise AttributeError(name)
        return self.values.get(name, VARIABLES[name].default)

    def runtime_rows(self) -> list[tuple[str, str]]:
        """Return what the script set for the runtime, as text."""
        return [
            (name, str(int(value)) if isinstance(value, bool) else str(value))
            for name, value in sorted(self.values.items())
            if not VARIABLES[name].build
        ]


def canonical_name(name: str) -> str:
    """Return the lower-case name without prefix: BPFTRACE_MAX_STRLEN is max_strlen."""
    lower = name.lower()
    return lower.removeprefix("bpftrace_")


def environment_config(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables of an environment that shape the bytecode: BPFTRACE_MAX_STRLEN and so on.

    The others are read by the executable, when it runs.
    """
    return tuple(
        (name, environ[f"BPFTRACE_{name.upper()}"])
        for name, variable in VARIABLES.items()
        if variable.build and f"BPFTRACE_{name.upper()}" in environ
    )


def read_config(rows: list[ConfigVar], diags: Diagnostics, given: Sequence[tuple[str, str]] = ()) -> Config:
    """Return the script's configuration; unknown variables and wrong values are errors.

    ``given`` are variables from outside, which win over the script's.
    """
    config = _read_rows(rows, diags)
    for name, text in given:
        value = _convert(VARIABLES[name], text)
        if value is None or (name == "max_strlen" and int(value) > MAX_STRLEN):
            diags.error(None, f"Invalid value for {name}: {text}", code="config-value")
        else:
            config.values[name] = value
    return config


def _read_rows(rows: list[ConfigVar], diags: Diagnostics) -> Config:
    config = Config()
    for row in rows:
        name = canonical_name(row.name)
        if row.name in _DEPRECATED:
            diags.warning(row.span, f"{row.name} is deprecated and has no effect", code="config-name")
            continue
        if name in RENAMED:
            name = RENAMED[name]
            diags.warning(row.span, f"{row.name} has been renamed, please use {name}", code="config-name")
        variable = VARIABLES.get(name)
        if variable is None:
            _unknown(row, name, diags)
            continue
        value = _convert(variable, row.value)
        if value is None:
            diags.error(row.span, _bad_value(variable, row), code="config-value")
            continue
        if name == "max_strlen" and int(value) > MAX_STRLEN:
            diags.error(row.span, f"{row.name}: {value} is more than {MAX_STRLEN}", code="config-value")
            continue
        config.values[name] = value
    return config


def _unknown(row: ConfigVar, name: str, diags: Diagnostics) -> None:
    if name in _IGNORED:
        return
    what = "can only be set as an environment variable" if name in _ENVIRONMENT else "not a known configuration option"
    diags.error(row.span, f"{row.name}: {what}", code="config-name")


def _bad_value(variable: Variable, row: ConfigVar) -> str:
    if variable.name == "license":
        valid = ", ".join(reversed(LICENSES))
        return (
            f"Invalid value for license. Found: {row.value}. Valid values: {valid}. Read more about BPF programs and"
            f" licensing: {_LICENSE_PAGE}"
        )
    if variable.type is int:
        return f"{row.name}: expecting a number, got {row.value}"
    if variable.type is bool:
        return f"{row.name}: Invalid bool value: valid values are true, false, 1 or 0."
    return f"{row.name}: {_VALUES[variable.name.partition('_')[0] if 'unstable' in variable.name else variable.name]}"


def _convert(variable: Variable, value: int | bool | str) -> int | bool | str | None:
    if variable.type is bool:
        if isinstance(value, int):
            return bool(value)
        return {"true": True, "false": False, "1": True, "0": False}.get(value.lower())
    if variable.type is int:
        if isinstance(value, int):
            return int(value)
        from .syntax.literals import LiteralError, integer_value  # who only reads flags needs no grammar

        try:
            return integer_value(value)[0]
        except LiteralError:
            return None
    if variable.choices:
        same = str.lower if variable.name not in ("stack_mode", "license") else str
        return next((c for c in variable.choices if same(c) == same(str(value))), None)
    return str(value)
