/* json.c - strings, keys and numbers of the JSON lines (-f json).
 *
 * Role: the lexical level; what stands in a message is decided in output.c, value.c, print_map.c and hist.c.
 * bpftrace puts numbers that a double cannot hold exactly into quotes, and so do we.  Bytes above 0x7f
 * pass unchanged: UTF-8 stays UTF-8. */
#include "output_internal.h"

static void put_escaped(struct textbuf *b, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char *p = text_room(b, 6);

	switch (c) {
	case '"': case '\\':
		p[0] = '\\', p[1] = (char)c, b->len += 2;
		return;
	case '\n':
		p[0] = '\\', p[1] = 'n', b->len += 2;
		return;
	case '\r':
		p[0] = '\\', p[1] = 'r', b->len += 2;
		return;
	case '\t':
		p[0] = '\\', p[1] = 't', b->len += 2;
		return;
	default:
		memcpy(p, "\\u00", 4);
		p[4] = hex[c >> 4];
		p[5] = hex[c & 15];
		b->len += 6;
	}
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

void json_string(struct textbuf *b, const char *s, size_t n)
{
	size_t i = 0;

	text_char(b, '"');
	while (i < n) {
		size_t start = i;

		while (i < n && is_plain((uint8_t)s[i]))
			i++;
		text_bytes(b, s + start, i - start);
		if (i < n)
			put_escaped(b, (uint8_t)s[i++]);
	}
	text_char(b, '"');
}

void json_key(struct textbuf *b, const char *s, size_t n)
{
	if (n >= 2 && s[0] == '(' && s[n - 1] == ')')
		s++, n -= 2;
	text_char(b, '"');
	for (size_t i = 0; i < n; i++) {
		if (s[i] == ' ')
			continue;
		if (is_plain((uint8_t)s[i]))
			text_char(b, s[i]);
		else
			put_escaped(b, (uint8_t)s[i]);
	}
	text_char(b, '"');
}

/* Whether a double holds v: at most 53 bits between the highest and the lowest one. */
static bool fits_double(uint64_t v)
{
	return !v || (v >> __builtin_ctzll(v)) < (uint64_t)1 << 53;
}

void json_u64(struct textbuf *b, uint64_t v)
{
	bool quote = !fits_double(v);

	if (quote)
		text_char(b, '"');
	text_u64(b, v);
	if (quote)
		text_char(b, '"');
}

void json_i64(struct textbuf *b, int64_t v)
{
	bool quote = !fits_double(v < 0 ? -(uint64_t)v : (uint64_t)v);

	if (quote)
		text_char(b, '"');
	text_i64(b, v);
	if (quote)
		text_char(b, '"');
}

void json_message(struct output *o, const char *type, const char *s, size_t n)
{
	struct textbuf *b = &o->text;

	text_str(b, "{\"type\": \"");
	text_str(b, type);
	text_str(b, "\", \"data\": ");
	json_string(b, s, n);
	text_str(b, "}\n");
}
