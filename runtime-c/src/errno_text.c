/* errno_text.c - error texts in glibc's words.
 *
 * Role: bpftrace prints what glibc's strerror() says; musl, which we are linked with, has the same text for
 * most errors.  This table holds those that differ. */
#include <errno.h>
#include <limits.h>

#include "output_internal.h"

static const struct {
	int code;
	const char *text;
} glibc_texts[] = {
	{EILSEQ, "Invalid or incomplete multibyte or wide character"}, {EDOM, "Numerical argument out of domain"},
	{ERANGE, "Numerical result out of range"}, {ENOTTY, "Inappropriate ioctl for device"},
	{EOVERFLOW, "Value too large for defined data type"}, {ENOMEM, "Cannot allocate memory"},
	{EBUSY, "Device or resource busy"}, {ESPIPE, "Illegal seek"}, {EXDEV, "Invalid cross-device link"},
	{ETIMEDOUT, "Connection timed out"}, {EHOSTUNREACH, "No route to host"}, {EADDRINUSE, "Address already in use"},
	{EIO, "Input/output error"}, {ELOOP, "Too many levels of symbolic links"}, {ENAMETOOLONG, "File name too long"},
	{EMFILE, "Too many open files"}, {ECHILD, "No child processes"}, {EDEADLK, "Resource deadlock avoided"},
	{EOWNERDEAD, "Owner died"}, {ETIME, "Timer expired"}, {ENOTSOCK, "Socket operation on non-socket"},
	{EMSGSIZE, "Message too long"}, {ENOTSUP, "Operation not supported"},
	{EADDRNOTAVAIL, "Cannot assign requested address"}, {ENETUNREACH, "Network is unreachable"},
	{ENETRESET, "Network dropped connection on reset"}, {ECONNABORTED, "Software caused connection abort"},
	{EISCONN, "Transport endpoint is already connected"}, {ENOTCONN, "Transport endpoint is not connected"},
	{ESHUTDOWN, "Cannot send after transport endpoint shutdown"}, {EINPROGRESS, "Operation now in progress"},
	{EDQUOT, "Disk quota exceeded"}, {0, "Success"},
};

void strerror_text(struct textbuf *b, int error)
{
	const char *text;

	if (error < 0)
		error = error == INT_MIN ? INT_MAX : -error;
	for (size_t i = 0; i < ARRAY_SIZE(glibc_texts); i++) {
		if (glibc_texts[i].code == error) {
			text_str(b, glibc_texts[i].text);
			return;
		}
	}
	text = strerror(error);
	if (!strcmp(text, "No error information"))
		text_str(b, "Unknown error");
	else
		text_str(b, text);
}
