"""Integer operators: BPF has no signed division, and shifts and division need defined corner cases."""

from __future__ import annotations

from typing import Any

from ..sema.operators import COMPARISONS
from .base import FunctionBase
from .llvm import I64, const, ir

BY_ZERO = "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result."
_SIMPLE = {"+": "add", "-": "sub", "*": "mul", "&": "and_", "|": "or_", "^": "xor"}


class Arithmetic(FunctionBase):
    """Adds arithmetic on 64-bit values to a function."""

    def arithmetic(self, op: str, left: Any, right: Any, signed: bool) -> Any:
        """Return ``left op right``; division by zero and ``x % 0`` give 1 and a warning; ``>>`` moves zeros in."""
        if op in _SIMPLE:
            return getattr(self.b, _SIMPLE[op])(left, right)
        if op in ("<<", ">>"):
            amount = self.b.and_(right, const(63))
            return self.b.shl(left, amount) if op == "<<" else self.b.lshr(left, amount)
        if signed:
            return self._signed_division(op, left, right)
        return self._division(op, left, right)

    def _division(self, op: str, left: Any, right: Any) -> Any:
        divide = self.b.udiv if op == "/" else self.b.urem
        if isinstance(right, ir.Constant) and right.constant:
            return divide(left, right)
        zero = self.b.icmp_unsigned("==", right, const(0))
        self.warn_when(zero, BY_ZERO)
        return self.b.select(zero, const(1), divide(left, self.b.select(zero, const(1), right)))

    def _signed_division(self, op: str, left: Any, right: Any) -> Any:
        """Divide the magnitudes, then give the quotient the sign of both, the remainder that of the left."""
        left_negative = self.b.icmp_signed("<", left, const(0))
        right_negative = self.b.icmp_signed("<", right, const(0))
        magnitude = self._division(op, self._abs(left, left_negative), self._abs(right, right_negative))
        negative = left_negative if op == "%" else self.b.xor(left_negative, right_negative)
        negative = self.b.and_(negative, self.b.icmp_unsigned("!=", right, const(0)))
        return self.b.select(negative, self.b.sub(const(0), magnitude), magnitude)

    def _abs(self, value: Any, negative: Any) -> Any:
        if isinstance(value, ir.Constant):
            number = value.constant
            return const((1 << 64) - number if number >> 63 else number)
        return self.b.select(negative, self.b.sub(const(0), value), value)

    def compare(self, op: str, left: Any, right: Any, signed: bool) -> Any:
        """Return a comparison as 0 or 1, i64."""
        assert op in COMPARISONS
        compare = self.b.icmp_signed if signed else self.b.icmp_unsigned
        return self.b.zext(compare(op, left, right), I64)

    def truth(self, value: Any) -> Any:
        """Return whether a 64-bit value is not zero, i1."""
        return self.b.icmp_unsigned("!=", value, const(0))
