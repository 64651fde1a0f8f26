"""Small BPF objects for tests: LLVM IR as the compiler emits it, compiled by llvmlite."""

from __future__ import annotations

import functools
from typing import Any

MODULE_HEAD = """
source_filename = "t.bt"
target triple = "{triple}"
"""

#: flags for functions that become one context load
LDX_ATTRIBUTES = "memory(none) nounwind willreturn"

SYMBOLS = """
@"map:0" = extern_weak global i8
@"flag:loop" = extern_weak global i8
@"field:task_struct.mm" = extern_weak global i8
"""


def debug_info(functions: list[str], file: str = "t.bt", source: str = "begin { }\\0A") -> tuple[dict[str, str], str]:
    """Return ``!dbg`` attachments by function, and the metadata that defines them."""
    head = [
        "!llvm.dbg.cu = !{!0}",
        "!llvm.module.flags = !{!3, !4}",
        '!0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, producer: "btaot", isOptimized: true,'
        " runtimeVersion: 0, emissionKind: FullDebug)",
        f'!1 = !DIFile(filename: "{file}", directory: "", source: "{source}")',
        "!2 = !DISubroutineType(types: !5)",
        '!3 = !{i32 2, !"Debug Info Version", i32 3}',
        '!4 = !{i32 7, !"Dwarf Version", i32 5}',
        "!5 = !{!6}",
        '!6 = !DIBasicType(name: "long", size: 64, encoding: DW_ATE_signed)',
    ]
    attach = {}
    for number, name in enumerate(functions):
        sp, loc = 10 + 2 * number, 11 + 2 * number
        attach[name] = f"!dbg !{sp}"
        head.append(
            f'!{sp} = distinct !DISubprogram(name: "{name}", scope: !1, file: !1, line: 1, type: !2, scopeLine: 1,'
            " spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !0)"
        )
        head.append(f"!{loc} = !DILocation(line: 1, column: 9, scope: !{sp})")
    return attach, "\n".join(head)


@functools.cache
def llvm() -> Any:
    """Return llvmlite's binding with the BPF target ready."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    return binding


def compile_ir(ir: str, triple: str = "bpfel", cpu: str = "v3", optimize: bool = True) -> bytes:
    """Compile LLVM IR to a BPF object as the compiler does."""
    binding = llvm()
    module = binding.parse_assembly(MODULE_HEAD.format(triple=triple) + ir)
    module.verify()
    machine = binding.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=2)
    if optimize:
        tuning = binding.create_pipeline_tuning_options(speed_level=2)
        builder = binding.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
    result: bytes = machine.emit_object(module)
    return result


def flag_program() -> str:
    """Return a program whose branch a flag symbol chooses."""
    return (
        SYMBOLS
        + """
define i64 @prog(ptr %ctx) nounwind "no-builtins" section "one" {
  %on = icmp ne i64 ptrtoint (ptr @"flag:loop" to i64), 0
  br i1 %on, label %yes, label %no
yes:
  %t = call i64 inttoptr (i64 9999 to ptr)(i64 ptrtoint (ptr @"map:0" to i64))
  ret i64 %t
no:
  %t2 = call i64 inttoptr (i64 5 to ptr)()
  ret i64 0
}
"""
    )


def context_load_program() -> str:
    """Return a program that reads one context field and one load-time constant, with debug information."""
    attach, metadata = debug_info(["entry_point"])
    return (
        SYMBOLS
        + f"""
declare i64 @"ldx:a,b(c)"(ptr) {LDX_ATTRIBUTES}
define i64 @entry_point(ptr %ctx) nounwind "no-builtins" section "two" {attach["entry_point"]} {{
  %v = call i64 @"ldx:a,b(c)"(ptr %ctx), !dbg !11
  %w = add i64 %v, ptrtoint (ptr @"field:task_struct.mm" to i64), !dbg !11
  ret i64 %w, !dbg !11
}}
{metadata}
"""
    )


def callback_program() -> str:
    """Return a program with a callback and a static call, with debug information."""
    attach, metadata = debug_info(["looper", "body", "helper_fn"])
    return (
        SYMBOLS
        + f"""
define i64 @looper(ptr %ctx) nounwind "no-builtins" section "three" {attach["looper"]} {{
  %state = alloca i64, align 8
  store i64 0, ptr %state, align 8, !dbg !11
  %r = call i64 inttoptr (i64 181 to ptr)(i32 10, ptr @body, ptr %state, i64 0), !dbg !11
  %v = load i64, ptr %state, align 8, !dbg !11
  %w = call i64 @helper_fn(i64 %v), !dbg !11
  ret i64 %w, !dbg !11
}}
define internal i64 @body(i64 %i, ptr %ctx) nounwind "no-builtins" section "three" {attach["body"]} {{
  %p = load i64, ptr %ctx, align 8, !dbg !13
  %q = add i64 %p, %i, !dbg !13
  store i64 %q, ptr %ctx, align 8, !dbg !13
  ret i64 0, !dbg !13
}}
define internal i64 @helper_fn(i64 %x) nounwind noinline "no-builtins" section "three" {attach["helper_fn"]} {{
  %t = call i64 inttoptr (i64 5 to ptr)(), !dbg !15
  %u = add i64 %t, %x, !dbg !15
  ret i64 %u, !dbg !15
}}
{metadata}
"""
    )


def arithmetic_program() -> str:
    """Return a program with many kinds of instructions: all widths, atomics, 32-bit operations, byte swaps."""
    return """
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
define i64 @arithmetic(ptr %ctx) nounwind "no-builtins" section "many" {
  %b = load i8, ptr %ctx, align 1
  %p2 = getelementptr i8, ptr %ctx, i64 2
  %h = load i16, ptr %p2, align 2
  %p4 = getelementptr i8, ptr %ctx, i64 4
  %w = load i32, ptr %p4, align 4
  %p8 = getelementptr i8, ptr %ctx, i64 8
  %d = load i64, ptr %p8, align 8
  %hs = call i16 @llvm.bswap.i16(i16 %h)
  %ws = call i32 @llvm.bswap.i32(i32 %w)
  %bz = sext i8 %b to i64
  %hz = zext i16 %hs to i64
  %q = udiv i64 %d, 7
  %r = urem i64 %q, %hz
  %wq = udiv i32 %ws, 9
  %sh = lshr i32 %wq, 3
  %as = ashr i64 %d, 5
  %sl = shl i64 %as, %bz
  %ng = sub i64 0, %sl
  %x = xor i64 %ng, 255
  %o = or i64 %x, %r
  %wz = zext i32 %sh to i64
  %m = mul i64 %o, %wz
  %p16 = getelementptr i8, ptr %ctx, i64 16
  %old = atomicrmw add ptr %p16, i64 %m seq_cst, align 8
  %old2 = atomicrmw xchg ptr %p16, i64 %old seq_cst, align 8
  %pair = cmpxchg ptr %p16, i64 %old2, i64 1 seq_cst seq_cst, align 8
  %old3 = extractvalue { i64, i1 } %pair, 0
  %unused = atomicrmw add ptr %p8, i64 1 monotonic, align 8
  %c = icmp slt i64 %old3, -3
  br i1 %c, label %yes, label %no
yes:
  store i32 %w, ptr %p16, align 4
  store i8 3, ptr %ctx, align 1
  %c2 = icmp ugt i32 %w, 77
  br i1 %c2, label %no, label %end
no:
  store i16 %h, ptr %p2, align 2
  br label %end
end:
  ret i64 %old3
}
"""
