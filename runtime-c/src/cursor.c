/* cursor.c - read bytes that nobody vouches for: numbers and strings as DWARF has them. */
#include "cursor.h"

#include <string.h>

struct cursor cursor_part(const struct cursor *c, uint64_t offset, uint64_t size)
{
	struct cursor part = *c;

	cursor_skip(&part, offset);
	if (size < (uint64_t)(part.end - part.p))
		part.end = part.p + size;
	return part;
}

void cursor_skip(struct cursor *c, uint64_t size)
{
	c->p = size < (uint64_t)(c->end - c->p) ? c->p + size : c->end;
}

uint64_t cursor_number(struct cursor *c, unsigned size)
{
	uint64_t value = 0;

	if (size > 8 || (uint64_t)(c->end - c->p) < size) {
		c->p = c->end;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		value |= (uint64_t)c->p[i] << 8 * i;
#else
		value = value << 8 | c->p[i];
#endif
	c->p += size;
	return value;
}

static uint64_t leb(struct cursor *c, unsigned *shift, uint8_t *last)
{
	uint64_t value = 0;

	for (*shift = *last = 0; c->p < c->end;) {
		*last = *c->p++;
		if (*shift < 64)
			value |= (uint64_t)(*last & 127) << *shift;
		*shift += 7;
		if (!(*last & 128))
			break;
	}
	return value;
}

uint64_t cursor_uleb(struct cursor *c)
{
	unsigned shift;
	uint8_t last;

	return leb(c, &shift, &last);
}

int64_t cursor_sleb(struct cursor *c)
{
	unsigned shift;
	uint8_t last;
	uint64_t value = leb(c, &shift, &last);

	return (int64_t)(last & 64 && shift < 64 ? value | UINT64_MAX << shift : value);
}

const char *cursor_string(struct cursor *c)
{
	const uint8_t *end = memchr(c->p, 0, (size_t)(c->end - c->p));
	const char *s = (const char *)c->p;

	if (!end) {
		c->p = c->end;
		return "";
	}
	c->p = end + 1;
	return s;
}
