/* str.c - formatted text, and a heap sort.
 *
 * No memory, no locale, no system calls.  Only the formats that str.h lists; others end the process, because the compiler
 * checks formats against printf(3) and would not notice them. */
#include "str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out {
	char *buf;
	size_t size, length;    /* length may exceed size */
};

struct spec {
	bool left, zero, plus, space;
	int width, precision;   /* precision -1: none */
	char length;            /* 'H' (hh), 'h', 'l', 'q' (ll and j), 'z' (z and t), 0 */
};

static void out_bytes(struct out *o, const char *s, size_t n)
{
	if (o->length < o->size)
		memcpy(o->buf + o->length, s, n < o->size - o->length ? n : o->size - o->length);
	o->length += n;
}

static void out_fill(struct out *o, char c, int n)
{
	for (; n > 0; n--)
		out_bytes(o, &c, 1);
}

/* Sign or prefix, zeros, body, in a field. */
static void out_field(struct out *o, const struct spec *s, const char *prefix, int zeros, const char *body, size_t n)
{
	size_t head = strlen(prefix);
	int pad = s->width - (int)head - zeros - (int)n;

	if (s->zero && !s->left && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!s->left)
		out_fill(o, ' ', pad);
	out_bytes(o, prefix, head);
	out_fill(o, '0', zeros);
	out_bytes(o, body, n);
	if (s->left)
		out_fill(o, ' ', pad);
}

static void out_number(struct out *o, struct spec *s, uint64_t value, unsigned int base, bool upper, const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char buf[24];
	size_t n = 0;

	for (; value; value /= base)
		buf[sizeof(buf) - ++n] = digits[value % base];
	if (!n && s->precision)
		buf[sizeof(buf) - ++n] = '0';
	s->zero &= s->precision < 0;
	out_field(o, s, prefix, s->precision > (int)n ? s->precision - (int)n : 0, buf + sizeof(buf) - n, n);
}

static int digits_read(const char **p)
{
	int n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		n = n * 10 + **p - '0';
	return n;
}

static const char *flags_read(const char *p, struct spec *s)
{
	for (;; p++) {
		if (*p == '-')
			s->left = true;
		else if (*p == '0')
			s->zero = true;
		else if (*p == '+')
			s->plus = true;
		else if (*p == ' ')
			s->space = true;
		else
			return p;
	}
}

static const char *length_read(const char *p, struct spec *s)
{
	switch (*p) {
	case 'h':
		s->length = p[1] == 'h' ? 'H' : 'h';
		return p + (p[1] == 'h' ? 2 : 1);
	case 'l':
		s->length = p[1] == 'l' ? 'q' : 'l';
		return p + (p[1] == 'l' ? 2 : 1);
	case 'j':
		s->length = 'q';
		return p + 1;
	case 'z':
	case 't':
		s->length = 'z';
		return p + 1;
	default:
		return p;
	}
}

/* A copy of the argument list may be passed on, but only by pointer. */
struct args {
	va_list ap;
};

static uint64_t argument(struct args *a, char length, bool is_signed)
{
	uint64_t v = length == 'q' ? va_arg(a->ap, unsigned long long) :
		     length == 'l' || length == 'z' ? va_arg(a->ap, unsigned long) : va_arg(a->ap, unsigned int);

	if (!is_signed)
		return length == 'H' ? (uint8_t)v : length == 'h' ? (uint16_t)v : v;
	switch (length) {
	case 'q':
		return v;
	case 'l':
	case 'z':
		return (uint64_t)(long)v;
	case 'h':
		return (uint64_t)(int16_t)v;
	case 'H':
		return (uint64_t)(int8_t)v;
	default:
		return (uint64_t)(int32_t)v;
	}
}

static void out_string(struct out *o, const struct spec *s, const char *text)
{
	text = text ? text : "(null)";
	out_field(o, s, "", 0, text, s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text));
}

static void out_signed(struct out *o, struct spec *s, int64_t value)
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;

	out_number(o, s, size, 10, false, value < 0 ? "-" : s->plus ? "+" : s->space ? " " : "");
}

static void out_conversion(struct out *o, struct spec *s, char conversion, struct args *a)
{
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		out_signed(o, s, (int64_t)argument(a, s->length, true));
		return;
	case 'u':
		out_number(o, s, argument(a, s->length, false), 10, false, "");
		return;
	case 'x':
	case 'X':
		out_number(o, s, argument(a, s->length, false), 16, conversion == 'X', "");
		return;
	case 'o':
		out_number(o, s, argument(a, s->length, false), 8, false, "");
		return;
	case 'p':
		out_number(o, s, (uintptr_t)va_arg(a->ap, void *), 16, false, "0x");
		return;
	case 'c':
		c = (char)va_arg(a->ap, int);
		s->zero = false;
		out_field(o, s, "", 0, &c, 1);
		return;
	case 's':
		s->zero = false;
		out_string(o, s, va_arg(a->ap, const char *));
		return;
	case '%':
		out_bytes(o, "%", 1);
		return;
	default:
		__builtin_trap();
	}
}

int str_vprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		struct spec s = { .precision = -1 };
		size_t plain = strcspn(fmt, "%");

		out_bytes(&o, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		fmt = flags_read(fmt + 1, &s);
		s.width = *fmt == '*' ? va_arg(a.ap, int) : digits_read(&fmt);
		fmt += *fmt == '*';
		if (s.width < 0) {
			s.left = true;
			s.width = -s.width;
		}
		if (*fmt == '.') {
			fmt++;
			s.precision = *fmt == '*' ? va_arg(a.ap, int) : digits_read(&fmt);
			fmt += *fmt == '*';
		}
		fmt = length_read(fmt, &s);
		out_conversion(&o, &s, *fmt++, &a);
	}
	va_end(a.ap);
	if (size)
		buf[o.length < size ? o.length : size - 1] = '\0';
	return (int)o.length;
}

int str_printf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = str_vprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

/* ---- sorting ---- */

static void swap(char *a, char *b, size_t size)
{
	for (; size; size--, a++, b++) {
		char c = *a;

		*a = *b;
		*b = c;
	}
}

/* Let the item at `root` sink to its place in the heap of `count` items. */
static void sink(char *items, size_t root, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0)
			child++;
		if (compare(items + root * size, items + child * size) >= 0)
			return;
		swap(items + root * size, items + child * size, size);
	}
}

void items_sort(void *items, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	for (size_t i = count / 2; i-- > 0;)
		sink(items, i, count, size, compare);
	for (size_t end = count; end-- > 1;) {
		swap(items, (char *)items + end * size, size);
		sink(items, 0, end, size, compare);
	}
}
