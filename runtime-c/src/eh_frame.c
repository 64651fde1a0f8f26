/* eh_frame.c - how a function's caller is found at each of its addresses, from .eh_frame (x86_64).
 *
 * Entries describe functions (FDE) or what several of them have in common (CIE): a program for a machine whose state is a
 * rule for each register.  Rules of the four registers that matter to find callers are kept.  Of expressions, those
 * are known that compilers and linkers write: register + offset, what is there in memory, and that of procedure
 * linkage tables.  Nothing in the bytes is trusted. */
#include "eh_frame.h"

#include <stdbool.h>
#include <string.h>

#define NONE UINT64_MAX
#define DEPTH 8  /* of remembered states */

enum { ADVANCE = 0x40, OFFSET = 0x80, RESTORE = 0xc0 };
enum {
	NOP = 0, ADVANCE1 = 2, ADVANCE2, ADVANCE4, UNDEFINED = 7, REGISTER = 9, REMEMBER, RESTORE_STATE, DEF_CFA, DEF_CFA_REGISTER,
	DEF_CFA_OFFSET, DEF_CFA_EXPRESSION, EXPRESSION, OFFSET_EXTENDED_SF, VAL_EXPRESSION = 0x16, ARGS_SIZE = 0x2e
};
enum { OP_DEREF = 0x06, OP_BREG0 = 0x70, OP_BREG7 = 0x77, OP_BREG16 = 0x80, OP_BREG31 = 0x8f };

/* The rules at one address, and one more that nobody reads: of all other registers. */
struct state {
	uint32_t words[UNWIND_WORDS + 1];
};

struct machine {
	struct state now, initial, remembered[DEPTH];
	unsigned depth;
	uint64_t place, code_factor;
	int64_t data_factor;
	void (*visit)(void *arg, uint64_t begin, const uint32_t *words);
	void *arg;
};

struct common {
	struct cursor program;
	uint64_t code_factor;
	int64_t data_factor;
	uint8_t encoding;               /* of addresses in its FDEs */
	bool augmented;
};

/* An address in four or eight bytes, as compilers for this machine write it; `section` lies at `address`. */
static uint64_t encoded(struct cursor *c, unsigned encoding, const struct cursor *section, uint64_t address)
{
	uint64_t base = encoding & 0x10 ? address + (uint64_t)(c->p - section->p) : 0;

	if ((encoding & 7) == 3)
		return base + (uint64_t)(int32_t)cursor_number(c, 4);
	return base + cursor_number(c, 8);
}

/* Offsets of more than 23 bits and a sign are as good as unknown. */
static uint32_t make_word(uint32_t kind, uint64_t reg, int64_t offset)
{
	return offset == (int32_t)((uint32_t)offset << 8) >> 8 ? kind | (uint32_t)(reg & 31) << 3 | (uint32_t)offset << 8 :
								UNWIND_UNKNOWN;
}

static uint32_t *word_of(struct state *s, uint64_t reg)
{
	return &s->words[reg == 16 ? UNWIND_IP : reg == 6 ? UNWIND_BP : reg == 3 ? UNWIND_BX : UNWIND_WORDS];
}

/* A block with an expression: a value, or what is in `memory` there. */
static uint32_t expression(struct cursor *c, bool memory)
{
	uint64_t size = cursor_uleb(c);
	struct cursor e = cursor_part(c, 0, size);
	unsigned op = (unsigned)cursor_number(&e, 1);
	int64_t offset;
	uint32_t word;

	cursor_skip(c, size);
	if (op < OP_BREG0 || op > OP_BREG31)
		return UNWIND_UNKNOWN;
	offset = cursor_sleb(&e);
	word = make_word(memory ? UNWIND_MEMORY : UNWIND_VALUE, op - OP_BREG0, offset);
	if (e.p == e.end)
		return word;
	if (op == OP_BREG7 && *e.p == OP_BREG16)
		return make_word(UNWIND_PLT, 7, offset);
	return !memory && *e.p == OP_DEREF && e.p + 1 == e.end ? word + (UNWIND_MEMORY - UNWIND_VALUE) : UNWIND_UNKNOWN;
}

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	m->now.words[UNWIND_CFA] = make_word(UNWIND_VALUE, reg, offset);
}

static void advance(struct machine *m, uint64_t by)
{
	if (m->visit && by)
		m->visit(m->arg, m->place, m->now.words);
	m->place += by * m->code_factor;
}

