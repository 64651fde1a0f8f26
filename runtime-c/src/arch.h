/* arch.h - registers and calling convention of the machine that this stub is compiled for.
 *
 * Each arch/NAME.h (under 130 lines) fills this contract with macros:
 *   ARCH_REGISTERS(X)        X(name, offset in struct pt_regs) for every name that a script may use
 *   ARCH_NARROW_REGISTERS(X) the same for names that only USDT argument specifications use
 *   ARCH_ARGUMENTS           names of the registers that hold integer arguments, in order
 *   ARCH_SYSCALL_ARGUMENTS   the same for system calls, as seen in the pt_regs of a system call
 *   ARCH_RETURN_VALUE, ARCH_PC, ARCH_SP, ARCH_FP   names
 *   ARCH_STACK_ARGUMENT      bytes from the stack pointer at function entry to the first argument on the stack
 *   ARCH_WATCH_MODES         access modes of hardware breakpoints, letters sorted, with commas
 *   ARCH_WATCH_EXEC_LENGTH   bp_len of an execution breakpoint
 *   ARCH_START(function)     assembler text: the entry point _start, weak, calls function(long *stack)
 * and one inline function, arch_syscall(number, a, b, c, d, e, f): what the kernel returns, -errno for an error. */
#ifndef BTAOT_ARCH_H
#define BTAOT_ARCH_H

#if defined(__x86_64__)
#include "arch/x86_64.h"
#elif defined(__aarch64__)
#include "arch/aarch64.h"
#else
#error "arch.h: no arch/NAME.h for this architecture"
#endif

#include <stdbool.h>

/* Offset in pt_regs of a register, or -ENOENT. */
int arch_register_offset(const char *name);
/* The same, also for narrow names ("eax", "w3"). */
int arch_narrow_register_offset(const char *name);
/* The same for what a REG symbol may name: a register, "argN", "retval", "func" (the program counter), "sysargN", and "sargN" (the stack
 * pointer: the argument itself is at arch_stack_argument(N) from there). */
int arch_symbol_offset(const char *name);
/* Bytes from the stack pointer at function entry to stack argument `n`. */
int arch_stack_argument(unsigned int n);
bool arch_watch_mode_ok(const char *mode);
/* "rw,w,x" */
const char *arch_watch_modes(void);

#endif
