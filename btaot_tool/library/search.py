"""Searching and joining of strings, comparing of memory: strcontains, strstr, memcmp, str_concat, strcap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codegen.llvm import I8, I64, const, ir
from ..codegen.values import Memory, Scalar, Text, Value
from ..payload.layout import SymbolKind
from ..sema.types import INT64, Array, Bool, Ptr, Str, Type, Unknown
from ..symbols import Symbol
from ..syntax import tree
from .base import Arg, Entry, expression
from .strings import length, text_argument

if TYPE_CHECKING:
    from ..codegen.gen import Gen
    from ..sema.checker import ExpressionChecker as Checker

SHORT = 64  # a needle that is compared without a loop of its own


def is_text(t: Type) -> bool:
    """Whether a type is string-like: a string, an array or a pointer of characters."""
    if isinstance(t, (Str, Unknown)):
        return True
    return isinstance(t, (Array, Ptr)) and (t.elem if isinstance(t, Array) else t.target).size == 1


def check_text(c: Checker, name: str, node: tree.Expr, arg: Arg) -> Type:
    """Check a string-like argument."""
    found = text_argument(c, arg)
    if is_text(found):
        return found
    if isinstance(found, Array):
        return c.error(node, "string-like arrays must contain a char-like type")
    if isinstance(found, Ptr):
        return c.error(node, "string-like pointers must point to a char-like type")
    return c.error(node, "string-like values must be either strings, arrays or pointers", f"{name}() got a {found}")


def text_memory(g: Gen, node: tree.Expr) -> Memory:
    """Return a string-like value as memory; what a pointer points to is read as a string."""
    value = g.expr(node)
    if isinstance(value.type, Ptr):
        place = g.temp(Str(g.checked.config.max_strlen))
        g.zero(place.ptr, place.type.size, place.align)
        g.probe_read(place.ptr, place.type.size, g.as_scalar(value), value.type.space, "_str")
        return place
    return g.as_memory(value)


# ---- search ---------------------------------------------------------------------------------------


def _index(g: Gen, args: list[Arg]) -> Any:
    """Return the position of the second string in the first, -1 if it is not there."""
    haystack, needle = expression(args[0]), g.expr(expression(args[1]))
    if isinstance(needle, Text):
        part = needle.text.split(b"\0")[0]  # a string ends at its first NUL
        if isinstance(haystack, tree.StringLiteral):
            return const(haystack.value.encode("utf-8", "surrogateescape").split(b"\0")[0].find(part))
        if not part:
            return const(0)
        big = text_memory(g, haystack)
        if len(part) > big.type.size:
            return const(-1)
        return _find(g, big, g.as_memory(needle), part)
    big = text_memory(g, haystack)
    return _find(g, big, text_memory(g, expression(args[1])) if isinstance(needle.type, Ptr) else g.as_memory(needle))


def _find_literal(g: Gen, big: Memory, text: bytes, found: Any) -> None:
    """Compare at every position up to the NUL without branches inside: one path to follow.  Without bpf_loop."""
    index = g.cell()
    g.b.store(const(0), index)
    names = ("search", "char", "try", "found", "next", "searched")
    head, char, body, here, step, end = (g.block(n) for n in names)
    g.goto(head)
    i = g.b.load(index, typ=I64)
    g.b.cbranch(g.b.icmp_unsigned("<=", i, const(big.type.size - len(text))), char, end)
    g.b.position_at_end(char)
    first = g.b.load(g.offset(big.ptr, i), align=1, typ=I8)
    g.b.cbranch(g.b.icmp_unsigned("!=", first, ir.Constant(I8, 0)), body, end)
    g.b.position_at_end(body)
    difference: Any = const(0)
    for j, byte in enumerate(text):
        loaded = g.b.zext(g.b.load(g.offset(g.offset(big.ptr, i), j), align=1, typ=I8), I64)
        difference = g.b.or_(difference, g.b.xor(loaded, const(byte)))
    g.b.cbranch(g.b.icmp_unsigned("==", difference, const(0)), here, step)
    g.b.position_at_end(here)
    g.b.store(i, found)
    g.b.branch(end)
    g.b.position_at_end(step)
    g.b.store(g.b.add(i, const(1)), index)
    g.b.branch(head)
    g.b.position_at_end(end)


def _find(g: Gen, big: Memory, part: Memory, text: bytes = b"") -> Any:
    """Compare at every position with a loop: a callback, so that the verifier looks at one position only."""
    found = g.slot(g.scratch_word())
    empty = g.b.icmp_unsigned("==", g.b.load(part.ptr, align=1, typ=I8), ir.Constant(I8, 0))
    g.b.store(g.b.select(empty, const(0), const(-1)), found)  # the empty string is even in the empty one
    big = _padded(g, big, part.type.size)

    def position(index: Any, big_ptr: Any, part_ptr: Any, cell: Any, stop: Any) -> None:
        hit, following, char = (g.block(n) for n in ("hit", "following", "char"))
        first = g.b.load(g.offset(big_ptr, index), align=1, typ=I8)
        g.b.cbranch(g.b.icmp_unsigned("!=", first, ir.Constant(I8, 0)), char, stop)
        g.b.position_at_end(char)
        g.b.cbranch(_part_at(g, Memory(big.type, big_ptr), Memory(part.type, part_ptr), index), hit, following)
        g.b.position_at_end(hit)
        g.b.store(index, cell)
        g.b.branch(stop)
        g.b.position_at_end(following)

    def called(index: Any, words: list[Any]) -> None:
        index = g.clamp(index, big.type.size - 1)  # the verifier knows no bound of it
        position(index, words[0], words[1], words[2], g.stop_loop)

    def inline() -> None:
        if 0 < len(text) <= SHORT:
            _find_literal(g, big, text, found)
            return
        counter = g.cell()
        g.b.store(const(0), counter)
        head, body, end = (g.block(n) for n in ("search", "try", "searched"))
        g.goto(head)
        i = g.b.load(counter, typ=I64)
        g.b.cbranch(g.b.icmp_unsigned("<", i, const(big.type.size)), body, end)
        g.b.position_at_end(body)
        position(i, big.ptr, part.ptr, found, end)
        g.b.store(g.b.add(i, const(1)), counter)
        g.b.branch(head)
        g.b.position_at_end(end)

    g.repeat(const(big.type.size), [big.ptr, part.ptr, found], called, inline)
    return g.b.load(found, typ=I64)


def _padded(g: Gen, big: Memory, more: int) -> Memory:
    """Return a copy with zeroes behind it, so that a comparison may run over the end."""
    size = (big.type.size + more + 7) // 8 * 8
    place = g.temp(big.type, size)
    g.zero(place.ptr, size)
    g.copy(place.ptr, big.ptr, big.type.size, big.align)
    return place


def _part_at(g: Gen, big: Memory, part: Memory, start: Any) -> Any:
    """Return whether the part (up to its NUL) stands at a position, i1."""
    cell, same = g.cell(), g.cell()
    g.b.store(const(0), cell)
    g.b.store(const(1), same)
    head, body, char, differs, step, end = (
        g.block(n) for n in ("part", "byte", "char", "differs", "equal", "compared")
    )
    g.goto(head)
    j = g.b.load(cell, typ=I64)
    g.b.cbranch(g.b.icmp_unsigned("<", j, const(part.type.size)), body, end)
    g.b.position_at_end(body)
    wanted = g.b.zext(g.b.load(g.offset(part.ptr, j), align=1, typ=I8), I64)
    g.b.cbranch(g.b.icmp_unsigned("==", wanted, const(0)), end, char)
    g.b.position_at_end(char)
    actual = g.b.zext(g.b.load(g.offset(g.offset(big.ptr, start), j), align=1, typ=I8), I64)
    g.b.cbranch(g.b.icmp_unsigned("==", actual, wanted), step, differs)
    g.b.position_at_end(differs)
    g.b.store(const(0), same)
    g.b.branch(end)
    g.b.position_at_end(step)
    g.b.store(g.b.add(j, const(1)), cell)
    g.b.branch(head)
    g.b.position_at_end(end)
    return g.truth(g.b.load(same, typ=I64))


def _check_search(name: str, result: Type) -> Any:
    def check(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
        if isinstance(result, Bool) and isinstance(args[1], tree.StringLiteral) and _is_probe(args[0]):
            c.arg(args[1])
            c.arg(args[0])
            return result
        for arg in args:
            check_text(c, name, node, arg)
        return result

    return check


def _emit_strstr(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    return Scalar(INT64, _index(g, args))


def _is_probe(arg: Arg) -> bool:
    """Whether an argument is ``probe``, a number until it is printed: the runtime looks into its name."""
    return isinstance(arg, tree.Name) and arg.name == "probe"


def _emit_strcontains(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    name, part = args
    if _is_probe(name) and isinstance(part, tree.StringLiteral):
        return Scalar(Bool(), g.symbol(Symbol(SymbolKind.PROBE_IS, part.value, imm=1)))
    return Scalar(Bool(), g.compare(">=", _index(g, args), const(0), True))


# ---- memcmp ---------------------------------------------------------------------------------------


def _check_memcmp(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    for arg in args[:2]:
        c.arg(arg)
    count = c.literal_int(node, args[2], "memcmp")
    sizes = [c.template.types.get(expression(a), Unknown()) for a in args[:2]]
    if count is None or any(isinstance(t, Unknown) for t in sizes):
        return INT64
    for t in sizes:
        if not isinstance(t, Ptr) and t.size < count:
            c.error(node, f"memcmp() count ({count}) is larger than the size of a {t}")
    return INT64


def _emit_memcmp(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    count = args[2]
    assert isinstance(count, tree.IntLiteral)
    left, right = (_bytes_of(g, expression(a), count.value) for a in args[:2])
    return Scalar(INT64, g.memory_loop(left, right, const(count.value), count.value, False))


def _bytes_of(g: Gen, node: tree.Expr, count: int) -> Any:
    value = g.expr(node)
    if isinstance(value.type, Ptr):
        dst = g.bytes(count)
        g.probe_read(dst, count, g.as_scalar(value), value.type.space)
        return dst
    return g.as_memory(value).ptr


# ---- str_concat, strcap ---------------------------------------------------------------------------


def _check_concat(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    for arg in args:
        check_text(c, "str_concat", node, arg)
    return Str(c.max_strlen)


def _emit_concat(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    typ = g.template.types[node]
    left, right = (text_memory(g, expression(a)) for a in args)
    place = g.temp(typ, typ.size + right.type.size)  # the verifier takes both lengths at their most
    g.zero(place.ptr, typ.size, place.align)
    first = g.helper("probe_read_kernel_str", place.ptr, min(typ.size, left.type.size), left.ptr)
    at = g.clamp(g.b.sub(first, const(1)), typ.size - 1)
    g.helper("probe_read_kernel_str", g.offset(place.ptr, at), right.type.size, right.ptr)
    g.b.store(ir.Constant(I8, 0), g.offset(place.ptr, typ.size - 1), align=1)
    return place


def _check_strcap(c: Checker, node: tree.Expr, args: list[Arg]) -> Type:
    check_text(c, "strcap", node, args[0])
    return INT64


def _emit_strcap(g: Gen, node: tree.Expr, args: list[Arg]) -> Value:
    arg = expression(args[0])
    typ = g.template.types[arg]
    if isinstance(typ, Ptr):
        return Scalar(INT64, length(g, text_memory(g, arg)))
    return Scalar(INT64, const(typ.size))


ENTRIES = (
    Entry("strcontains", (2, 2), _check_search("strcontains", Bool()), _emit_strcontains),
    Entry("strstr", (2, 2), _check_search("strstr", INT64), _emit_strstr),
    Entry("memcmp", (3, 3), _check_memcmp, _emit_memcmp),
    Entry("str_concat", (2, 2), _check_concat, _emit_concat),
    Entry("strcap", (1, 1), _check_strcap, _emit_strcap),
)
