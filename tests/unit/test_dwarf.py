"""Debug information of programs: found, read, and told apart from damage.  The programs are params.c and params.cpp."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "run"))

from programs import BUILD_ID, HERE, LIBRARY, compile_program

from btaot_tool.compiler import compile_script
from btaot_tool.diagnostics import CompileError, Source
from btaot_tool.dwarf.calls import Place
from btaot_tool.dwarf.cpp import symbols_of
from btaot_tool.dwarf.files import find_binary
from btaot_tool.dwarf.lines import NoSuchLine
from btaot_tool.dwarf.names import name_offsets
from btaot_tool.dwarf.program import Program
from btaot_tool.dwarf.programs import guarded
from btaot_tool.dwarf.reader import DwarfError, sleb, uleb
from btaot_tool.kernel.types import CEnum, CStruct
from btaot_tool.options import Options
from btaot_tool.payload.reader import read_payload
from btaot_tool.targets import find_target

ARCHES = ("x86_64", "aarch64")
FORMS = {
    "dwarf5": ("-gdwarf-5",),
    "dwarf4": ("-gdwarf-4",),
    "dwarf3": ("-gdwarf-3",),
    "64-bit": ("-gdwarf64",),
    "compressed": ("-gz=zlib",),
    "type units": ("-gdwarf-5", "-fdebug-types-section"),
    "type units 4": ("-gdwarf-4", "-fdebug-types-section"),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Program]:
    """Return the function that compiles params.c or params.cpp for an architecture, once with the same flags."""
    made: dict[tuple[str, ...], Program] = {}

    def make(source: str, arch: str = "x86_64", *flags: str) -> Program:
        key = (source, arch, *flags)
        if key not in made:
            folder = tmp_path_factory.mktemp("program")
            path = compile_program(folder, find_target(arch), source, *LIBRARY, BUILD_ID, *flags)
            made[key] = Program(path, "it")
        return made[key]

    return make


def line_of(text: str) -> int:
    lines = (HERE / "params.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


LOOP, WIDTHS = line_of("// in the loop"), line_of("int widths(") + 1


def registers(*numbers: int) -> Place:
    return Place(registers=numbers)


PLACES = {
    "x86_64": {
        "widths": [registers(n) for n in range(6)],
        # the result is in memory: its address is the first argument
        "crowded": [registers(1), Place(stack=8), *(registers(n) for n in (2, 3, 4, 5)),
                    *(Place(stack=n) for n in (32, 40, 48, 56))],
        "floats": [None, registers(0), None, None, registers(2)],
        "wide": [registers(0), registers(1, 2), registers(3)],
    },
    "aarch64": {
        "widths": [registers(n) for n in range(6)],
        "crowded": [registers(0), Place((1,), reference=True), *(registers(n) for n in (2, 3, 4, 5, 6, 7)),
                    Place(stack=0), Place(stack=8)],
        "floats": [None, registers(0), None, registers(1, 2), registers(3)],
        "wide": [registers(0), registers(2, 3), registers(4)],  # pairs begin at an even register
    },
}  # fmt: skip


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("form", FORMS)
def test_places_of_parameters(compiled: Callable[..., Program], arch: str, form: str) -> None:
    program = compiled("params.c", arch, *FORMS[form])
    for function, places in PLACES[arch].items():
        signature = program.signature(function, arch)
        assert signature is not None and not signature.problem
        found = [None if param.place.unreadable else param.place for param in signature.params]
        assert found == places, function


@pytest.mark.parametrize("form", FORMS)
def test_types(compiled: Callable[..., Program], form: str) -> None:
    types = compiled("params.c", "x86_64", *FORMS[form]).types
    struct = types.struct("struct parts")
    assert isinstance(struct, CStruct) and struct.size == 80
    places = {m.name: (m.bit_offset, m.bit_size) for m in struct.members}
    assert [places[n] for n in ("low", "middle", "high")] == [(0, 3), (3, 5), (8, 40)]
    assert [places[n][0] // 8 for n in ("bytes", "text", "color", "table", "points", "next")] == [
        16,
        20,
        28,
        32,
        56,
        72,
    ]
    color = CEnum("enum color from it", 4, True, (("RED", 0), ("GREEN", 5), ("BLUE", -1)))
    assert types.enum("enum color") == color and types.enumerator("BLUE") == (color, -1)
    assert types.typedef("unnamed_t") is not None
    assert types.struct("struct color") is None and types.struct("struct none") is None
    assert types.struct("struct hidden") is None  # only declared


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("form", ["dwarf5", "dwarf4", "type units 4"])
def test_classes(compiled: Callable[..., Program], arch: str, form: str) -> None:
    program = compiled("params.cpp", arch, *FORMS[form])
    (add, _), (consume,) = program.cpp_symbols("app::Counter::add"), program.cpp_symbols("app::consume")
    signature = program.signature(add, arch)
    assert signature is not None
    assert signature.params[0].name == "this"
    signature = program.signature(consume, arch)
    assert signature is not None
    owner = signature.params[0]  # has a destructor: passed by its address, also where the class has but two words
    assert owner.place == Place((1 if arch == "x86_64" else 0,), reference=True)
    counter = program.types.struct("struct Counter")
    assert counter is not None and [m.name for m in counter.members] == ["", "total"]  # the base class; no static


def test_names_of_cpp_functions() -> None:
    symbols = [
        "_ZN3app7Counter3addEiRKi", "_ZNK3app7Counter3addEPKc", "_ZN3app7Counter4add2Ei", "_Z3addi", "_ZL3addl",
        "c_add", "_ZN3app7CounterC1Ev", "_ZN3app7CounterC2Ev", "_ZN3app7CounterD0Ev",
        "_ZN3app12_GLOBAL__N_15levelENS_5LevelE", "_ZN3app6VectorIiE4pushEi", "_Z3addIiET_S0_",
    ]  # fmt: skip
    assert symbols_of("app::Counter::add", symbols) == ["_ZN3app7Counter3addEiRKi", "_ZNK3app7Counter3addEPKc"]
    assert symbols_of("add", symbols) == ["_Z3addIiET_S0_", "_Z3addi", "_ZL3addl"]
    assert symbols_of("c_add", symbols) == ["c_add"]
    assert symbols_of("app::Counter::Counter", symbols) == ["_ZN3app7CounterC1Ev", "_ZN3app7CounterC2Ev"]
    assert symbols_of("app::Counter::~Counter", symbols) == ["_ZN3app7CounterD0Ev"]
    assert symbols_of("app::(anonymous namespace)::level", symbols) == ["_ZN3app12_GLOBAL__N_15levelENS_5LevelE"]
    assert symbols_of("app::Vector::push", symbols) == ["_ZN3app6VectorIiE4pushEi"]
    assert symbols_of("app::*", symbols) == [] == symbols_of("add(int)", symbols)


@pytest.mark.parametrize("version", [4, 5])
def test_split_debug_information(compiled: Callable[..., Program], version: int) -> None:
    program = compiled("params.c", "x86_64", f"-gdwarf-{version}", "-gsplit-dwarf")
    assert len(program.infos) == 2
    signature = program.signature("wide", "x86_64")
    assert signature is not None and [p.name for p in signature.params] == ["n", "w", "c"]
    assert program.types.struct("struct parts") is not None
    assert program.line("params.c", LOOP) == program.line("/src/params.c", LOOP)


def test_lines(compiled: Callable[..., Program]) -> None:
    program = compiled("params.c")
    start = program.functions["widths"]
    lines = {number: program.line("params.c", number) for number in (WIDTHS, LOOP)}
    assert lines[WIDTHS] == start  # "{" of the function
    for file, line, message in [
        ("params.c", 1, "Unable to map 'params.c:1' to address"),
        ("arams.c", WIDTHS, "No compilation unit matches arams.c"),
        ("other/params.c", WIDTHS, "No compilation unit matches other/params.c"),
    ]:
        with pytest.raises(NoSuchLine, match=message):
            program.line(file, line)


def test_damage_is_one_kind_of_error(compiled: Callable[..., Program], tmp_path: Path) -> None:
    """Bytes of the debug sections are overwritten: answers may be wrong, errors are DwarfError."""
    from elftools.elf.elffile import ELFFile

    whole = compiled("params.c").path.read_bytes()
    with open(compiled("params.c").path, "rb") as stream:
        sections = [s for s in ELFFile(stream).iter_sections() if s.name.startswith(".debug")]
        places = [range(s["sh_offset"], s["sh_offset"] + s["sh_size"]) for s in sections if s["sh_size"]]
    choose = random.Random(7)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(choose.randrange(1, 40)):
            data[choose.choice(choose.choice(places))] = choose.randrange(256)
        path = tmp_path / "damaged"
        path.write_bytes(data)
        program = Program(path, "it")
        for ask in (
            lambda: program.signature("crowded", "x86_64"),  # noqa: B023
            lambda: program.types.struct("struct parts"),  # noqa: B023
            lambda: program.line("params.c", LOOP),  # noqa: B023
        ):
            try:
                guarded(ask, program)
            except (DwarfError, NoSuchLine):
                refused += 1
    assert refused > 20


def test_numbers() -> None:
    assert uleb(b"\xe5\x8e\x26", 0) == (624485, 3)
    assert sleb(b"\xc0\xbb\x78", 0) == (-123456, 3)
    assert name_offsets(b"\0barfoo\0foo\0", b"foo") == [4, 8]  # linkers let one string be the end of another


def test_binaries_are_looked_for_as_on_the_host(tmp_path: Path) -> None:
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xb7\x00"
    for name in ("usr/bin/tool", "opt/bin/tool", "usr/lib/aarch64-linux-gnu/libx.so.1", "libx"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(elf)
    root = str(tmp_path)
    assert find_binary("/usr/bin/tool", "aarch64", root) == tmp_path / "usr/bin/tool"
    assert find_binary("tool", "aarch64", root, "/bin:/opt/bin:/usr/bin") == tmp_path / "opt/bin/tool"
    assert find_binary("libx", "aarch64", root) == tmp_path / "usr/lib/aarch64-linux-gnu/libx.so.1"
    assert find_binary("libx", "x86_64", root) == tmp_path / "libx"  # a path, as no library is for this machine
    assert find_binary("none", "aarch64", root, "/usr/bin") is None


def test_a_program_for_another_target(compiled: Callable[..., Program]) -> None:
    program = compiled("params.c", "aarch64")
    script = Source("t.bt", f"uprobe:{program.path}:wide {{ print(args.n); }}")
    with pytest.raises(CompileError, match="is not a program for x86_64; --sysroot DIR"):
        compile_script(script, Options(find_target("x86_64")))
    done = compile_script(script, Options(find_target("aarch64")))
    assert str(program.path) in done.dependencies and program.identity.encode() in done.meta


def test_sysroot(compiled: Callable[..., Program]) -> None:
    """The path in the script is that on the host; the program lies below a directory here."""
    program = compiled("params.c", "aarch64")
    script = Source("t.bt", f"uprobe:/{program.path.name}:wide {{ print(args.n); }}")
    options = Options(find_target("aarch64"), sysroot=str(program.path.parent))
    done = compile_script(script, options)
    (point,) = read_payload(done.meta, done.text).table("attaches")
    assert (point.target, point.build_id) == (f"/{program.path.name}", program.elf.build_id)


def test_programs_are_not_read_without_need(tmp_path: Path) -> None:
    """A block that names no facts holds for every build, and whatever lies there on this machine."""
    (tmp_path / "prog").write_bytes(b"\x7fELF, not really" + bytes(40))
    done = compile_script(Source("t.bt", f"uprobe:{tmp_path}/prog:f {{ @[arg0] = count(); }}"), Options())
    assert done.dependencies == []


def test_a_name_that_many_things_have(tmp_path: Path) -> None:
    """Parameters and members called like a struct cost nothing: only what can be a struct is looked at closely."""
    import time

    lines = ["struct n { int n; };"]
    lines += [
        f"struct s{i} {{ struct n *n; int m; }}; int f{i}(struct s{i} *n) {{ return n->m; }}" for i in range(1500)
    ]
    (tmp_path / "many.c").write_text("\n".join(lines))
    program = Program(compile_program(tmp_path, find_target("x86_64"), str(tmp_path / "many.c"), *LIBRARY), "it")
    start = time.process_time()
    assert program.types.struct("struct m") is None  # the name of members only
    found = program.types.struct("struct n")
    assert time.process_time() - start < 1.0
    assert found is not None and found.size == 4
