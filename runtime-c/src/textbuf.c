/* textbuf.c - see textbuf.h.
 *
 * Role: memory and number formatting of the output side.  Works on every kernel.
 * Invariant: len <= cap; data may move whenever room is asked for. */
#include "textbuf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_CAPACITY 512

void text_grow(struct textbuf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : FIRST_CAPACITY;
	char *data;

	while (cap - b->len < n) {
		if (cap > SIZE_MAX / 4)
			goto fail;
		cap *= 2;
	}
	data = realloc(b->data, cap);
	if (!data)
		goto fail;
	b->data = data;
	b->cap = cap;
	return;
fail:
	err("out of memory for output (%zu bytes)", n);
	_exit(1);
}

void text_free(struct textbuf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void text_bytes(struct textbuf *b, const void *s, size_t n)
{
	if (!n)
		return;
	memcpy(text_room(b, n), s, n);
	b->len += n;
}

void text_str(struct textbuf *b, const char *s)
{
	text_bytes(b, s, strlen(s));
}

void text_char(struct textbuf *b, char c)
{
	*text_room(b, 1) = c;
	b->len++;
}

void text_fill(struct textbuf *b, char c, size_t n)
{
	memset(text_room(b, n), c, n);
	b->len += n;
}

char *digits_before(char *end, uint64_t v)
{
	static const char pairs[201] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051"
		"525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

	while (v >= 100) {
		const char *pair = pairs + v % 100 * 2;

		v /= 100;
		*--end = pair[1];
		*--end = pair[0];
	}
	if (v >= 10) {
		*--end = pairs[v * 2 + 1];
		*--end = pairs[v * 2];
	} else {
		*--end = (char)('0' + v);
	}
	return end;
}

void text_u64(struct textbuf *b, uint64_t v)
{
	char digits[TEXT_MAX_INT], *end = digits + sizeof(digits), *p = digits_before(end, v);

	text_bytes(b, p, (size_t)(end - p));
}

void text_i64(struct textbuf *b, int64_t v)
{
	if (v < 0)
		text_char(b, '-');
	text_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void text_hex(struct textbuf *b, uint64_t v)
{
	char digits[16], *end = digits + sizeof(digits), *p = end;

	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	text_bytes(b, p, (size_t)(end - p));
}

void text_u64_zeros(struct textbuf *b, uint64_t v, unsigned width)
{
	size_t start = b->len;

	text_u64(b, v);
	text_pad(b, start, width, '0', 0);
}

void text_address(struct textbuf *b, uint64_t v)
{
	if (v)
		text_str(b, "0x");
	text_hex(b, v);
}

void text_printf(struct textbuf *b, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = str_vprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n <= 0)
		return;
	va_start(args, fmt);
	str_vprintf(text_room(b, (size_t)n + 1), (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
}

void text_pad(struct textbuf *b, size_t start, size_t width, char fill, int left)
{
	size_t len = b->len - start, n;

	if (len >= width)
		return;
	n = width - len;
	text_room(b, n);
	if (left) {
		memset(b->data + b->len, fill, n);
	} else {
		memmove(b->data + start + n, b->data + start, len);
		memset(b->data + start, fill, n);
	}
	b->len += n;
}
