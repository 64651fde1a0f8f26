/* cursor.h - read bytes that nobody vouches for: at the end come zeros and empty strings. */
#ifndef BTAOT_CURSOR_H
#define BTAOT_CURSOR_H

#include <stdint.h>

struct cursor {
	const uint8_t *p, *end;
};

/* The rest from `offset` on, at most `size` bytes of it. */
struct cursor cursor_part(const struct cursor *c, uint64_t offset, uint64_t size);
void cursor_skip(struct cursor *c, uint64_t size);
/* A number of `size` bytes (at most 8) in the order of this machine. */
uint64_t cursor_number(struct cursor *c, unsigned size);
/* LEB128. */
uint64_t cursor_uleb(struct cursor *c);
int64_t cursor_sleb(struct cursor *c);
const char *cursor_string(struct cursor *c);

#endif
