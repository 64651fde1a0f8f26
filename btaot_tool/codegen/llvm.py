"""LLVM: types, the target machine, and the passes.

Before importing ``llvmlite.ir`` its typed pointers are switched off: LLVM no longer reads them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite

llvmlite.ir_layer_typed_pointers_enabled = False

from llvmlite import binding as binding  # noqa: E402
from llvmlite import ir as ir  # noqa: E402

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
PTR = ir.PointerType()
#: v4 is rejected by kernels before 6.6; v3 needs 5.10, the oldest kernel that is promised.
CPU = "v3"
#: Bytes of IR from which on a module is optimised quickly: some 100 lines of a script.
LARGE = 250_000


def const(value: int) -> ir.Constant:
    """Return a 64-bit constant; negative numbers wrap."""
    return ir.Constant(I64, value & 0xFFFFFFFFFFFFFFFF)


class _VolatileLoad(ir.LoadInstr):  # type: ignore[misc]  # llvmlite has no types
    """A load that LLVM must not look through; llvmlite has no word for it."""

    def descr(self, buf: list[str]) -> None:
        """Append the text of the instruction."""
        text: list[str] = []
        super().descr(text)
        buf.append("".join(text).replace("load ", "load volatile ", 1))


def volatile_load(builder: ir.IRBuilder, ptr: Any) -> Any:
    """Load 64 bits from a stack slot, hidden from the optimiser."""
    load = _VolatileLoad(builder.block, ptr, "", typ=I64)
    builder._insert(load)
    return load


def _quick_passes() -> Any:
    """Return what matters most of O2, each pass once or twice: 3 % more instructions in a fifth of the time."""
    passes = binding.create_new_module_pass_manager()
    passes.add_simplify_cfg_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_loop_rotate_pass()  # or else loops end in code that runs into their head: refused before 6.12
    passes.add_new_gvn_pass()
    passes.add_dead_store_elimination_pass()
    passes.add_aggressive_dce_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_global_dead_code_eliminate_pass()  # callbacks of loops that are none
    return passes


@cache
def _target(triple: str) -> binding.Target:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    # A store moved behind its loop takes a value that is undefined before the first round: the verifier refuses to read
    # such a register, on the way that it alone believes in.
    binding.set_option("btaot", "-disable-licm-promotion")
    return binding.Target.from_triple(triple)


def data_layout(triple: str) -> str:
    """Return the layout string of a BPF target: without it LLVM takes 64-bit words to be 4-aligned."""
    return str(_target(triple).create_target_machine(cpu=CPU, opt=2).target_data)


def compile_module(text: str, triple: str, optimized: list[str] | None = None) -> bytes:
    """Optimise an IR module (O2; a large one, quickly) and return its object file.

    An error of the backend ends the process; the caller runs in a worker.
    """
    machine = _target(triple).create_target_machine(cpu=CPU, opt=2)
    module = binding.parse_assembly(text)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = False
    options.loop_vectorization = False
    options.slp_vectorization = False
    builder = binding.create_pass_builder(machine, options)
    passes = _quick_passes() if len(text) > LARGE else builder.getModulePassManager()
    passes.run(module, builder)
    if optimized is not None:
        optimized.append(str(module))
    return bytes(machine.emit_object(module))
