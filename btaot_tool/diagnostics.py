"""Source positions and diagnostics: what is wrong, where, and what to do about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import lru_cache


@lru_cache(8)
def _lines(text: str) -> list[str]:
    return text.split("\n")


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read: a script, an imported file, or a C header."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """Return the 1-based line without its newline, or '' past the end."""
        lines = _lines(self.text)
        return lines[number - 1] if 1 <= number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a source: 1-based lines and columns, the end column is exclusive.

    ``parent`` is the call that a place in a macro was expanded from.
    """

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int
    parent: Span | None = None

    def within(self, call: Span) -> Span:
        """Return this place in a macro as the expansion of a call shows it."""
        parent = call if self.parent is None else self.parent.within(call)
        return Span(self.source, self.line, self.column, self.end_line, self.end_column, parent)

    @property
    def outermost(self) -> Span:
        """The place that no macro holds: the call that everything was expanded from."""
        return self if self.parent is None else self.parent.outermost

    def __str__(self) -> str:
        """Return ``file:line:first-last`` as bpftrace writes it."""
        if self.line == self.end_line:
            return f"{self.source.name}:{self.line}:{self.column}-{self.end_column}"
        return f"{self.source.name}:{self.line}-{self.end_line}"


class Stage(enum.IntEnum):
    """When bpftrace finds what a diagnostic says; after a stage with errors it stops."""

    PROBES = 0  # macros, named parameters, builtins that a probe type lacks
    SHAPE = 1  # before types are looked at: variables, numbers of arguments, literals
    TYPES = 2  # while types are inferred
    CONVERSIONS = 3  # of values to the types of their places
    CHECKS = 4  # when everything has its type


class Severity(enum.Enum):
    """How bad it is; the value is the word that is printed."""

    ERROR = "ERROR"
    WARNING = "WARNING"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message about a place in the script."""

    severity: Severity
    message: str
    span: Span | None = None
    hint: str = ""
    code: str = ""  # stable name, kebab-case, for tests and -W options
    notes: tuple[tuple[Span, str], ...] = ()  # other places that have to do with it
    stage: Stage = field(default=Stage.CHECKS, compare=False)
    quoted: str = ""  # a line of clang's that says it, as bpftrace shows it

    def render(self) -> str:
        """Return the message with its source line and a row of marks; then notes, hint and macro calls."""
        text = f"{self.quoted}\n" if self.quoted else ""
        text += self._place(self.span, self.message) if self.span else f"{self.severity.value}: {self.message}"
        for span, message in self.notes:
            text += "\n" + self._place(span, message)
        if self.hint:
            text += f"\nHINT: {self.hint}"
        call = self.span.parent if self.span else None
        while call is not None:
            text += "\n" + self._place(call, "expanded from")
            call = call.parent
        return text

    def _place(self, span: Span, message: str) -> str:
        return f"{span}: {self.severity.value}: {message}\n{quote(span)}"


def quote(span: Span) -> str:
    """Return the line of a place with its part marked, tabs as four spaces; all lines of a longer place as they are."""
    if span.end_line != span.line:
        return "\n".join(span.source.line(n) for n in range(span.line, span.end_line + 1))
    line = span.source.line(span.line)
    marks = ("~" if n + 1 >= span.column else " " for n in range(min(len(line), span.end_column - 1)))
    marked = "".join(mark * (4 if line[n] == "\t" else 1) for n, mark in enumerate(marks))
    return line.replace("\t", "    ") + "\n" + marked


class CompileError(Exception):
    """The compilation failed; carries every diagnostic found until then."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(d.render() for d in diagnostics))


@dataclass
class Diagnostics:
    """Collects what the stages find; a stage ends with ``check()``."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        span: Span | None,
        message: str,
        hint: str = "",
        code: str = "",
        notes: tuple[tuple[Span, str], ...] = (),
        stage: Stage = Stage.CHECKS,
        quoted: str = "",
    ) -> None:
        """Note an error; compilation goes on to the end of the stage to find more of them."""
        self._add(Diagnostic(Severity.ERROR, message, span, hint, code, notes, stage, quoted))

    def warning(
        self,
        span: Span | None,
        message: str,
        hint: str = "",
        code: str = "",
        notes: tuple[tuple[Span, str], ...] = (),
        stage: Stage = Stage.CHECKS,
    ) -> None:
        """Note a warning."""
        self._add(Diagnostic(Severity.WARNING, message, span, hint, code, notes, stage))

    def fatal(self, span: Span | None, message: str, hint: str = "", code: str = "") -> CompileError:
        """Note an error and return the exception that ends the compilation: ``raise diags.fatal(...)``."""
        self.error(span, message, hint, code)
        return CompileError(self.items)

    def take(self, found: Diagnostics) -> None:
        """Take over what was found, in the order of the stages, up to the end of the first that has errors."""
        errors = [d.stage for d in found.items if d.severity is Severity.ERROR]
        last = min(errors, default=Stage.CHECKS)
        for item in sorted(found.items, key=lambda d: d.stage):
            if item.stage <= last:
                self._add(item)

    @property
    def failed(self) -> bool:
        """Whether an error was noted."""
        return any(d.severity is Severity.ERROR for d in self.items)

    def check(self) -> None:
        """Raise CompileError if an error was noted."""
        if self.failed:
            raise CompileError(self.items)

    def _add(self, item: Diagnostic) -> None:
        if item not in self.items:
            self.items.append(item)
