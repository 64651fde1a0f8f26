/* aarch64.h - contract in ../arch.h.  Offsets are those of struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h. */
#ifndef BTAOT_ARCH_AARCH64_H
#define BTAOT_ARCH_AARCH64_H

#define ARCH_X(X, n) X("r" #n, 8 * n) X("x" #n, 8 * n) X("regs[" #n "]", 8 * n)
#define ARCH_REGISTERS(X) \
	ARCH_X(X, 0) ARCH_X(X, 1) ARCH_X(X, 2) ARCH_X(X, 3) ARCH_X(X, 4) ARCH_X(X, 5) ARCH_X(X, 6) ARCH_X(X, 7) \
	ARCH_X(X, 8) ARCH_X(X, 9) ARCH_X(X, 10) ARCH_X(X, 11) ARCH_X(X, 12) ARCH_X(X, 13) ARCH_X(X, 14) ARCH_X(X, 15) \
	ARCH_X(X, 16) ARCH_X(X, 17) ARCH_X(X, 18) ARCH_X(X, 19) ARCH_X(X, 20) ARCH_X(X, 21) ARCH_X(X, 22) \
	ARCH_X(X, 23) ARCH_X(X, 24) ARCH_X(X, 25) ARCH_X(X, 26) ARCH_X(X, 27) ARCH_X(X, 28) ARCH_X(X, 29) \
	ARCH_X(X, 30) X("fp", 232) X("lr", 240) X("compat_fp", 88) X("compat_sp", 104) X("compat_lr", 112) \
	X("sp", 248) X("pc", 256) X("ip", 256) X("pstate", 264)

/* Names that only USDT argument specifications use: the lower halves. */
#define ARCH_W(X, n) X("w" #n, 8 * n)
#define ARCH_NARROW_REGISTERS(X) \
	ARCH_W(X, 0) ARCH_W(X, 1) ARCH_W(X, 2) ARCH_W(X, 3) ARCH_W(X, 4) ARCH_W(X, 5) ARCH_W(X, 6) ARCH_W(X, 7) \
	ARCH_W(X, 8) ARCH_W(X, 9) ARCH_W(X, 10) ARCH_W(X, 11) ARCH_W(X, 12) ARCH_W(X, 13) ARCH_W(X, 14) ARCH_W(X, 15) \
	ARCH_W(X, 16) ARCH_W(X, 17) ARCH_W(X, 18) ARCH_W(X, 19) ARCH_W(X, 20) ARCH_W(X, 21) ARCH_W(X, 22) \
	ARCH_W(X, 23) ARCH_W(X, 24) ARCH_W(X, 25) ARCH_W(X, 26) ARCH_W(X, 27) ARCH_W(X, 28) ARCH_W(X, 29) ARCH_W(X, 30)

#define ARCH_ARGUMENTS "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"
#define ARCH_SYSCALL_ARGUMENTS "r0", "r1", "r2", "r3", "r4", "r5"
#define ARCH_RETURN_VALUE "r0"
#define ARCH_PC "pc"
#define ARCH_SP "sp"
#define ARCH_FP "fp"
#define ARCH_STACK_ARGUMENT 0   /* the return address is in a register */
#define ARCH_WATCH_MODES "r,rw,w,x"
#define ARCH_WATCH_EXEC_LENGTH 4

#define ARCH_START(function) \
	__asm__(".text\n.weak _start\n_start:\nmov x29, #0\nmov x30, #0\nmov x0, sp\nb " #function "\n")

static inline long arch_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

#endif
