"""Makes packs that differ from a given one in layouts only: what an executable must not depend on."""

from __future__ import annotations

from array import array
from dataclasses import replace
from random import Random

from btaot_tool.kernel.columns import STRUCT_UNION, Column, Columns
from btaot_tool.kernel.formats import decode_tracepoint, encode_tracepoints
from btaot_tool.kernel.pack import PackKernel
from btaot_tool.kernel.packfile import PackData
from btaot_tool.kernel.types import Tracepoint


def scramble(data: PackData, seed: int) -> PackData:
    """Return the pack with other struct offsets and sizes, and other tracepoint layouts; names, order and kinds stay.

    Members keep their order and alignment, and bitfields of one word stay together.
    """
    random = Random(seed)
    columns = dict(data.columns.data)
    columns["members.offset"], columns["struct.size"] = _scramble_structs(data.columns, random)
    lines = data.tracepoints.decode().splitlines()
    tracepoints = encode_tracepoints(_scramble_tracepoint(decode_tracepoint(line), random) for line in lines)
    identity = replace(data.identity, name=f"{data.identity.name}-scrambled-{seed}")
    types = Columns(data.columns.strings, columns)
    return PackData(identity, types, tracepoints.encode(), data.constants, f"{data.digest}-{seed}")


def scramble_kernel(kernel: PackKernel, seed: int) -> PackKernel:
    """Do the same for an open pack."""
    return PackKernel(scramble(kernel.data, seed))


def _scramble_structs(columns: Columns, random: Random) -> tuple[Column, Column]:
    offsets = array("I", columns.data["members.offset"])
    sizes = array("I", columns.data["struct.size"])
    bits = columns.data["members.bits"]
    for place, flags in enumerate(columns.data["struct.flags"]):
        gap = 0
        for item in columns.items("struct", place):
            if not flags & STRUCT_UNION:
                if not bits[item] or offsets[item] % 64 == 0:
                    gap += 16 * random.randrange(4)
                offsets[item] += 8 * gap
        if sizes[place]:
            sizes[place] += gap + 16 * random.randrange(1, 4)
    return offsets, sizes


def _scramble_tracepoint(tracepoint: Tracepoint, random: Random) -> Tracepoint:
    fields, gap = [], 0
    for field in tracepoint.fields:
        gap += 8 * random.randrange(4)
        fields.append(replace(field, offset=field.offset + gap))
    return replace(tracepoint, fields=tuple(fields))
