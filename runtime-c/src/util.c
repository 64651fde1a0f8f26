/* util.c - messages, the arena, small helpers.
 *
 * Memory that lives as long as the run comes from the arena and is never freed: musl's malloc maps and unmaps for
 * every large request, and a run has few allocations.  The first block lies in .bss, so that short runs make no
 * system call for memory at all.  Runs on every kernel. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ARENA_FIRST (64 * 1024)
#define ARENA_BLOCK (1024 * 1024)

static _Alignas(16) char arena_first[ARENA_FIRST];
static char *arena_next = arena_first;
static size_t arena_left = sizeof(arena_first);

/* One write(2) per message, so that lines of several processes do not mix. */
static void message(const char *kind, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void message(const char *kind, const char *fmt, va_list ap)
{
	char line[4096];
	int head = str_printf(line, sizeof(line), "%s", kind);
	int body = str_vprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	size_t room = sizeof(line) - (size_t)head - 2;
	size_t len = (size_t)head + (body < 0 ? 0 : (size_t)body > room ? room : (size_t)body);

	line[len++] = '\n';
	write_all(STDERR_FILENO, line, len);
}

void err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("ERROR: ", fmt, ap);
	va_end(ap);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("WARNING: ", fmt, ap);
	va_end(ap);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message("", fmt, ap);
	va_end(ap);
}

int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

void *pages_alloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void pages_free(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

void *arena_alloc(size_t size)
{
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (size > arena_left) {
		size_t block = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK;

		p = pages_alloc(block);
		if (!p) {
			err("out of memory");
			_exit(1);
		}
		if (block == size)
			return p;
		arena_next = p;
		arena_left = block;
	}
	p = arena_next;
	arena_next += size;
	arena_left -= size;
	return p;
}

char *arena_strdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(arena_alloc(len), s, len);
}

char *arena_vprintf(const char *fmt, va_list ap)
{
	char buf[512];
	int len = str_vprintf(buf, sizeof(buf), fmt, ap);
	char *text = arena_alloc((size_t)len + 1);

	if (len < (int)sizeof(buf))
		memcpy(text, buf, (size_t)len);
	else
		str_vprintf(text, (size_t)len + 1, fmt, ap);
	return text;
}

char *arena_printf(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(fmt, ap);
	va_end(ap);
	return text;
}

void say(const char *fmt, ...)
{
	char buf[2048];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = str_vprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	write_all(STDOUT_FILENO, buf, len < (int)sizeof(buf) ? (size_t)len : sizeof(buf) - 1);
}

int file_lines(int dir, const char *path, int (*visit)(void *arg, char *line), void *arg)
{
	char buf[4097];
	size_t used = 0;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), ret = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (!ret && n > 0) {
		char *line = buf, *end;

		n = read(fd, buf + used, sizeof(buf) - 1 - used);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		used += n > 0 ? (size_t)n : 0;
		buf[used] = '\0';
		while (!ret && *line && ((end = strchr(line, '\n')) || n <= 0 || (line == buf && used == sizeof(buf) - 1))) {
			end = end ? end : buf + used;
			n = n > 0 || *end ? n : 0;
			if (*end)
				*end++ = '\0';
			ret = visit(arg, line);
			line = end;
		}
		used = (size_t)(buf + used - line);
		memmove(buf, line, used);
	}
	close(fd);
	return ret ? ret : n < 0 ? -EIO : 0;
}

ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (used < size - 1 && (n = read(fd, buf + used, size - 1 - used)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			close(fd);
			return n;
		}
		used += (size_t)n;
	}
	close(fd);
	buf[used] = '\0';
	return (ssize_t)used;
}

/* Match one character against the set after '['; *end is set behind its ']', or to NULL if there is none. */
static int set_match(const char *set, char c, const char **end)
{
	int negated = *set == '!' || *set == '^';
	int found = 0;
	const char *p = set + negated;

	for (const char *first = p; *p && (*p != ']' || p == first); p++) {
		if (p[1] == '-' && p[2] && p[2] != ']') {
			found |= c >= p[0] && c <= p[2];
			p += 2;
		} else {
			found |= c == *p;
		}
	}
	*end = *p ? p + 1 : NULL;
	return found != negated;
}

int glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL, *end;

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
			continue;
		}
		if (!*text)
			return !*pattern;
		if (*pattern == '[' && set_match(pattern + 1, *text, &end) && end) {
			pattern = end;
			text++;
		} else if (*pattern && *pattern != '[' && (*pattern == '?' || *pattern == *text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return 0;
		}
	}
}

int limit_set(int resource, const struct rlimit *limit)
{
	struct { uint64_t soft, hard; } wide = { limit->rlim_cur, limit->rlim_max };

	return (int)syscall(SYS_prlimit64, 0, resource, &wide, NULL);
}

size_t page_size(void)
{
	return getauxval(AT_PAGESZ);
}

int fork_raw(void)
{
#ifdef SYS_fork
	return (int)syscall(SYS_fork);
#else
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

uint64_t now_ns(int clock)
{
	struct timespec ts;

	clock_gettime((clockid_t)clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
