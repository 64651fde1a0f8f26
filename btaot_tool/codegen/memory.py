"""Values in memory: evaluating an expression into a place, comparing, converting between layouts."""

from __future__ import annotations

from typing import Any

from ..payload.layout import SymbolKind
from ..sema.types import PROBE_NAME, UINT8, Array, Bool, Buffer, Opaque, Ptr, Record, Stack, Str, Struct, Tuple, Type
from ..sema.widening import integer_sign
from ..symbols import Symbol
from ..syntax import tree
from .arithmetic import Arithmetic
from .llvm import I8, I64, const, ir
from .reading import Reading
from .values import Memory, Place, Scalar, Text, Value


class MemoryGen(Reading, Arithmetic):
    """Adds moving and comparing of whole values to a function."""

    _target: tuple[tree.Expr, Memory] | None = None

    def expr(self, node: tree.Expr) -> Value:
        """Return the value of an expression (``gen.Gen`` dispatches)."""
        raise NotImplementedError

    def gather(self, value: Place, place: Memory) -> None:
        """Copy a struct of the kernel (``structs.Structs``)."""
        raise NotImplementedError

    def scalar(self, node: tree.Expr) -> Any:
        """Return the value of an expression as a 64-bit register."""
        return self.as_scalar(self.expr(node))

    def as_scalar(self, value: Value) -> Any:
        """Return a value as a 64-bit register; lazily read places are read now."""
        if isinstance(value, Place):
            value = self.read(value)
        if isinstance(value, Scalar):
            return value.ir
        if isinstance(value, Memory) and value.type.size in (1, 2, 4, 8):
            return self.load(value.ptr, _word(value.type.size), value.align)
        raise AssertionError(f"no scalar: {value.type}")

    def as_memory(self, value: Value) -> Memory:
        """Return a value as directly readable memory."""
        if isinstance(value, Place):
            value = self.read(value)
        if isinstance(value, Memory):
            return value
        place = self.temp(value.type)
        self.put(value, place, fresh=True)
        return place

    # ---- evaluating into a place ---------------------------------------------------------------

    def emit_to(self, node: tree.Expr, place: Memory, fresh: bool = False) -> None:
        """Evaluate an expression into memory of a type that holds it; padding is zeroed.

        ``fresh``: the memory holds junk, so all of it must be written.
        """
        if isinstance(node, (tree.Tuple, tree.Record)) and isinstance(place.type, (Tuple, Record)):
            self._emit_items(node, place, fresh)
            return
        self._target = (node, place) if type(place.type) is type(self.template.types[node]) else None
        value = self.expr(node)
        self._target = None
        if not (isinstance(value, Memory) and value.ptr is place.ptr):
            self.put(value, place, fresh)

    def _emit_items(self, node: tree.Tuple | tree.Record, place: Memory, fresh: bool) -> None:
        assert isinstance(place.type, (Tuple, Record))
        if fresh:
            self.zero(place.ptr, place.type.size, place.align)
        order = list(range(len(node.items)))  # where each item, evaluated in the order of the text, has its place
        if isinstance(node, tree.Record) and isinstance(place.type, Record):
            order = [place.type.names.index(n) for n in node.names]
        for item, i in zip(node.items, order, strict=True):
            offset = place.type.offsets[i]
            target = Memory(place.type.items[i], self.offset(place.ptr, offset), _align_at(place.align, offset))
            self.emit_to(item, target)

    def destination(self, node: tree.Expr, typ: Type) -> Memory:
        """Return where a builtin shall put its value: the place that waits for it if it fits, else temporary memory."""
        if self._target is not None and self._target[0] is node:
            place = self._target[1]
            self._target = None
            if place.type.size >= typ.size:
                return Memory(place.type if isinstance(typ, Str) else typ, place.ptr, place.align)
        return self.temp(typ)

    def put(self, value: Value, place: Memory, fresh: bool = False) -> None:
        """Store a value in a place, converted to the place's type."""
        typ = place.type
        same = type(value.type) is type(typ) and value.type.size == typ.size
        if isinstance(value, Place) and same and isinstance(typ, (Str, Buffer, Array)):
            self.read_into(value, place)
            return
        if isinstance(value, Place) and isinstance(value.type, Struct):
            self._put_struct(value, place)
            return
        if isinstance(value, Text):
            self._put_text(value.text, place)
        elif typ.is_scalar:
            self.store(self.as_scalar(value), place.ptr, typ.size, place.align)
        else:
            self._put_memory(self.as_memory(value), place, fresh)

    def _put_struct(self, value: Place, place: Memory) -> None:
        assert isinstance(value.type, Struct)
        if value.type.kernel:
            self.gather(value, place)
            return
        self.probe_read(place.ptr, value.type.size, self.address(value), value.space)

    def _put_text(self, text: bytes, place: Memory) -> None:
        """Write a string literal, NUL-padded to the place's size."""
        self.put_bytes(text[: place.type.size - 1], place)

    def put_bytes(self, text: bytes, place: Memory) -> None:
        """Write constant bytes, NUL-padded to the place's size, in words."""
        size = place.type.size
        data = text.ljust(size, b"\0")
        if size > 128:
            self.zero(place.ptr, size, place.align)
            size = min(size, (len(text) + 8) // 8 * 8)
        order = "big" if self.mod.options.target.big_endian else "little"
        at = 0
        while at < size:
            width = next(w for w in (8, 4, 2, 1) if w <= place.align and at + w <= size and at % w == 0)
            number = int.from_bytes(data[at : at + width], order)  # type: ignore[arg-type]
            self.b.store(ir.Constant(ir.IntType(8 * width), number), self.offset(place.ptr, at), align=width)
            at += width

    def _put_memory(self, value: Memory, place: Memory, fresh: bool) -> None:
        source, typ = value.type, place.type
        if isinstance(source, (Tuple, Record)) and isinstance(typ, (Tuple, Record)) and source != typ:
            self._convert_items(source, typ, value, place, fresh)
            return
        size = min(source.size, typ.size)
        if typ.size > size and fresh:
            self.zero(place.ptr, typ.size, place.align)
        self.copy(place.ptr, value.ptr, size, value.align, place.align)
        if isinstance(typ, Str) and source.size > typ.size:
            self.b.store(ir.Constant(I8, 0), self.offset(place.ptr, typ.size - 1))

    def _convert_items(
        self, source: Tuple | Record, typ: Tuple | Record, value: Memory, place: Memory, fresh: bool
    ) -> None:
        if fresh:
            self.zero(place.ptr, typ.size, place.align)
        for i, (item, offset) in enumerate(zip(typ.items, typ.offsets, strict=True)):
            j = i
            if isinstance(typ, Record) and isinstance(source, Record):
                j = source.names.index(typ.names[i])
            self.put(self.item(value, j), Memory(item, self.offset(place.ptr, offset), _align_at(place.align, offset)))

    def item(self, value: Memory, index: int) -> Value:
        """Return an item of a tuple or record in memory."""
        assert isinstance(value.type, (Tuple, Record))
        typ, offset = value.type.items[index], value.type.offsets[index]
        return self.at_pointer(typ, self.offset(value.ptr, offset), _align_at(value.align, offset))

    def at_pointer(self, typ: Type, ptr: Any, align: int = 8) -> Value:
        """Return the value of a type at directly readable memory."""
        if typ.is_scalar:
            return Scalar(typ, self.load(ptr, typ, align))
        return Memory(typ, ptr, align)

    # ---- comparing -----------------------------------------------------------------------------

    def equal(self, left: Value, right: Value) -> Any:
        """Return whether two values of comparable types are equal, i1."""
        if PROBE_NAME in (left.type, right.type):
            return self._equal_probe(left, right)
        if isinstance(left.type, Str) or isinstance(right.type, Str):
            return self._equal_strings(left, right)
        if isinstance(left, (Scalar, Place)) and left.type.is_scalar:
            return self.b.icmp_unsigned("==", self.as_scalar(left), self.as_scalar(right))
        a, b = self.as_memory(left), self.as_memory(right)
        if isinstance(a.type, (Tuple, Record)) and isinstance(b.type, (Tuple, Record)):
            return self._equal_items(a, b)
        return self._equal_bytes(a, b, min(a.type.size, b.type.size))

    def _equal_probe(self, left: Value, right: Value) -> Any:
        """Compare ``probe`` with a literal: which instance has that name is known on the host."""
        text = left if isinstance(left, Text) else right
        if not isinstance(text, Text):
            return self.b.icmp_unsigned("==", self.as_scalar(left), self.as_scalar(right))
        symbol = Symbol(SymbolKind.PROBE_IS, text.text.decode("utf-8", "surrogateescape"))
        instance = right if text is left else left
        return self.b.icmp_unsigned("==", self.as_scalar(instance), self.symbol(symbol))

    def _equal_items(self, a: Memory, b: Memory) -> Any:
        assert isinstance(a.type, (Tuple, Record))
        result: Any = ir.Constant(ir.IntType(1), 1)
        for i in range(len(a.type.items)):
            j = i
            if isinstance(a.type, Record) and isinstance(b.type, Record):
                j = b.type.names.index(a.type.names[i])
            result = self.b.and_(result, self.equal(self.item(a, i), self.item(b, j)))
        return result

    def _equal_bytes(self, a: Memory, b: Memory, size: int) -> Any:
        if size <= 128:
            return self._differs_words(a, b, size)
        return self.b.icmp_unsigned(
            "==", self.memory_loop(a.ptr, b.ptr, const(size), size, stop_at_nul=False), const(0)
        )

    def _differs_words(self, a: Memory, b: Memory, size: int) -> Any:
        total: Any = const(0)
        at = 0
        while at < size:
            width = next(w for w in (8, 4, 2, 1) if w <= min(a.align, b.align) and at + w <= size and at % w == 0)
            x, y = (self.load(self.offset(m.ptr, at), _word(width), m.align) for m in (a, b))
            total = self.b.or_(total, self.b.xor(x, y))
            at += width
        return self.b.icmp_unsigned("==", total, const(0))

    def _equal_strings(self, left: Value, right: Value) -> Any:
        if isinstance(left, Text):
            left, right = right, left
        if isinstance(left, Text) and isinstance(right, Text):
            return ir.Constant(ir.IntType(1), int(left.text == right.text))
        memory = self.as_memory(left)
        if isinstance(right, Text):
            text = (right.text + b"\0")[: max(memory.type.size, len(right.text))]  # full without a NUL
            if len(text) > memory.type.size:
                return ir.Constant(ir.IntType(1), 0)
            if len(text) <= 64:
                return self._equal_text(memory, text)
        other = self.as_memory(right)
        limit = min(memory.type.size, other.type.size)
        return self.b.icmp_unsigned("==", self.memory_loop(memory.ptr, other.ptr, const(limit), limit, True), const(0))

    def _equal_text(self, memory: Memory, text: bytes) -> Any:
        """Compare with a literal, in words."""
        order = "big" if self.mod.options.target.big_endian else "little"
        total: Any = const(0)
        at = 0
        while at < len(text):
            width = next(w for w in (8, 4, 2, 1) if w <= memory.align and at + w <= len(text) and at % w == 0)
            word = self.load(self.offset(memory.ptr, at), _word(width), memory.align)
            number = int.from_bytes(text[at : at + width], order)  # type: ignore[arg-type]
            total = self.b.or_(total, self.b.xor(word, const(number)))
            at += width
        return self.b.icmp_unsigned("==", total, const(0))

    def memory_loop(self, left: Any, right: Any, count: Any, limit: int, stop_at_nul: bool) -> Any:
        """Compare byte by byte: return the difference of the first bytes that differ, 0 if none do.

        A bounded loop (5.3): at most ``limit`` bytes, fewer if ``count`` (i64) says so or both strings end.
        """
        cell, result = self.cell(), self.cell()
        self.b.store(const(0), cell)
        self.b.store(const(0), result)
        head, body, end = self.block("compare"), self.block("byte"), self.block("compared")
        self.b.branch(head)
        self.b.position_at_end(head)
        i = self.b.load(cell, typ=I64)
        inside = self.b.and_(self.b.icmp_unsigned("<", i, const(limit)), self.b.icmp_unsigned("<", i, count))
        self.b.cbranch(inside, body, end)
        self.b.position_at_end(body)
        x, y = (self.b.zext(self.b.load(self.offset(p, i), align=1, typ=I8), I64) for p in (left, right))
        difference = self.b.sub(x, y)
        self.b.store(difference, result)
        self.b.store(self.b.add(i, const(1)), cell)
        same = self.b.icmp_unsigned("==", difference, const(0))
        if stop_at_nul:
            same = self.b.and_(same, self.b.icmp_unsigned("!=", x, const(0)))
        self.b.cbranch(same, head, end)
        self.b.position_at_end(end)
        return self.b.load(result, typ=I64)

    # ---- casts ---------------------------------------------------------------------------------

    def convert(self, value: Value, typ: Type) -> Value:
        """Return a value cast to another type."""
        if isinstance(typ, (Str, Buffer)):
            return self._to_string(value, typ)
        if isinstance(typ, Bool) and isinstance(value.type, Str):
            first = self.load(self.as_memory(value).ptr, UINT8, 1)
            return Scalar(typ, self.b.zext(self.truth(first), I64))
        if isinstance(typ, Array):
            if isinstance(value, Place) and value.type.size == typ.size:
                return Place(typ, value.base, value.space, value.root, value.path, value.offset)
            if isinstance(value, Scalar) or value.type.is_scalar:
                place = self.temp(typ)
                number = self.as_scalar(value)
                if value.type.size < typ.size:  # its bytes, and zeros behind them
                    number = self.fit(number, _word(value.type.size))
                self.store(number, place.ptr, typ.size)
                return place
            memory = self.as_memory(value)
            return Memory(typ, memory.ptr, memory.align)
        if isinstance(typ, Ptr) and isinstance(value, Place) and not value.type.is_scalar:
            return Scalar(typ, self.address(value))
        if isinstance(value, Memory) and value.type.size in (1, 2, 4, 8) and typ.is_scalar:
            return Scalar(typ, self.fit(self.load(value.ptr, _signed_word(value.type, typ), value.align), typ))
        if isinstance(typ, (Opaque, Stack, Struct, Tuple, Record)) and not typ.is_scalar:
            return value
        number = self.as_scalar(value)
        if isinstance(typ, Ptr) and value.type.is_integer:
            return Scalar(typ, self.fit(number, _word(value.type.size)))  # a short number becomes an address unsigned
        return Scalar(typ, number if isinstance(typ, (Ptr, Opaque)) else self.fit(number, typ))

    def _to_string(self, value: Value, typ: Type) -> Value:
        place = self.temp(typ)
        if isinstance(value, Place) and not value.type.is_scalar:
            self.zero(place.ptr, typ.size, place.align)
            self.probe_read(place.ptr, min(typ.size, value.type.size), self.address(value), value.space, "_str")
            return place
        self.put(value, place, fresh=True)
        return place


def _align_at(align: int, offset: int) -> int:
    """Alignment of an address at an offset from an aligned one."""
    return align if offset % align == 0 else (offset & -offset)


def _word(size: int) -> Type:
    from ..sema.types import Int

    return Int(size, False)


def _signed_word(source: Type, typ: Type) -> Type:
    from ..sema.types import Int

    return Int(source.size, integer_sign(typ))
