/* util.h - messages, memory, small helpers. */
#ifndef BTAOT_UTIL_H
#define BTAOT_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "str.h"

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* "ERROR: ..." and "WARNING: ..." on stderr, one line, newline added; note() adds no word. */
void err(const char *fmt, ...) PRINTF_LIKE(1, 2);
void warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void note(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Memory for the whole run, zeroed; ends the process with a message if there is none. */
void *arena_alloc(size_t size);
char *arena_strdup(const char *s);
char *arena_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
char *arena_vprintf(const char *fmt, va_list ap) PRINTF_LIKE(1, 0);
/* Zeroed pages that can be given back; NULL if there are none. */
void *pages_alloc(size_t size);
void pages_free(void *p, size_t size);
/* Shell-style match with * ? [] as bpftrace's wildcards. */
int glob_match(const char *pattern, const char *text);
uint64_t now_ns(int clock);
/* As setrlimit(2) and fork(2); those of the C library carry code for threads, of which there are none. */
struct rlimit;
int limit_set(int resource, const struct rlimit *limit);
int fork_raw(void);
/* As sysconf(_SC_PAGESIZE), without its tables. */
size_t page_size(void);
int write_all(int fd, const void *data, size_t size);
/* Formatted text on stdout. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Call `visit` for every line of a file below the directory `dir` (its newline removed), until it returns a value that is not 0, which is then
 * returned.  Lines longer than 4 KB come in pieces.  -errno if the file cannot be read. */
int file_lines(int dir, const char *path, int (*visit)(void *arg, char *line), void *arg);
/* Read a small file into buf, NUL-terminated; its length or -errno. */
ssize_t read_file(const char *path, char *buf, size_t size);

#endif
