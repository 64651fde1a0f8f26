/* system.c - system calls, in place of musl's wrappers.
 *
 * The stub has room for little: musl's wrappers care for threads, cancellation, old kernels and the vDSO, none of which
 * the runtime has to do with, and each of them costs hundreds of bytes.  Functions with "..." in the headers are defined
 * with all their arguments here (the headers that declare them are not included): on the targets both are called alike.
 * The kernel's `struct stat` is musl's on 64-bit targets.  glibc keeps its own functions. */
#include <errno.h>

#ifndef __GLIBC__
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "arch.h"

#include <bits/syscall.h>

#define CWD (-100L)             /* AT_FDCWD, whose header declares open() */

_Static_assert(sizeof(long) == 8, "32-bit targets need conversions here");

static long result(long ret)
{
	if (ret < 0 && ret >= -4095) {
		errno = (int)-ret;
		return -1;
	}
	return ret;
}

#define CALL(number, a, b, c, d) result(arch_syscall(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0))

long syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return result(arch_syscall(number, a, b, c, d, e, f));
}

int openat(int dir, const char *path, int flags, unsigned int mode)
{
	return (int)CALL(__NR_openat, dir, path, flags, mode);
}

int open(const char *path, int flags, unsigned int mode)
{
	return openat(CWD, path, flags, mode);
}

int ioctl(int fd, int request, long argument)
{
	return (int)CALL(__NR_ioctl, fd, request, argument, 0);
}

int fcntl(int fd, int command, long argument)
{
	return (int)CALL(__NR_fcntl, fd, command, argument, 0);
}

int prctl(int option, long argument)
{
	return (int)CALL(__NR_prctl, option, argument, 0, 0);
}

int pipe2(int fds[2], int flags)
{
	return (int)CALL(__NR_pipe2, fds, flags, 0, 0);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
	return (int)CALL(__NR_signalfd4, fd, set, _NSIG / 8, flags);
}

int stat(const char *restrict path, struct stat *restrict st)
{
	return (int)CALL(__NR_newfstatat, CWD, path, st, 0);
}

int fstat(int fd, struct stat *st)
{
	return (int)CALL(__NR_fstat, fd, st, 0, 0);
}

int getrlimit(int resource, struct rlimit *limit)
{
	return (int)CALL(__NR_prlimit64, 0, resource, 0, limit);
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	return (int)CALL(__NR_clock_gettime, clock, ts, 0, 0);
}

int usleep(unsigned int us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	return (int)CALL(__NR_nanosleep, &ts, 0, 0, 0);
}

int nanosleep(const struct timespec *ts, struct timespec *left)
{
	return (int)CALL(__NR_nanosleep, ts, left, 0, 0);
}

/* Only SIG_IGN and SIG_DFL: a handler would need a way to return. */
void (*signal(int number, void (*handler)(int)))(int)
{
	unsigned long action[4] = { (unsigned long)handler, 0, 0, 0 };  /* flags, restorer, mask */

	CALL(__NR_rt_sigaction, number, action, 0, _NSIG / 8);
	return SIG_DFL;
}
#endif
