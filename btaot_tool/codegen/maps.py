"""Access to the script's maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..payload.layout import Feature, MapFlag, SessionFact, TypeKind
from ..sema.env import MapInfo
from ..sema.types import Agg, Int, Type
from ..symbols import map_fd, map_value, session
from ..syntax import tree
from .llvm import I64, const
from .module import MapPlan
from .structs import Structs
from .values import Scalar, Value

BPF_ANY = 0
E2BIG = 7  # the map is full
ARRAY = 2


class Maps(Structs):
    """Adds map operations to a function."""

    def map_info(self, target: tree.MapRef | tree.MapAccess) -> MapInfo:
        """Return what is known of the map that an expression names."""
        return self.checked.maps[target.name if isinstance(target, tree.MapRef) else target.map.name]

    def map_plan(self, info: MapInfo) -> tuple[int, MapPlan]:
        """Return index and plan of a map."""
        index = self.mod.plan_map(info)
        return index, self.mod.maps[index]

    def map_ptr(self, info: MapInfo) -> Any:
        """Return the map's descriptor as a pointer."""
        return self.symbol_ptr(map_fd(self.mod.plan_map(info)))

    def key(self, info: MapInfo, target: tree.MapRef | tree.MapAccess) -> Any:
        """Return a pointer to the key of an access, laid out as the map's key type."""
        if isinstance(target, tree.MapRef):
            return self.zero_key()
        return self.key_of(info, target.key)

    def key_of(self, info: MapInfo, node: tree.Expr) -> Any:
        """Return a pointer to a key given as an expression."""
        place = self.temp(info.key)
        self.emit_to(node, place, fresh=True)
        return place.ptr

    def zero_key(self) -> Any:
        """Return a pointer to the key of maps without keys."""
        key = self.bytes(8)
        self.b.store(const(0), key)
        return key

    def direct(self, info: MapInfo) -> Any | None:
        """Return the address of the value of an array map of one entry; None for other maps."""
        index, plan = self.map_plan(info)
        return self.symbol_ptr(map_value(index)) if plan.bpf_type == ARRAY else None

    def lookup(self, info: MapInfo, key: Any) -> Any:
        """Return a pointer to the value of a key, or null."""
        return self.helper_ptr("map_lookup_elem", self.map_ptr(info), key)

    def presence(self, plan: MapPlan, value: Any) -> Any:
        """Return a pointer to the word that tells whether a map without key was written."""
        return self.offset(value, plan.value_size - 8)

    def update(self, info: MapInfo, key: Any, value: Any) -> None:
        """Store a value; an update that fails is counted for this map: see ``docs/architecture.md``, globals."""
        _, plan = self.map_plan(info)
        result = self.helper("map_update_elem", self.map_ptr(info), key, value, BPF_ANY)
        # Before 6.4 map functions return an int, whose upper half a program sees as zeros.
        full = self.b.icmp_unsigned("==", self.b.and_(result, const(2**32 - 1)), const(2**32 - E2BIG))
        amount = self.b.select(full, const(1), const(1 << 32))
        self.when(self.b.icmp_signed("!=", result, const(0)), lambda: self.count_loss(plan.loss_off, amount))

    def read_map(self, target: tree.MapRef | tree.MapAccess) -> Value:
        """Return the value of a map; a missing key reads as zero."""
        info = self.map_info(target)
        if isinstance(info.value, Agg):
            return self.read_aggregate(info, target)
        direct = self.direct(info)
        if direct is not None:
            return self._load_value(info.value, direct)
        pointer = self.lookup(info, self.key(info, target))
        self.check_helper("map_lookup_elem", const(0), self.is_null(pointer), target.span)
        if info.value.is_scalar:
            value = self.choose(self.is_null(pointer), lambda: const(0), lambda: self.load(pointer, info.value))
            return Scalar(info.value, value)
        place = self.temp(info.value)
        size = info.value.size
        self.when(
            self.is_null(pointer),
            lambda: self.zero(place.ptr, size, place.align),
            lambda: self.copy(place.ptr, pointer, size),
        )
        return place

    def element_value(self, info: MapInfo, key: Any, pointer: Any) -> Value:
        """Return the value of an element that was found."""
        if isinstance(info.value, Agg):
            return self.sum_cpus(info, key)
        return self._load_value(info.value, pointer)

    def _load_value(self, typ: Type, pointer: Any) -> Value:
        if typ.is_scalar:
            return Scalar(typ, self.load(pointer, typ))
        place = self.temp(typ)
        self.copy(place.ptr, pointer, typ.size)
        return place

    def assign_map(self, target: tree.MapRef | tree.MapAccess, node: tree.Expr) -> None:
        """Store the value of an expression in a map."""
        info = self.map_info(target)
        direct = self.direct(info)
        if direct is not None and info.value.is_scalar:
            value = self.scalar(node)
            self.store(value, direct, info.value.size)
            self.b.store(const(1), self.presence(self.map_plan(info)[1], direct))
            return
        place = self.temp(info.value)
        self.emit_to(node, place, fresh=True)
        if direct is not None:
            self.copy(direct, place.ptr, info.value.size)
            self.b.store(const(1), self.presence(self.map_plan(info)[1], direct))
            return
        self.update(info, self.key(info, target), place.ptr)

    def modify_map(
        self, target: tree.MapRef | tree.MapAccess, change: Callable[[Any], Any], add: Any | None, want: str
    ) -> Any:
        """Change an integer in a map; ``want`` is "", "old" or "new": which value the expression has.

        ``add``: the amount, if the change is an addition; without a wanted value it is one atomic
        instruction.  A missing key counts as zero.
        """
        info = self.map_info(target)
        direct = self.direct(info)
        if direct is not None:
            self.b.store(const(1), self.presence(self.map_plan(info)[1], direct))
            return self._modify_at(info, direct, change, add, want)
        key = self.key(info, target)
        pointer = self.lookup(info, key)
        cell = self.cell()

        def missing() -> None:
            new = self.fit(change(const(0)), info.value)
            self.b.store(new if want == "new" else const(0), cell)
            place = self.bytes(8)
            self.store(new, place, info.value.size)
            self.update(info, key, place)

        self.when(
            self.is_null(pointer),
            missing,
            lambda: self._store_cell(self._modify_at(info, pointer, change, add, want), cell),
        )
        return self.b.load(cell, typ=const(0).type)

    def _modify_at(self, info: MapInfo, pointer: Any, change: Callable[[Any], Any], add: Any | None, want: str) -> Any:
        if add is not None and not want and info.value.size == 8:
            self.atomic_add(pointer, add)
            return const(0)
        old = self.load(pointer, info.value)
        new = self.fit(change(old), info.value)
        self.store(new, pointer, info.value.size)
        return old if want == "old" else new

    def delete(self, info: MapInfo, key: Any, wanted: bool = True) -> Any:
        """Delete a key; returns whether it was there, as 0 or 1.  A failure that nobody asks for is reported."""
        direct = self.direct(info)
        if direct is not None:
            return self._reset(self.map_plan(info)[1], direct)
        if self.map_plan(info)[1].flags & MapFlag.PRESENCE:
            pointer = self.lookup(info, key)
            return self.choose(
                self.is_null(pointer), lambda: const(0), lambda: self._reset(self.map_plan(info)[1], pointer)
            )
        result = self.helper("map_delete_elem", self.map_ptr(info), key)
        if not wanted:
            self.check_helper("map_delete_elem", result, self.b.icmp_signed("!=", result, const(0)))
        return self.b.zext(self.b.icmp_signed("==", result, const(0)), const(0).type)

    def _reset(self, plan: MapPlan, pointer: Any) -> Any:
        was = self.b.load(self.presence(plan, pointer), typ=const(0).type)
        self.zero(pointer, plan.value_size)
        return was

    # ---- aggregations --------------------------------------------------------------------------

    def aggregate(self, target: tree.MapRef | tree.MapAccess, change: Callable[[Any, bool], None]) -> None:
        """Find or make this CPU's value of an aggregation and let ``change`` alter it.

        ``change(pointer, atomic)``: atomic if another program, or this one interrupting itself, may be in the
        middle of the same.
        """
        info = self.map_info(target)
        _, plan = self.map_plan(info)
        atomic = self.template.probe.preemptible or len(info.writers) > 1
        key = self.key(info, target)
        pointer = self.lookup(info, key)
        end = self.block("aggregated")
        found, missing = self.block("found"), self.block("missing")
        self.b.cbranch(self.is_null(pointer), missing, found)
        self.b.position_at_end(found)
        change(pointer, atomic)
        if plan.flags & MapFlag.PRESENCE:
            self.b.store(const(1), self.presence(plan, pointer))
        self.b.branch(end)
        self.b.position_at_end(missing)
        if not plan.flags & MapFlag.SCALAR:
            self._make_element(info, plan, key, change, end)
        else:
            self.b.branch(end)
        self.b.position_at_end(end)

    def _make_element(
        self, info: MapInfo, plan: MapPlan, key: Any, change: Callable[[Any, bool], None], end: Any
    ) -> None:
        """Add an element: small values are made in place, big ones (histograms) start as zeroes and are looked up."""
        with self.lifetime():
            initial = self.bytes(plan.value_size)
            self.zero(initial, plan.value_size)
            if plan.value_size <= 64:
                change(initial, False)
                self.update(info, key, initial)
                self.b.branch(end)
                return
            self.update(info, key, initial)
        pointer = self.lookup(info, key)
        found = self.block("made")
        self.b.cbranch(self.is_null(pointer), end, found)
        self.b.position_at_end(found)
        change(pointer, False)
        self.b.branch(end)

    def read_aggregate(self, info: MapInfo, target: tree.MapRef | tree.MapAccess) -> Value:
        """Read an aggregation in the kernel as one integer."""
        return self.sum_cpus(info, self.key(info, target))

    def sum_cpus(self, info: MapInfo, key: Any) -> Scalar:
        """Put the shares of all CPUs together; a CPU without a share counts as nothing."""
        assert isinstance(info.value, Agg)
        agg = info.value
        self.require(Feature.MAP_LOOKUP_PERCPU, f"reading {info.name} in the program")
        total, count, cpu = (self.cell() for _ in range(3))
        for cell in (total, count, cpu):
            self.b.store(const(0), cell)
        head, body, found, step, end = (self.block(n) for n in ("cpus", "cpu", "share", "next", "summed"))
        self.goto(head)
        i = self.b.load(cpu, typ=I64)
        self.b.cbranch(self.b.icmp_unsigned("<", i, self.symbol(session(SessionFact.CPU_COUNT))), body, end)
        self.b.position_at_end(body)
        share = self.helper_ptr("map_lookup_percpu_elem", self.map_ptr(info), key, i)
        self.b.cbranch(self.is_null(share), step, found)
        self.b.position_at_end(found)
        self._add_share(agg, share, total, count)
        self.goto(step)
        self.b.store(self.b.add(self.b.load(cpu, typ=I64), const(1)), cpu)
        self.b.branch(head)
        self.b.position_at_end(end)
        value = self.b.load(total, typ=I64)
        if agg.kind in (TypeKind.AVG, TypeKind.STATS):
            seen = self.b.load(count, typ=I64)
            none = self.b.icmp_unsigned("==", seen, const(0))
            value = self.arithmetic("/", value, self.b.or_(seen, self.b.zext(none, I64)), agg.signed)
        return Scalar(Int(8, agg.signed), value)

    def _add_share(self, agg: Agg, share: Any, total: Any, count: Any) -> None:
        value = self.b.load(share, typ=I64)
        old = self.b.load(total, typ=I64)
        if agg.kind in (TypeKind.COUNT, TypeKind.SUM):
            self.b.store(self.b.add(old, value), total)
            return
        other = self.b.load(self.offset(share, 8), typ=I64)
        seen = self.b.load(count, typ=I64)
        if agg.kind in (TypeKind.AVG, TypeKind.STATS):
            self.b.store(self.b.add(old, value), total)
        else:
            compare = self.b.icmp_signed if agg.signed else self.b.icmp_unsigned
            better = compare("<" if agg.kind is TypeKind.MIN else ">", value, old)
            better = self.b.or_(better, self.b.icmp_unsigned("==", seen, const(0)))
            better = self.b.and_(better, self.b.icmp_unsigned("!=", other, const(0)))
            self.b.store(self.b.select(better, value, old), total)
        self.b.store(self.b.add(seen, other), count)
