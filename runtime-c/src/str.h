/* str.h - formatted text and sorting without the C library's.
 *
 * musl's printf brings floating point, wide characters and streams, its qsort a general sort: together a fifth of the
 * room that a stub may take.  What the runtime needs of them is here; util.h includes this file. */
#ifndef BTAOT_STR_H
#define BTAOT_STR_H

#include <stdarg.h>
#include <stddef.h>

/* snprintf(3) for flags - 0 + and space, width, precision of strings and integers (both also as *), lengths hh h l ll z j t,
 * and the conversions d i u x X o c s p %.  Returns the length that the whole text has. */
int str_printf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int str_vprintf(char *buf, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
/* qsort(3): a heap sort, in place, not stable. */
void items_sort(void *items, size_t count, size_t size, int (*compare)(const void *a, const void *b));

#endif
