/* system.c - system calls, in place of a C library's wrappers.
 *
 * The stub has room for little: a C library's wrappers care for threads, cancellation, old kernels and the vDSO, none of which
 * the runtime has to do with, and each of them costs hundreds of bytes.  Functions with "..." in the headers are defined
 * with all their arguments here (the headers that declare them are not included): on the targets both are called alike.
 * The kernel's `struct stat` is musl's on 64-bit targets.  glibc keeps its own functions. */
#include <errno.h>

#ifndef __GLIBC__
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "arch.h"

#include <bits/syscall.h>

#define CWD (-100L)             /* AT_FDCWD, whose header declares open() */

_Static_assert(sizeof(long) == 8, "32-bit targets need conversions here");

extern char **environ;         /* of unistd.h, which declares syscall() */
struct file_handle;

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

int close(int fd)
{
	return (int)CALL(__NR_close, fd, 0, 0, 0);
}

int dup2(int fd, int copy)
{
	return (int)CALL(__NR_dup3, fd, copy, 0, 0);
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

ssize_t read(int fd, void *buf, size_t size)
{
	return CALL(__NR_read, fd, buf, size, 0);
}

ssize_t pread(int fd, void *buf, size_t size, off_t offset)
{
	return CALL(__NR_pread64, fd, buf, size, offset);
}

ssize_t write(int fd, const void *buf, size_t size)
{
	return CALL(__NR_write, fd, buf, size, 0);
}

off_t lseek(int fd, off_t offset, int whence)
{
	return CALL(__NR_lseek, fd, offset, whence, 0);
}

ssize_t readlink(const char *restrict path, char *restrict buf, size_t size)
{
	return CALL(__NR_readlinkat, CWD, path, buf, size);
}

int access(const char *path, int mode)
{
	return (int)CALL(__NR_faccessat, CWD, path, mode, 0);
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	(void)flags;  /* always 0: the old call has none */
	return (int)CALL(__NR_faccessat, dir, path, mode, 0);
}

int name_to_handle_at(int dir, const char *path, struct file_handle *handle, int *mount, int flags)
{
	return (int)syscall(__NR_name_to_handle_at, dir, (long)path, (long)handle, (long)mount, flags, 0);
}

int memfd_create(const char *name, unsigned int flags)
{
	return (int)CALL(__NR_memfd_create, name, flags, 0, 0);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return (void *)syscall(__NR_mmap, (long)at, (long)size, protection, flags, fd, offset);
}

int munmap(void *at, size_t size)
{
	return (int)CALL(__NR_munmap, at, size, 0, 0);
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	return (int)syscall(__NR_ppoll, (long)fds, (long)count, ms < 0 ? 0 : (long)&ts, 0, 0, 0);
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	return (int)CALL(__NR_rt_sigprocmask, how, set, old, _NSIG / 8);
}

int sigpending(sigset_t *set)
{
	return (int)CALL(__NR_rt_sigpending, set, _NSIG / 8, 0, 0);
}

int sigismember(const sigset_t *set, int number)
{
	return (int)(*(const unsigned long *)set >> (number - 1) & 1);
}

int sigemptyset(sigset_t *set)
{
	*(unsigned long *)set = 0;
	return 0;
}

int sigaddset(sigset_t *set, int number)
{
	*(unsigned long *)set |= 1ul << (number - 1);
	return 0;
}

int uname(struct utsname *name)
{
	return (int)CALL(__NR_uname, name, 0, 0, 0);
}

pid_t getpid(void)
{
	return (pid_t)CALL(__NR_getpid, 0, 0, 0, 0);
}

pid_t getppid(void)
{
	return (pid_t)CALL(__NR_getppid, 0, 0, 0, 0);
}

int kill(pid_t pid, int number)
{
	return (int)CALL(__NR_kill, pid, number, 0, 0);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return (pid_t)CALL(__NR_wait4, pid, status, options, 0);
}

pid_t setsid(void)
{
	return (pid_t)CALL(__NR_setsid, 0, 0, 0, 0);
}

_Noreturn void _exit(int status)
{
	for (;;)
		CALL(__NR_exit_group, status, 0, 0, 0);
}

int execv(const char *path, char *const argv[])
{
	return (int)CALL(__NR_execve, path, argv, environ, 0);
}
#endif
