"""Reads C definitions: the C section of a script and what it includes, through clang.

Two or three short runs of the compiler: the preprocessor (names and macros); the types, as BTF with a reference to
every name, together with the values of the macros; and that once more without the macros that turned out to be no
constants.  Layouts are those of the target; where headers look for its predefined macros they find them.

Headers: UAPI headers come with the compiler.  One that only the kernel's own source tree has (<linux/dcache.h>,
<net/sock.h>) is taken as empty: its types and constants are found in the kernel pack.
"""

from __future__ import annotations

import ast
import re
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..bpf.elf import ElfObject
from ..diagnostics import CompileError, Diagnostics, Source, Span
from ..targets import Target
from ..zig import ZIG_HINT, ZigMissing, zig_directory
from .btf import read_btf
from .cheaders import HeaderStubs
from .clang import run_clang, target_options
from .cprelude import Borrowed, borrow_types
from .cscan import Macro, Scan, scan_preprocessed
from .image import TypeImage
from .types import CArray, CEnum, CFunc, CPtr, CStruct, CType, CTypedef, TypeTable

_SECTION = "section.c"  # what the compiler calls the script's C section
_PRELUDE = "prelude.h"
_VALUES, _TYPES = "btaot-values", "btaot-types"

_NOT_FOUND = re.compile(r"fatal error: '([^']+)' file not found")
_MESSAGE = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<kind>(?:fatal )?error): (?P<text>.*)$", re.M
)
_STRING = re.compile(r'\(?\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)?')
_WORD = re.compile(r"\b[A-Za-z_]\w*")
_NO_EXPRESSION = re.compile(r'[{};"=?]|\+\+|--|^\s*$|^\s*\(\s*\)|__attribute__')
_NUMBER = re.compile(r"\b\d[\w.]*")
_TYPE_WORDS = (
    "int",
    "unsigned",
    "signed",
    "long",
    "short",
    "char",
    "struct",
    "union",
    "enum",
    "const",
    "void",
    "_Bool",
)
_EXPRESSION_WORDS = frozenset((*_TYPE_WORDS, "sizeof"))


@dataclass(slots=True)
class CDefinitions:
    """A ``TypeTable`` of C definitions.  ``own`` tells the script's definitions (and those of its own headers) from
    UAPI's.

    ``macros`` are all macros as text, ``strings`` the values of those that are strings; ``files`` the script's own
    headers.
    """

    image: TypeImage
    scan: Scan
    borrowed: Borrowed
    kernel: TypeTable | None
    values: dict[str, int]
    loose: dict[str, CEnum]
    files: tuple[Path, ...]
    strings: dict[str, str] = field(default_factory=dict)

    @property
    def macros(self) -> dict[str, Macro]:
        """Return all macros."""
        return self.scan.macros

    def struct(self, name: str) -> CStruct | None:
        """Return the struct or union ("struct x", "union x")."""
        found = None if name in self.borrowed.tags else self.image.struct(name)
        if found is None:
            return None
        members = tuple(replace(member, type=self._restore(member.type)) for member in found.members)
        return replace(found, members=members)

    def enum(self, name: str) -> CEnum | None:
        """Return the enum ("enum x")."""
        if name in self.borrowed.tags:
            return None
        return self.image.enum(name) or next((enum for enum in self.loose.values() if enum.name == name), None)

    def typedef(self, name: str) -> CType | None:
        """Return what the typedef stands for."""
        found = None if name in self.borrowed.typedefs else self.image.typedef(name)
        return None if found is None else self._restore(found)

    def enumerator(self, name: str) -> tuple[CEnum, int] | None:
        """Find an enumerator of any enum."""
        if name in self.loose:
            return self.loose[name], self.values[name]
        return self.image.enumerator(name)

    def constant(self, name: str) -> int | None:
        """Return the value of an integer macro."""
        return None if name in self.loose else self.values.get(name)

    def function(self, name: str) -> CFunc | None:
        """Return nothing: the C section defines no kernel functions."""
        return None

    def own(self, name: str) -> bool:
        """Tell whether a tag ("struct x"), typedef, enumerator or macro is the script's own definition."""
        macro = self.scan.macros.get(name)
        file = macro.file if macro else self.scan.tags.get(name) or self.scan.typedefs.get(name)
        file = file or self.scan.enumerators.get(name, "")
        return bool(file) and not file.startswith(str(zig_directory()))

    def _restore(self, ctype: CType) -> CType:
        """Give the kernel's own meaning back to typedefs that were declared for the compiler only."""
        match ctype:
            case CTypedef(name, target):
                if name in self.borrowed.typedefs and self.kernel is not None:
                    target = self.kernel.typedef(name) or target
                return CTypedef(name, self._restore(target))
            case CPtr(target, tags):
                return CPtr(self._restore(target), tags)
            case CArray(elem, count):
                return CArray(self._restore(elem), count)
            case CFunc(result, params, variadic):
                return CFunc(self._restore(result), tuple((n, self._restore(p)) for n, p in params), variadic)
        return ctype


