"""From C types (BTF, tracepoint formats, C definitions) to the types of the language."""

from __future__ import annotations

from ..kernel.types import (
    CArray,
    CEnum,
    CFloat,
    CFunc,
    CInt,
    CPtr,
    CRef,
    CStruct,
    CType,
    TracepointField,
    TypeTable,
    strip_typedefs,
)
from .types import Array, Bool, Enum, Int, Ptr, Space, Str, Struct, Type, Void


def enum_type(definition: CEnum) -> Enum:
    """Return the type of a C enum."""
    return Enum(definition.name, definition.size, definition.signed, definition.values, definition.varying)


def from_c(ctype: CType, table: TypeTable, space: Space) -> Type:
    """Return the language's type for a C type; pointers get the address space given.

    ``char[N]`` is a string, as in bpftrace; functions and what has no equivalent become void.
    """
    ctype = strip_typedefs(ctype)
    match ctype:
        case CInt(is_bool=True):
            return Bool()
        case CInt():
            return Int(ctype.size, ctype.signed)
        case CFloat():
            return Void()  # printed as none
        case CPtr():
            inner = Space.USER if "user" in ctype.tags else space
            return Ptr(_pointee(ctype.target, table, inner), inner)
        case CArray():
            elem = strip_typedefs(ctype.elem)
            if isinstance(elem, CInt) and elem.size == 1 and (elem.is_char or elem.name == "char"):
                return Str(ctype.count)
            return Array(from_c(ctype.elem, table, space), ctype.count)
        case CRef():
            return _named(ctype.name, table, space)
    return Void()


def _pointee(ctype: CType, table: TypeTable, space: Space) -> Type:
    stripped = strip_typedefs(ctype)
    return Void() if isinstance(stripped, CFunc) else from_c(stripped, table, space)


def _named(name: str, table: TypeTable, space: Space) -> Type:
    if name.startswith("enum "):
        enum = table.enum(name)
        return enum_type(enum) if enum else Int(4, False)
    return struct_type(name, table, space) or Struct(name, 0, True, space)


def struct_type(name: str, table: TypeTable, space: Space) -> Struct | None:
    """Return the type of a struct or union; None if the table does not know it."""
    struct = table.struct(name)
    if struct is None:
        return None
    kernel = struct.kernel or (struct.kernels is not None and space is not Space.USER)
    return Struct(struct.name, struct.size, kernel, space, 8 if kernel else _struct_align(struct, table))


def _struct_align(struct: CStruct, table: TypeTable) -> int:
    """Alignment of a struct: those of the kernel are always placed at 8."""
    if struct.kernel or not struct.members:
        return 8
    align = max(_member_align(m.type, table) for m in struct.members)
    while struct.size % align:  # packed
        align //= 2
    return align


def _member_align(ctype: CType, table: TypeTable) -> int:
    """Alignment of a member; what a pointer points to does not matter, it may be the struct itself."""
    ctype = strip_typedefs(ctype)
    if isinstance(ctype, CPtr):
        return 8
    return _member_align(ctype.elem, table) if isinstance(ctype, CArray) else from_c(ctype, table, Space.NONE).align


def from_tracepoint(field: TracepointField, table: TypeTable, space: Space) -> Type:
    """Return the type of a tracepoint's field: integers have the size that the format gives."""
    words = [w for w in field.type.replace("*", " * ").split() if w not in ("const", "volatile", "__user")]
    if "*" in words:
        stars = words.count("*")
        target: Type = _word_type(" ".join(w for w in words if w != "*"), table, space)
        for _ in range(stars - 1):
            target = Ptr(target, space)
        if not field.count and field.form == "inline":
            return Ptr(target, space)
        return Array(Ptr(target, space), max(field.count, 1))
    base = " ".join(words)
    if field.form != "inline":
        if base in ("char", "unsigned char", "u8", "__u8"):
            return Str(0) if base == "char" else Array(Int(1, False), 0)
        return Array(_word_type(base, table, space), 0)
    if field.count:
        if base == "char":
            return Str(field.count)
        return Array(Int(max(1, field.size // field.count), field.signed), field.count)
    if base.startswith(("struct ", "union ")):
        return _word_type(base, table, space)
    if base == "bool" or base == "_Bool":
        return Bool()
    if base.startswith("enum "):
        enum = table.enum(base)
        if enum and enum.size == field.size:
            return enum_type(enum)
    return Int(field.size, field.signed) if field.size in (1, 2, 4, 8) else Array(Int(1, False), field.size)


def _word_type(word: str, table: TypeTable, space: Space) -> Type:
    if word in ("void", ""):
        return Void()
    if word in BASIC:
        return BASIC[word]
    if word.startswith(("struct ", "union ", "enum ")):
        return _named(word, table, space)
    typedef = table.typedef(word)
    return from_c(typedef, table, space) if typedef else Void()


def _basic() -> dict[str, Type]:
    """Names of integer types in C and in the language."""
    table: dict[str, Type] = {"bool": Bool(), "_Bool": Bool(), "char": Int(1, True), "signed char": Int(1, True)}
    for bits in (8, 16, 32, 64):
        for signed, names in (
            (True, (f"int{bits}", f"int{bits}_t", f"s{bits}", f"__s{bits}")),
            (False, (f"uint{bits}", f"uint{bits}_t", f"u{bits}", f"__u{bits}")),
        ):
            table.update({n: Int(bits // 8, signed) for n in names})
    sizes = {"short": 2, "int": 4, "long": 8, "long long": 8}
    for name, size in sizes.items():
        table[name] = table[f"signed {name}"] = Int(size, True)
        table[f"unsigned {name}"] = Int(size, False)
        if name != "int":
            table[f"{name} int"] = Int(size, True)
            table[f"{name} unsigned int"] = table[f"unsigned {name} int"] = Int(size, False)
    table["unsigned char"] = Int(1, False)
    table["unsigned"] = Int(4, False)
    table["size_t"] = table["uintptr_t"] = Int(8, False)
    table["ssize_t"] = table["intptr_t"] = Int(8, True)
    return table


BASIC = _basic()