/* An operation of two bytes and more; what compilers do not write makes the rest of the function unknown. */
static void execute(struct machine *m, struct cursor *c, unsigned op)
{
	uint32_t *cfa = &m->now.words[UNWIND_CFA], *word;
	uint64_t reg;

	switch (op) {
	case NOP:
		break;
	case ADVANCE1:
	case ADVANCE2:
	case ADVANCE4:
		advance(m, cursor_number(c, 1u << (op - ADVANCE1)));
		break;
	case REMEMBER:
		m->remembered[m->depth++ % DEPTH] = m->now;
		break;
	case RESTORE_STATE:
		m->now = m->remembered[--m->depth % DEPTH];
		break;
	case DEF_CFA:
		reg = cursor_uleb(c);
		set_cfa(m, reg, (int64_t)cursor_uleb(c));
		break;
	case DEF_CFA_REGISTER:
		set_cfa(m, cursor_uleb(c), (int32_t)*cfa >> 8);
		break;
	case DEF_CFA_OFFSET:
		set_cfa(m, *cfa >> 3, (int64_t)cursor_uleb(c));
		break;
	case DEF_CFA_EXPRESSION:
		*cfa = expression(c, false);
		break;
	case ARGS_SIZE:
		cursor_uleb(c);
		break;
	case UNDEFINED:
	case REGISTER:
	case EXPRESSION:
	case VAL_EXPRESSION:
	case OFFSET_EXTENDED_SF:
		reg = cursor_uleb(c);
		word = word_of(&m->now, reg);
		*word = op == UNDEFINED ? UNWIND_UNDEFINED :
			op == REGISTER ? make_word(UNWIND_VALUE, cursor_uleb(c), 0) :
			op == OFFSET_EXTENDED_SF ? make_word(UNWIND_MEMORY, UNWIND_RULE_CFA, cursor_sleb(c) * m->data_factor) :
						   expression(c, op == EXPRESSION);
		break;
	default:
		memset(&m->now, 0, sizeof(m->now));
		c->p = c->end;
	}
}

static void run_program(struct machine *m, struct cursor c)
{
	while (c.p < c.end) {
		unsigned op = *c.p++, reg = op & 63;

		if ((op & 0xc0) == ADVANCE)
			advance(m, reg);
		else if ((op & 0xc0) == OFFSET)
			*word_of(&m->now, reg) = make_word(UNWIND_MEMORY, UNWIND_RULE_CFA,
							   (int64_t)cursor_uleb(&c) * m->data_factor);
		else if ((op & 0xc0) == RESTORE)
			*word_of(&m->now, reg) = *word_of(&m->initial, reg);
		else
			execute(m, &c, op);
	}
}

/* An entry at *c, which moves behind it: its body, and the place of its CIE in the section; NONE: it is one.  False at the
 * end. */
static bool next_entry(const struct cursor *section, struct cursor *c, struct cursor *body, uint64_t *common)
{
	uint64_t size = cursor_number(c, 4), at;

	if (size == 0xffffffff)
		size = cursor_number(c, 8);
	if (!size || size > (uint64_t)(c->end - c->p))
		return false;
	*body = cursor_part(c, 0, size);
	cursor_skip(c, size);
	at = (uint64_t)(body->p - section->p);
	size = cursor_number(body, 4);
	*common = size ? at - size : NONE;
	return true;
}

static bool common_open(const struct cursor *section, uint64_t at, struct common *cie)
{
	struct cursor c = cursor_part(section, at, UINT64_MAX), body;
	const char *augmentation;
	uint64_t own, size;
	unsigned version;

	if (!next_entry(section, &c, &body, &own) || own != NONE)
		return false;
	*cie = (struct common){.augmented = false};
	version = (unsigned)cursor_number(&body, 1);
	augmentation = cursor_string(&body);
	cie->code_factor = cursor_uleb(&body);
	cie->data_factor = cursor_sleb(&body);
	if (version == 1)
		cursor_skip(&body, 1);
	else
		cursor_uleb(&body);
	if (*augmentation == 'z') {
		cie->augmented = true;
		size = cursor_uleb(&body);
		c = cursor_part(&body, 0, size);
		cursor_skip(&body, size);
		while (*++augmentation) {
			if (*augmentation == 'R')
				cie->encoding = (uint8_t)cursor_number(&c, 1);
			else if (*augmentation == 'P')
				encoded(&c, (unsigned)cursor_number(&c, 1), section, 0);
			else if (*augmentation == 'L')
				cursor_skip(&c, 1);
		}
	}
	cie->program = body;
	return true;
}

void eh_frame_rules(const struct cursor *section, uint64_t address,
		    void (*visit)(void *arg, uint64_t begin, const uint32_t *words), void *arg)
{
	struct cursor c = *section, body;
	struct common cie;
	uint64_t at;

	while (next_entry(section, &c, &body, &at)) {
		struct machine m = {.arg = arg};
		uint64_t end;

		if (at == NONE || !common_open(section, at, &cie))
			continue;
		m.code_factor = cie.code_factor;
		m.data_factor = cie.data_factor;
		for (unsigned i = 0; i <= UNWIND_WORDS; i++)
			m.now.words[i] = UNWIND_SAME;
		m.place = encoded(&body, cie.encoding, section, address);
		end = m.place + encoded(&body, cie.encoding & 15, section, address);
		if (cie.augmented)
			cursor_skip(&body, cursor_uleb(&body));
		run_program(&m, cie.program);
		m.initial = m.now;
		m.visit = visit;
		run_program(&m, body);
		visit(arg, m.place, m.now.words);
		visit(arg, end, 0);
	}
}