def parse_c(
    text: str, target: Target, source: Source, kernel: TypeTable | None = None, include: Sequence[Path] = ()
) -> CDefinitions:
    """Read the C section of a script, whose lines are where they are in the script.

    ``kernel`` knows the types that the section uses without defining them; ``include`` are directories of own
    headers, the script's first.  Raises CompileError with the compiler's messages at the script's lines.
    """
    if target.bits != 64:
        raise Diagnostics().fatal(None, f"C definitions are not supported for the 32-bit target {target.name} yet")
    with tempfile.TemporaryDirectory() as name:
        try:
            return _Reader(text, target, source, kernel, include, Path(name)).read()
        except ZigMissing as error:
            raise Diagnostics().fatal(None, str(error), hint=ZIG_HINT) from None


class _Reader:
    def __init__(
        self,
        text: str,
        target: Target,
        source: Source,
        kernel: TypeTable | None,
        include: Sequence[Path],
        scratch: Path,
    ) -> None:
        self._text = text
        self._source = source
        self._kernel = kernel
        self._redefined = ""  # a struct of the kernel that the script defines itself
        self._scratch = scratch
        self._options = target_options(target)
        for directory in include:
            path = str(directory.absolute())
            self._options += ["-iquote", path, "-idirafter", path]
        self._stubs = HeaderStubs(target, text, scratch / "headers")
        self._options += self._stubs.options

    def read(self) -> CDefinitions:
        """Run the compiler as often as needed and put together what it says."""
        scan = scan_preprocessed(self._preprocess())
        own = (tag for tag, file in scan.tags.items() if file == _SECTION)
        if not self._stubs.any_of_kernel:  # with a header of the kernel, all types of the kernel are known
            self._redefined = next((tag for tag in own if self._kernel and self._kernel.struct(tag)), "")
        borrowed = borrow_types(self._own_text(scan), scan, self._kernel, whole=not self._redefined)
        (self._scratch / _PRELUDE).write_text(borrowed.text)
        image, values = self._compile(scan)
        loose = {}
        for number, (_, names) in enumerate(scan.loose):
            known = tuple((name, values[name]) for name in names if name in values)
            enum = CEnum(f"enum (anon {number} in C, loose)", 4, any(value < 0 for _, value in known), known)
            loose.update(dict.fromkeys((name for name, _ in known), enum))
        definitions = CDefinitions(image, scan, borrowed, self._kernel, values, loose, self._own_files(scan))
        definitions.strings = {name: text for name in scan.macros if (text := _string(scan.macros, name)) is not None}
        return definitions

    # ---- headers

    def _own_files(self, scan: Scan) -> tuple[Path, ...]:
        foreign = (str(zig_directory()), str(self._scratch), _SECTION)
        return tuple(Path(file) for file in scan.files if not file.startswith(foreign))

    def _own_text(self, scan: Scan) -> str:
        return "\n".join([self._text, *(path.read_text(errors="replace") for path in self._own_files(scan))])

    # ---- runs of the compiler

    def _preprocess(self) -> str:
        (self._scratch / _SECTION).write_text(self._text)
        for _ in range(100):
            result = run_clang([*self._options, "-E", "-dD", _SECTION], cwd=self._scratch)
            if result.returncode == 0:
                return result.stdout
            if not self._stubs.add(_NOT_FOUND.findall(result.stderr)):
                break
        raise self._errors(result.stderr)

    def _compile(self, scan: Scan) -> tuple[TypeImage, dict[str, int]]:
        constants = _likely_constants(scan)
        constants += [name for _, names in scan.loose for name in names]
        types = [*scan.tags, *scan.typedefs]
        options = [*self._options, "-g", "-ferror-limit=0", "-include", _PRELUDE, "-c", "-o", "out.o", _SECTION]
        while True:
            tail = _references(types) + _value_table(constants)
            (self._scratch / _SECTION).write_text(f"{self._text}\n{tail}")
            result = run_clang(options, cwd=self._scratch)
            if result.returncode == 0:
                break
            wrong = {(match["file"], int(match["line"])) for match in _MESSAGE.finditer(result.stderr)}
            if not any(file in (_VALUES, _TYPES) for file, _ in wrong) or any(file == _SECTION for file, _ in wrong):
                raise self._errors(result.stderr)
            constants = [name for line, name in enumerate(constants, 1) if (_VALUES, line) not in wrong]
            types = [name for line, name in enumerate(types, 1) if (_TYPES, line) not in wrong]
        return self._read_object(constants)

    def _read_object(self, constants: Sequence[str]) -> tuple[TypeImage, dict[str, int]]:
        elf = ElfObject((self._scratch / "out.o").read_bytes())
        section = elf.find(".BTF")
        if section is None:
            raise Diagnostics().fatal(None, "clang wrote no type information for the C definitions")
        image = TypeImage(read_btf(section.data), kernel=False, mark=" in C", bools=False)
        symbol = next(symbol for symbol in elf.symbols if symbol.name == "btaot_values")
        data = elf.sections[symbol.section].data[symbol.value : symbol.value + symbol.size]
        numbers = struct.unpack(f"{elf.byteorder}{len(data) // 8}q", data)
        # Pairs of value and "is negative": unsigned values of 64 bits come out negative.
        pairs = zip(constants, numbers[::2], numbers[1::2], strict=False)
        return image, {name: value if negative else value % 2**64 for name, value, negative in pairs}

    def _errors(self, messages: str) -> CompileError:
        diagnostics = Diagnostics()
        for match in _MESSAGE.finditer(messages):
            line, column, text = int(match["line"]), int(match["column"]), match["text"]
            source = self._find_source(match["file"])
            if source is None:
                diagnostics.error(None, f"{match['file']}:{line}: {text}", code="c-definition")
                continue
            word = re.compile(r"\w+|.").match(source.line(line), column - 1)
            span = Span(source, line, column, line, column + len(word[0]) if word else column + 1)
            # What bpftrace shows: its text of all definitions has a line of its own before them.
            quoted = f"definitions.h:{line + 1}:{column}: {match['kind']}: {text}" if match["file"] == _SECTION else ""
            diagnostics.error(span, text, _hint(text, self._redefined), code="c-definition", quoted=quoted)
        if not diagnostics.items:
            diagnostics.error(None, f"the C definitions do not compile:\n{messages.strip()}", code="c-definition")
        return CompileError(diagnostics.items)

    def _find_source(self, file: str) -> Source | None:
        if file == _SECTION:
            return self._source
        path = self._scratch / file
        if path.is_file() and not path.is_relative_to(self._scratch):
            return Source(file, path.read_text(errors="replace"))
        return None


