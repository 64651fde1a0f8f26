/* x86_64.h - contract in ../arch.h.  Offsets are those of struct pt_regs, arch/x86/include/asm/ptrace.h, stable ABI of
 * ptrace; the short names are the kernel's, the long ones those of assemblers (USDT argument specifications). */
#ifndef BTAOT_ARCH_X86_64_H
#define BTAOT_ARCH_X86_64_H

#define ARCH_REGISTERS(X) \
	X("r15", 0) X("r14", 8) X("r13", 16) X("r12", 24) X("bp", 32) X("bx", 40) X("r11", 48) X("r10", 56) \
	X("r9", 64) X("r8", 72) X("ax", 80) X("cx", 88) X("dx", 96) X("si", 104) X("di", 112) X("orig_ax", 120) \
	X("orig_rax", 120) X("ip", 128) X("pc", 128) X("cs", 136) X("flags", 144) X("sp", 152) X("ss", 160) \
	X("rbp", 32) X("rbx", 40) X("rax", 80) X("rcx", 88) X("rdx", 96) X("rsi", 104) X("rdi", 112) X("rip", 128) \
	X("eflags", 144) X("rsp", 152)

/* Names that only USDT argument specifications use: the narrower parts of the registers. */
#define ARCH_LETTER(X, l, at) X("e" l "x", at) X(l "x", at) X(l "l", at)
#define ARCH_INDEX(X, n, at) X("e" n, at) X(n, at) X(n "l", at)
#define ARCH_NUMBER(X, n, at) X(n "d", at) X(n "w", at) X(n "b", at)
#define ARCH_NARROW_REGISTERS(X) \
	ARCH_LETTER(X, "a", 80) ARCH_LETTER(X, "b", 40) ARCH_LETTER(X, "c", 88) ARCH_LETTER(X, "d", 96) \
	ARCH_INDEX(X, "si", 104) ARCH_INDEX(X, "di", 112) ARCH_INDEX(X, "bp", 32) ARCH_INDEX(X, "sp", 152) \
	ARCH_NUMBER(X, "r8", 72) ARCH_NUMBER(X, "r9", 64) ARCH_NUMBER(X, "r10", 56) ARCH_NUMBER(X, "r11", 48) \
	ARCH_NUMBER(X, "r12", 24) ARCH_NUMBER(X, "r13", 16) ARCH_NUMBER(X, "r14", 8) ARCH_NUMBER(X, "r15", 0)

#define ARCH_ARGUMENTS "di", "si", "dx", "cx", "r8", "r9"
#define ARCH_SYSCALL_ARGUMENTS "di", "si", "dx", "r10", "r8", "r9"
#define ARCH_RETURN_VALUE "ax"
#define ARCH_PC "ip"
#define ARCH_SP "sp"
#define ARCH_FP "bp"
#define ARCH_STACK_ARGUMENT 8   /* above the return address */
#define ARCH_WATCH_MODES "rw,w,x"
#define ARCH_WATCH_EXEC_LENGTH sizeof(long)

#define ARCH_START(function) \
	__asm__(".text\n.weak _start\n_start:\nxor %ebp, %ebp\nmov %rsp, %rdi\nand $-16, %rsp\ncall " #function "\n")

static inline long arch_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return number;
}

#endif
