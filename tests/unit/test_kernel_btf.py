"""BTF into columns and back out as C types, with BTF that clang made of small sources in both byte orders."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from btaot_tool.bpf.elf import ElfObject
from btaot_tool.kernel.btf import BtfError, read_btf
from btaot_tool.kernel.clang import run_clang
from btaot_tool.kernel.image import TypeImage
from btaot_tool.kernel.types import (
    CArray,
    CEnum,
    CFunc,
    CInt,
    CPtr,
    CRef,
    CTypedef,
    CVoid,
    Member,
    strip_typedefs,
)

SOURCE = """
typedef unsigned int u32;
typedef void (*btf_trace_thing)(void *, u32, const char *);
#define __user __attribute__((btf_type_tag("user")))
struct later;
struct outer {
    int a : 3;
    unsigned b : 7;
    long c;
    struct { int x; union { char y; short z; }; };
    const volatile char *restrict text;
    char __user *user;
    struct later *later;
    u32 numbers[4];
    int table[2][3];
    _Bool flag;
    struct outer *self;
};
struct later { struct outer o; char tail[]; };
union both { int i; char c[8]; };
enum colour { RED, GREEN = 5, BLUE = -1 };
enum wide { SMALL = 1, LARGE = 0xffffffffffULL };
typedef struct { int q; } unnamed_t;
struct absent;
typedef int (*printer_t)(const char *, ...);
union both *global_union; unnamed_t *global_unnamed; struct absent *global_absent; enum wide *global_wide;
struct later *global_later; btf_trace_thing *global_trace; printer_t *global_printer;
int work(struct outer *o, enum colour c) { return o->a; }
int __probestub_thing(void *__data, u32 count, const char *name) { return count; }
int read_all(void) { return 0; }
"""


@pytest.fixture(scope="module", params=["bpfel", "bpfeb"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TypeImage:
    return TypeImage(read_btf(compile_btf(SOURCE, request.param, tmp_path_factory.mktemp("btf"))))


def compile_btf(source: str, triple: str, directory: Path) -> bytes:
    (directory / "source.c").write_text(source)
    arguments = ["-target", f"{triple}-freestanding", "-g", "-O1", "-w", "-c", "-o", "out.o", "source.c"]
    result = run_clang(arguments, cwd=directory)
    assert result.returncode == 0, result.stderr
    section = ElfObject((directory / "out.o").read_bytes()).find(".BTF")
    assert section is not None
    return section.data


def member(image: TypeImage, name: str, struct: str = "struct outer") -> Member:
    definition = image.struct(struct)
    assert definition is not None
    return next(member for member in definition.members if member.name == name)


def test_bitfields(image: TypeImage, request: pytest.FixtureRequest) -> None:
    assert member(image, "a").bit_size == 3
    assert member(image, "b").bit_size == 7
    assert member(image, "c").bit_offset == 64
    assert member(image, "c").bit_size == 0
    assert member(image, "b").bit_offset == 3


def test_integers(image: TypeImage) -> None:
    assert member(image, "a").type == CInt(4, True, name="int")
    flag = member(image, "flag").type
    assert isinstance(flag, CInt)
    assert flag.is_bool


def test_qualifiers_are_gone(image: TypeImage) -> None:
    text = member(image, "text").type
    assert isinstance(text, CPtr)
    assert isinstance(text.target, CInt)
    assert text.target.is_char


def test_type_tag(image: TypeImage) -> None:
    user = member(image, "user").type
    assert isinstance(user, CPtr)
    assert user.tags == ("user",)


def test_arrays(image: TypeImage) -> None:
    numbers = member(image, "numbers").type
    assert isinstance(numbers, CArray)
    assert numbers.count == 4
    assert isinstance(numbers.elem, CTypedef)
    assert numbers.elem.name == "u32"
    table = member(image, "table").type
    assert table == CArray(CArray(CInt(4, True, name="int"), 3), 2)
    assert member(image, "tail", "struct later").type == CArray(CInt(1, True, is_char=True, name="char"), 0)


def test_anonymous_members(image: TypeImage) -> None:
    definition = image.struct("struct outer")
    assert definition is not None
    inner = next(m for m in definition.members if not m.name)
    assert isinstance(inner.type, CRef)
    assert inner.type.name.startswith("struct (anon ")
    nested = image.struct(inner.type.name)
    assert nested is not None
    assert [m.name for m in nested.members] == ["x", ""]
    union = nested.members[1].type
    assert isinstance(union, CRef)
    definition = image.struct(union.name)
    assert definition is not None
    assert definition.is_union


def test_anonymous_names_differ(image: TypeImage) -> None:
    definition = image.struct("struct outer")
    unnamed = image.typedef("unnamed_t")
    assert definition is not None
    inner = next(m for m in definition.members if not m.name)
    assert isinstance(unnamed, CRef)
    assert unnamed != inner.type
    found = image.struct(unnamed.name)
    assert found is not None
    assert [m.name for m in found.members] == ["q"]


def test_forward_declaration(image: TypeImage) -> None:
    assert member(image, "later").type == CPtr(CRef("struct later"))
    assert image.struct("struct later") is not None
    assert image.struct("struct absent") is None


def test_union(image: TypeImage) -> None:
    union = image.struct("union both")
    assert union is not None
    assert union.is_union
    assert union.size == 8
    assert image.struct("struct both") is None


def test_enums(image: TypeImage) -> None:
    colour = CEnum("enum colour", 4, True, (("RED", 0), ("GREEN", 5), ("BLUE", -1)))
    assert image.enum("enum colour") == colour
    assert image.enumerator("BLUE") == (colour, -1)
    wide = image.enum("enum wide")
    assert wide is not None
    assert wide.size == 8
    assert dict(wide.values)["LARGE"] == 0xFFFFFFFFFF
    assert image.enumerator("ABSENT") is None
    assert image.enumerator("work") is None


def test_functions(image: TypeImage) -> None:
    work = image.function("work")
    assert work is not None
    assert [name for name, _ in work.params] == ["o", "c"]
    assert not work.variadic
    assert work.params[0][1] == CPtr(CRef("struct outer"))
    printer = image.typedef("printer_t")
    assert isinstance(printer, CPtr)
    assert isinstance(printer.target, CFunc)
    assert printer.target.variadic
    assert len(printer.target.params) == 1
    assert image.function("read_all") == CFunc(CInt(4, True, name="int"), ())
    assert image.function("absent") is None
    assert image.functions() == sorted(["work", "read_all", "__probestub_thing"])


def test_raw_tracepoint(image: TypeImage) -> None:
    proto = image.raw_tracepoint("thing")
    assert proto is not None
    assert proto.result == CVoid()
    assert [name for name, _ in proto.params] == ["count", "name"]
    assert strip_typedefs(proto.params[0][1]) == CInt(4, False, name="unsigned int")
    assert image.raw_tracepoint("absent") is None


def test_second_definition_has_a_flavour(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    base = compile_btf("struct s { int a; }; int f(struct s *s) { return s->a; }", "bpfel", first)
    columns = read_btf(
        base, [_split(compile_btf("struct s { long b; }; struct t { struct s s; } t;", "bpfel", second), base)]
    )
    image = TypeImage(columns)
    plain, other = image.struct("struct s"), image.struct("struct s___2")
    assert plain is not None
    assert other is not None
    assert [m.name for m in plain.members] == ["a"]
    assert [m.name for m in other.members] == ["b"]
    holder = image.struct("struct t")
    assert holder is not None
    assert holder.members[0].type == CRef("struct s___2")


def test_same_definition_in_module_is_merged(tmp_path: Path) -> None:
    base = compile_btf("struct s { int a; }; int f(struct s *s) { return s->a; }", "bpfel", tmp_path)
    image = TypeImage(read_btf(base, [_split(base, base)]))
    assert image.names("struct") == ["struct s"]
    assert image.functions() == ["f"]


def _split(module: bytes, base: bytes) -> bytes:
    """Turn a BTF section into one that was split off a base: its own ids and name offsets follow those of the base."""
    from btaot_tool.kernel.btf import _renumber, parse_btf

    base_file, file = parse_btf(base), parse_btf(module)
    starts = list(file.at[1:])
    # Name 0 and type 0 (void) are the base's.
    _renumber(file.words, starts, (1, len(base_file.at) - 1), (1, len(base_file.strings)))
    types = file.words.tobytes()
    strings = file.strings
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return header + types + strings


@pytest.mark.parametrize("damage", ["magic", "short", "kind", "inside"])
def test_damaged_btf_is_refused(damage: str, tmp_path: Path) -> None:
    data = bytearray(compile_btf("struct s { int a; }; int f(struct s *s) { return s->a; }", "bpfel", tmp_path))
    match damage:
        case "magic":
            data[0] ^= 1
        case "short":
            del data[-4:]
        case "kind":
            data[24 + 7] = 31
        case "inside":
            struct.pack_into("<I", data, 12, struct.unpack_from("<I", data, 12)[0] - 4)
    with pytest.raises(BtfError):
        read_btf(bytes(data))
