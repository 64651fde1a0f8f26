/* textbuf.h - a byte buffer that grows, and fast number formatting.
 *
 * The hot path of the output: no stdio, no locale.  A caller asks for room once and then stores bytes. */
#ifndef BTAOT_TEXTBUF_H
#define BTAOT_TEXTBUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util.h"

struct textbuf {
	char *data;
	size_t len, cap;
};

/* Decimal digits of UINT64_MAX and a sign. */
#define TEXT_MAX_INT 21

/* Make room for n more bytes; ends the process with a message if there is no memory. */
void text_grow(struct textbuf *b, size_t n);
void text_free(struct textbuf *b);

static inline char *text_room(struct textbuf *b, size_t n)
{
	if (b->cap - b->len < n)
		text_grow(b, n);
	return b->data + b->len;
}

void text_bytes(struct textbuf *b, const void *s, size_t n);
void text_str(struct textbuf *b, const char *s);
void text_char(struct textbuf *b, char c);
void text_fill(struct textbuf *b, char c, size_t n);
/* Decimal digits of v, written so that they end before `end`; returns the first. */
char *digits_before(char *end, uint64_t v);
void text_u64(struct textbuf *b, uint64_t v);
void text_i64(struct textbuf *b, int64_t v);
/* Lower-case hexadecimal digits without prefix. */
void text_hex(struct textbuf *b, uint64_t v);
/* At least `width` digits, zeros in front. */
void text_u64_zeros(struct textbuf *b, uint64_t v, unsigned width);
/* As C++ streams print a pointer: 0x..., and 0 for NULL. */
void text_address(struct textbuf *b, uint64_t v);
void text_printf(struct textbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Widen the bytes from `start` on to `width` with `fill`: in front, or behind if `left`. */
void text_pad(struct textbuf *b, size_t start, size_t width, char fill, int left);

#endif
