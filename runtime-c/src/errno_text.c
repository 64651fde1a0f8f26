/* errno_text.c - texts of errors, in glibc's words as bpftrace prints them.
 *
 * Only errors that system calls of the runtime and helpers of BPF programs give: a script that asks for strerror() brings
 * all of them in its payload.  With musl this replaces strerror(3) and its table. */
#include <errno.h>
#include <string.h>

#include "util.h"

#ifndef __GLIBC__
static const unsigned char codes[] = {
	0, EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY,
	EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, EROFS, EPIPE, EDOM,
	ERANGE, ENAMETOOLONG, ENOSYS, ELOOP, EPROTO, EOVERFLOW, EOPNOTSUPP, ETIMEDOUT, EALREADY, ESTALE,
};

static const char texts[] =
	"Success\0Operation not permitted\0No such file or directory\0No such process\0Interrupted system call\0"
	"Input/output error\0No such device or address\0Argument list too long\0Exec format error\0Bad file descriptor\0"
	"No child processes\0Resource temporarily unavailable\0Cannot allocate memory\0Permission denied\0Bad address\0"
	"Device or resource busy\0File exists\0Invalid cross-device link\0No such device\0Not a directory\0"
	"Is a directory\0Invalid argument\0Too many open files in system\0Too many open files\0"
	"Inappropriate ioctl for device\0Text file busy\0File too large\0No space left on device\0"
	"Read-only file system\0Broken pipe\0Numerical argument out of domain\0Numerical result out of range\0"
	"File name too long\0Function not implemented\0Too many levels of symbolic links\0Protocol error\0"
	"Value too large for defined data type\0Operation not supported\0Connection timed out\0"
	"Operation already in progress\0Stale file handle";

char *strerror(int error)
{
	static char other[32];
	const char *text = texts;

	for (size_t i = 0; i < sizeof(codes); i++, text += strlen(text) + 1)
		if (codes[i] == error)
			return (char *)(uintptr_t)text;
	str_printf(other, sizeof(other), "Unknown error %d", error);
	return other;
}
#endif