def _references(types: Sequence[str]) -> str:
    lines = "".join(f"{name} *btaot_type_{number};\n" for number, name in enumerate(types))
    return f'#line 1 "{_TYPES}"\n{lines}'


def _value_table(names: Sequence[str]) -> str:
    head = f'#line 1 "{_VALUES}"\nconst long long btaot_values[] = {{ '
    # The head stands on the first name's line, so that line numbers are places in the list.
    return head + "".join(f"(long long)({name}), ({name}) < 0,\n" for name in names) + "0};\n"


def _likely_constants(scan: Scan) -> list[str]:
    """Return the macros that look like integer constants: a wrong guess costs another run of the compiler."""
    likely: dict[str, bool] = {}

    def judge(name: str, depth: int = 0) -> bool:
        """Tell whether a name stands for a number, through all macros that it is made of."""
        macro = scan.macros.get(name)
        if macro is None:
            return name in scan.enumerators
        if name not in likely:
            likely[name] = False  # for macros that name themselves
            likely[name] = depth < 50 and judge_macro(macro, depth)
        return likely[name] or (macro.body == name and name in scan.enumerators)

    def judge_macro(macro: Macro, depth: int) -> bool:
        body = re.sub(r"'(?:[^'\\]|\\.)'", " 0 ", macro.body)
        if macro.params is not None or _NO_EXPRESSION.search(body):
            return False
        rest = _NUMBER.sub(" ", body)
        words = [word for word in _WORD.findall(rest) if word not in _EXPRESSION_WORDS]
        values = [word for word in words if word not in scan.typedefs and f"struct {word}" not in scan.tags]
        has_value = rest != body or bool(values) or "sizeof" in body
        return has_value and all(judge(word, depth + 1) or _is_callable(word, scan) for word in values)

    return [name for name in scan.macros if judge(name) and scan.macros[name].body != name]


def _is_callable(name: str, scan: Scan) -> bool:
    macro = scan.macros.get(name)
    return macro is not None and macro.params is not None and not _NO_EXPRESSION.search(macro.body)


def _string(macros: dict[str, Macro], name: str) -> str | None:
    """Return the value of a macro that is a string literal, or stands for another that is one."""
    for _ in range(20):
        macro = macros.get(name)
        if macro is None or macro.params is not None:
            return None
        if literal := _STRING.fullmatch(macro.body):
            pieces = re.findall(r'"(?:[^"\\]|\\.)*"', literal[1])
            try:
                return "".join(str(ast.literal_eval(piece)) for piece in pieces)
            except (SyntaxError, ValueError):
                return None
        name = macro.body
    return None


def _hint(message: str, redefined: str) -> str:
    if "file not found" in message:
        return "give the directory of your own headers with -I; headers of the kernel need not be installed"
    if "incomplete type" in message and redefined:
        return f"the C section defines the kernel's {redefined} itself, so it has to define what that is made of, too"
    if "unknown type name" in message or "incomplete type" in message:
        return "define the type, include the header that does, or use a kernel pack that knows it"
    return ""
