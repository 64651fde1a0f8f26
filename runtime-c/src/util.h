/* util.h - messages, memory, small helpers. */
#ifndef BTAOT_UTIL_H
#define BTAOT_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* "ERROR: ..." and "WARNING: ..." on stderr, one line, newline added. */
void err(const char *fmt, ...) PRINTF_LIKE(1, 2);
void warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Memory for the whole run, zeroed; ends the process with a message if there is none. */
void *arena_alloc(size_t size);
char *arena_strdup(const char *s);
char *arena_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Shell-style match with * ? [] as bpftrace's wildcards. */
int glob_match(const char *pattern, const char *text);
uint64_t now_ns(int clock);

#endif
