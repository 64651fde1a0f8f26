/* cxx_piece.h - pieces of text that the demangled name of a C++ function is put together from (cxx_name.c).
 *
 * The text of all pieces stands in one fixed room; a piece is known by its number.  It has a hole, where declarators of
 * what points to it go ("void (*)(int)").  Piece 0 is empty; it is also what everything returns once reading failed. */
#ifndef BTAOT_CXX_PIECE_H
#define BTAOT_CXX_PIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CXX_ROOM 8192
#define CXX_PIECES 2048
#define CXX_REFS 96

typedef uint32_t piece_t;

struct piece {
	uint16_t at, length, hole;
	bool declarator;        /* a function or array: what points to it needs parentheses */
};

struct reader {
	const char *s;
	bool failed;
	int depth;
	uint32_t used, count;
	uint32_t sub_count, arg_count;
	int in_type;            /* template arguments there are no arguments of the name */
	bool special;           /* the last name is that of a constructor, destructor or conversion */
	const char *quals;      /* of the last nested name: " const" */
	piece_t subs[CXX_REFS], args[CXX_REFS];
	struct piece pieces[CXX_PIECES];
	char room[CXX_ROOM];
};

void reader_start(struct reader *r, const char *s);
/* Give up: nothing more is read. */
piece_t piece_fail(struct reader *r);
piece_t piece_text(struct reader *r, const char *s, size_t n);
piece_t piece_word(struct reader *r, const char *s);
/* A part of the text of a piece. */
piece_t piece_slice(struct reader *r, piece_t p, uint32_t from, uint32_t length);
/* a, then `between`, then b. */
piece_t piece_join(struct reader *r, piece_t a, const char *between, piece_t b);
piece_t piece_append(struct reader *r, piece_t a, const char *s);
/* What points to the piece goes after its first `hole` bytes, in parentheses. */
piece_t piece_open(struct reader *r, piece_t p, uint32_t hole);
/* Put a declarator ("*", " const") into the hole of a type. */
piece_t piece_declare(struct reader *r, piece_t p, const char *mark);
/* Add a piece to the substitutions. */
void piece_remember(struct reader *r, piece_t p);

static inline uint32_t piece_length(const struct reader *r, piece_t p)
{
	return r->pieces[p].length;
}

static inline const char *piece_start(const struct reader *r, piece_t p)
{
	return r->room + r->pieces[p].at;
}

/* Step over `s` if it comes next. */
bool read_word(struct reader *r, const char *s);
/* Digits of base 10 or 36 up to '_': "_" is 0, "0_" is 1. */
uint32_t read_sequence(struct reader *r, uint32_t base);
uint32_t read_number(struct reader *r);

#endif
