/* cxx_piece.c - pieces of text, and the small parts of mangled names (cxx_piece.h). */
#include "cxx_piece.h"

#include <string.h>

void reader_start(struct reader *r, const char *s)
{
	memset(r, 0, offsetof(struct reader, subs));
	r->s = s;
	r->quals = "";
	r->pieces[0] = (struct piece){ 0 };
	r->count = 1;
}

piece_t piece_fail(struct reader *r)
{
	r->failed = true;
	r->s = "";
	return 0;
}

static piece_t piece_new(struct reader *r, uint32_t at, size_t length)
{
	if (r->count >= CXX_PIECES)
		return piece_fail(r);
	r->pieces[r->count] = (struct piece){ .at = (uint16_t)at, .length = (uint16_t)length, .hole = (uint16_t)length };
	return r->count++;
}

/* More text at the end of the room. */
static void room_add(struct reader *r, const char *s, size_t n)
{
	if (n > CXX_ROOM - r->used) {
		piece_fail(r);
		return;
	}
	memcpy(r->room + r->used, s, n);
	r->used += (uint32_t)n;
}

piece_t piece_text(struct reader *r, const char *s, size_t n)
{
	uint32_t at = r->used;

	room_add(r, s, n);
	return r->failed ? 0 : piece_new(r, at, n);
}

piece_t piece_word(struct reader *r, const char *s)
{
	return piece_text(r, s, strlen(s));
}

piece_t piece_slice(struct reader *r, piece_t p, uint32_t from, uint32_t length)
{
	return piece_new(r, r->pieces[p].at + from, length);
}

piece_t piece_join(struct reader *r, piece_t a, const char *between, piece_t b)
{
	uint32_t at = r->used;

	room_add(r, piece_start(r, a), piece_length(r, a));
	room_add(r, between, strlen(between));
	room_add(r, piece_start(r, b), piece_length(r, b));
	return r->failed ? 0 : piece_new(r, at, r->used - at);
}

piece_t piece_append(struct reader *r, piece_t a, const char *s)
{
	return piece_join(r, a, s, 0);
}

piece_t piece_open(struct reader *r, piece_t p, uint32_t hole)
{
	if (p) {
		r->pieces[p].hole = (uint16_t)hole;
		r->pieces[p].declarator = true;
	}
	return p;
}

piece_t piece_declare(struct reader *r, piece_t p, const char *mark)
{
	struct piece whole = r->pieces[p];
	const char *between = "";
	uint32_t refs = 0, before = whole.hole;
	piece_t head, tail;

	if (*mark == '&' && !whole.declarator) {  /* references to references collapse */
		while (refs < before && r->room[whole.at + before - 1 - refs] == '&')
			refs++;
		if (refs)
			mark = refs == 2 && mark[1] ? "&&" : "&";
	}
	head = piece_slice(r, p, 0, before - refs);
	tail = piece_slice(r, p, before, whole.length - before);
	if (whole.declarator) {
		head = piece_append(r, head, "(");
		between = piece_length(r, tail) && *piece_start(r, tail) == '[' ? ") " : ")";
	}
	head = piece_append(r, head, mark);
	p = piece_join(r, head, between, tail);
	r->pieces[p].hole = r->pieces[head].length;
	return p;
}

void piece_remember(struct reader *r, piece_t p)
{
	if (r->sub_count < CXX_REFS)
		r->subs[r->sub_count++] = p;
	else
		piece_fail(r);
}

bool read_word(struct reader *r, const char *s)
{
	size_t n = strlen(s);

	if (strncmp(r->s, s, n))
		return false;
	r->s += n;
	return true;
}

uint32_t read_sequence(struct reader *r, uint32_t base)
{
	uint32_t n = 0, digit;

	if (read_word(r, "_"))
		return 0;
	for (; *r->s && *r->s != '_' && n < CXX_REFS; r->s++) {
		digit = *r->s >= '0' && *r->s <= '9' ? (uint32_t)(*r->s - '0') : (uint32_t)(*r->s - 'A') + 10;
		if (digit >= base)
			break;
		n = n * base + digit;
	}
	if (!read_word(r, "_"))
		piece_fail(r);
	return n + 1;
}

uint32_t read_number(struct reader *r)
{
	uint32_t n = 0;

	while (*r->s >= '0' && *r->s <= '9' && n < CXX_ROOM)
		n = n * 10 + (uint32_t)(*r->s++ - '0');
	return n;
}
