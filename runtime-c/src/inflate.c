/* inflate.c - deflate, with codes read bit by bit: small, and fast enough for a payload.
 *
 * A Huffman code is kept as the number of codes of each length and the symbols in order of their codes; lengths that
 * make no code give wrong symbols, never one outside the table.  Every byte read and written is checked; after the end
 * of the data come zeros. */
#include "inflate.h"

#include <string.h>

#define MAX_BITS 15
#define LITERALS 288
#define DISTANCES 32
#define END 256

struct code {
	uint16_t counts[MAX_BITS + 1], symbols[LITERALS];
};

struct stream {
	const uint8_t *in;
	size_t at, in_size;
	uint64_t hold;                  /* the next bits, `left` of them */
	uint32_t left;
	uint8_t *out, *start, *end;
	struct code literals, distances;
};

/* Have 32 bits at hand. */
static void fill(struct stream *s)
{
	for (; s->left < 32; s->left += 8, s->at++)
		s->hold |= (uint64_t)(s->at < s->in_size ? s->in[s->at] : 0) << s->left;
}

static uint32_t bits(struct stream *s, uint32_t count)
{
	uint32_t value;

	fill(s);
	value = (uint32_t)(s->hold & ((1ul << count) - 1));
	s->hold >>= count;
	s->left -= count;
	return value;
}

static uint32_t symbol(struct stream *s, const struct code *c)
{
	uint32_t code = 0, first = 0, index = 0, length;
	uint64_t hold;

	fill(s);
	hold = s->hold;
	for (length = 1; length <= MAX_BITS; length++, hold >>= 1) {
		uint32_t count = c->counts[length];

		code = code << 1 | (hold & 1);
		if (code < first + count) {
			bits(s, length);
			return c->symbols[index + code - first];
		}
		index += count;
		first = (first + count) << 1;
	}
	return END;
}

static void code_make(struct code *c, const uint8_t *lengths, uint32_t count)
{
	uint16_t place[MAX_BITS + 2] = {0};

	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < count; i++)
		c->counts[lengths[i]]++;
	c->counts[0] = 0;
	for (uint32_t i = 1; i <= MAX_BITS; i++)
		place[i + 1] = place[i] + c->counts[i];
	for (uint32_t i = 0; i < count; i++)
		if (lengths[i])
			c->symbols[place[lengths[i]]++] = (uint16_t)i;
}

static void codes_fixed(struct stream *s)
{
	uint8_t lengths[LITERALS];

	memset(lengths, 8, LITERALS);
	memset(lengths + 144, 9, 112);
	memset(lengths + END, 7, 24);
	code_make(&s->literals, lengths, LITERALS);
	memset(lengths, 5, DISTANCES);
	code_make(&s->distances, lengths, DISTANCES);
}

static void codes_read(struct stream *s)
{
	static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	uint8_t lengths[LITERALS + DISTANCES + 138] = {0};
	uint32_t literals = 257 + bits(s, 5), all = literals + 1 + bits(s, 5), count = 4 + bits(s, 4), n = 0;

	for (uint32_t i = 0; i < count; i++)
		lengths[order[i]] = (uint8_t)bits(s, 3);
	code_make(&s->literals, lengths, sizeof(order));
	while (n < all) {
		uint32_t length = symbol(s, &s->literals), times = 1;

		if (length == 16)
			times = 3 + bits(s, 2);
		else if (length > 16)
			times = length == 17 ? 3 + bits(s, 3) : 11 + bits(s, 7);
		length = length < 16 ? length : length == 16 && n ? lengths[n - 1] : 0;
		memset(lengths + n, (int)length, times);
		n += times;
	}
	code_make(&s->literals, lengths, literals);
	code_make(&s->distances, lengths + literals, all - literals);
}

/* The base of a length or distance: four (two) symbols share a number of extra bits. */
static uint32_t extended(struct stream *s, uint32_t symbol, uint32_t log_shared)
{
	uint32_t shared = 1u << log_shared, extra;

	if (symbol < 2 * shared)
		return symbol;
	extra = (symbol >> log_shared) - 1;
	return ((shared + (symbol & (shared - 1))) << extra) + bits(s, extra);
}

static bool copy(struct stream *s, const uint8_t *from, size_t size)
{
	if (size > (size_t)(s->end - s->out))
		return false;
	while (size--)
		*s->out++ = *from++;
	return true;
}

static bool block_coded(struct stream *s)
{
	uint32_t v, length, distance;

	while ((v = symbol(s, &s->literals)) != END) {
		if (v < END) {
			if (!copy(s, &(uint8_t){ (uint8_t)v }, 1))
				return false;
			continue;
		}
		length = v == 285 ? 258 : 3 + extended(s, v - 257, 2);
		distance = 1 + extended(s, symbol(s, &s->distances) % DISTANCES, 1);
		if (distance > (size_t)(s->out - s->start) || !copy(s, s->out - distance, length))
			return false;
	}
	return true;
}

static bool block_stored(struct stream *s)
{
	size_t size;

	bits(s, s->left % 8);
	size = bits(s, 16);
	bits(s, 16);  /* its complement */
	s->at -= s->left / 8;
	s->left = 0;
	s->hold = 0;
	if (s->at > s->in_size || size > s->in_size - s->at || !copy(s, s->in + s->at, size))
		return false;
	s->at += size;
	return true;
}

bool zlib_inflate(uint8_t *out, size_t size, const uint8_t *data, size_t data_size)
{
	struct stream s = { .in = data, .in_size = data_size, .out = out, .start = out, .end = out + size };
	bool last, ok;

	bits(&s, 16);  /* zlib's header */
	do {
		last = bits(&s, 1);
		switch (bits(&s, 2)) {
		case 0:
			ok = block_stored(&s);
			break;
		case 1:
			codes_fixed(&s);
			ok = block_coded(&s);
			break;
		case 2:
			codes_read(&s);
			ok = block_coded(&s);
			break;
		default:
			ok = false;
		}
	} while (ok && !last && s.at < data_size + sizeof(s.hold));
	return ok && s.out == s.end;
}
