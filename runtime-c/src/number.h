/* number.h - integers as bpftrace's language writes them: 10, 0x1f, 0b11, 017, 1_000, 1e6, 10ms, 5UL. */
#ifndef BTAOT_NUMBER_H
#define BTAOT_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* The whole text as an integer; "-" only if `negative` is allowed.  0, -EINVAL: no number, -ERANGE: too large. */
int number_parse(const char *text, bool negative, uint64_t *value);
/* "1", "true", "on", "yes" and their opposites, in any case; -EINVAL otherwise. */
int bool_parse(const char *text, bool *value);

#endif
