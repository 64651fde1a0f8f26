/* format.c - printf: literal text and conversions.
 *
 * Role: the hottest code of aot-rt; a piece is decoded once into an `op` with offset and size, so that a record costs
 * a few loads, the digits and the copies.  bpftrace formats with C++ streams, not with printf(3), and its users see
 * that: no length modifier means 32 bits, precision and the space flag are ignored, zeros fill on the left of the
 * sign, "0x" comes before that filling, a NULL %p is "0". */
#include "format.h"

enum format_op { OP_NONE, OP_DECIMAL, OP_VSTRING, OP_INTEGER, OP_CHAR, OP_POINTER, OP_BUFFER, OP_GFP, OP_VALUE };

struct format_piece {
	const char *text;
	uint32_t text_len;
	uint8_t op, conv, flags, size;
	bool is_signed, boolean;
	uint8_t bits;                   /* to which the integer is cut first */
	uint32_t offset, width;
	const struct btaot_type *type;
};

struct format {
	uint32_t count;
	uint32_t min_size;              /* bytes of a record that has all arguments */
	struct format_piece pieces[];
};

static uint8_t cut_bits(uint8_t flags)
{
	switch (flags & (BTAOT_CONV_FLAG_INT32 | BTAOT_CONV_FLAG_INT16)) {
	case BTAOT_CONV_FLAG_INT32:
		return 32;
	case BTAOT_CONV_FLAG_INT16:
		return 16;
	case BTAOT_CONV_FLAG_INT32 | BTAOT_CONV_FLAG_INT16:
		return 8;
	default:
		return 64;
	}
}

static bool is_integer(const struct btaot_type *t)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_BOOL:
	case BTAOT_TYPE_KIND_INT:
	case BTAOT_TYPE_KIND_POINTER:
	case BTAOT_TYPE_KIND_ENUM:
		return t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8;
	default:
		return false;
	}
}

static uint8_t choose_op(const struct format_piece *p)
{
	bool plain = !p->width && !(p->flags & BTAOT_CONV_FLAG_PLUS);

	switch (p->conv) {
	case BTAOT_CONV_NONE:
		return OP_NONE;
	case BTAOT_CONV_D:
	case BTAOT_CONV_U:
	case BTAOT_CONV_X:
	case BTAOT_CONV_XX:
	case BTAOT_CONV_O:
		if (!is_integer(p->type))
			return OP_VALUE;
		return plain && p->conv == BTAOT_CONV_D ? OP_DECIMAL : OP_INTEGER;
	case BTAOT_CONV_C:
		return is_integer(p->type) ? OP_CHAR : OP_VALUE;
	case BTAOT_CONV_P:
		return is_integer(p->type) ? OP_POINTER : OP_VALUE;
	case BTAOT_CONV_GR:
		return is_integer(p->type) ? OP_GFP : OP_VALUE;
	case BTAOT_CONV_RX:
	case BTAOT_CONV_RH:
		return p->type->kind == BTAOT_TYPE_KIND_BUFFER || p->type->kind == BTAOT_TYPE_KIND_VBUFFER ? OP_BUFFER : OP_VALUE;
	case BTAOT_CONV_S:
		return p->type->kind == BTAOT_TYPE_KIND_VSTRING && plain ? OP_VSTRING : OP_VALUE;
	default:
		return OP_VALUE;
	}
}

struct format *format_compile(struct output *o, const struct btaot_action *a)
{
	const struct payload *pl = o->payload;
	const struct btaot_type *args = a->args == BTAOT_NONE ? NULL : pl->types + a->args;
	struct format *f = arena_alloc(sizeof(*f) + a->piece_count * sizeof(f->pieces[0]));

	f->min_size = 8;
	for (uint32_t i = 0; i < a->piece_count; i++) {
		const struct btaot_piece *piece = pl->pieces + a->piece_first + i;
		struct format_piece *p = &f->pieces[f->count++];

		p->text = output_str(o, piece->text);
		p->text_len = piece->text_len;
		p->conv = piece->arg == 0xffff ? BTAOT_CONV_NONE : piece->conv;
		if (p->conv != BTAOT_CONV_NONE) {
			const struct btaot_field *field;

			if (!args || piece->arg >= args->count)
				return NULL;
			field = pl->fields + args->first + piece->arg;
			p->type = pl->types + field->type;
			p->offset = field->offset;
			p->flags = piece->flags;
			p->width = piece->width;
			p->size = (uint8_t)p->type->size;
			p->is_signed = p->type->flags & BTAOT_TYPE_FLAG_SIGNED;
			p->boolean = p->type->kind == BTAOT_TYPE_KIND_BOOL;
			p->bits = cut_bits(piece->flags);
			if (f->min_size < p->offset + p->type->size)
				f->min_size = p->offset + p->type->size;
		}
		p->op = choose_op(p);
	}
	return f;
}

static uint64_t piece_int(const struct format_piece *p, const uint8_t *arg)
{
	uint64_t v = load_int(arg, p->size, p->is_signed);

	return p->boolean ? v != 0 : v;
}

/* Cut to 8, 16 or 32 bits, keeping the sign for %d. */
static uint64_t cut_int(uint64_t v, unsigned bits, bool is_signed)
{
	unsigned shift = 64 - bits;

	return is_signed ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

static char *radix_before(char *end, uint64_t v, const struct format_piece *p)
{
	const char *digits = p->conv == BTAOT_CONV_XX ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned shift = p->conv == BTAOT_CONV_O ? 3 : 4;
	uint64_t rest = v;

	do {
		*--end = digits[rest & ((1u << shift) - 1)];
		rest >>= shift;
	} while (rest);
	if ((p->flags & BTAOT_CONV_FLAG_ALT) && v) {
		if (shift == 4)
			*--end = p->conv == BTAOT_CONV_XX ? 'X' : 'x';
		*--end = '0';
	}
	return end;
}

static void put_integer(struct textbuf *b, const struct format_piece *p, const uint8_t *arg)
{
	char room[32], *end = room + sizeof(room), *s;
	uint64_t v = cut_int(piece_int(p, arg), p->bits, p->conv == BTAOT_CONV_D);

	if (p->conv == BTAOT_CONV_D) {
		bool negative = (int64_t)v < 0;

		s = digits_before(end, negative ? -v : v);
		if (negative)
			*--s = '-';
		else if (p->flags & BTAOT_CONV_FLAG_PLUS)
			*--s = '+';
	} else if (p->conv == BTAOT_CONV_U) {
		s = digits_before(end, v);
	} else {
		s = radix_before(end, v, p);
	}
	text_bytes(b, s, (size_t)(end - s));
}

static void put_buffer(struct textbuf *b, const struct format_piece *p, struct bytes s)
{
	static const char hex[] = "0123456789abcdef";
	bool escape = p->conv == BTAOT_CONV_RX;

	for (size_t i = 0; i < s.n; i++) {
		if (escape)
			text_str(b, "\\x");
		else if (i)
			text_char(b, ' ');
		text_char(b, hex[s.p[i] >> 4]);
		text_char(b, hex[s.p[i] & 15]);
	}
}

/* Everything that is not on the fast path: format, then fill up to the width. */
static void put_padded(struct output *o, struct textbuf *b, const struct format_piece *p, const uint8_t *arg,
		       const struct value_src *src)
{
	size_t start = b->len;

	switch (p->op) {
	case OP_INTEGER:
		put_integer(b, p, arg);
		break;
	case OP_CHAR:
		text_char(b, (char)piece_int(p, arg));
		break;
	case OP_POINTER:
		text_address(b, piece_int(p, arg));
		break;
	case OP_BUFFER:
		put_buffer(b, p, value_bytes(p->type, arg, src));
		break;
	case OP_GFP:
		gfp_text(b, piece_int(p, arg));
		break;
	default:
		if ((p->flags & BTAOT_CONV_FLAG_PLUS) && p->is_signed && p->type->kind == BTAOT_TYPE_KIND_INT &&
		    (int64_t)piece_int(p, arg) >= 0)
			text_char(b, '+');
		value_put(o, b, p->type, arg, src, false);
		break;
	}
	if (p->width)
		text_pad(b, start, p->width, p->flags & BTAOT_CONV_FLAG_ZERO ? '0' : ' ',
			 p->flags & BTAOT_CONV_FLAG_LEFT);
}

static inline void put_decimal(struct textbuf *b, const struct format_piece *p, const uint8_t *arg)
{
	char *room = text_room(b, TEXT_MAX_INT), digits[TEXT_MAX_INT], *end = digits + sizeof(digits), *s;
	int64_t v = (int64_t)cut_int(piece_int(p, arg), p->bits, true);
	size_t n;

	s = digits_before(end, v < 0 ? -(uint64_t)v : (uint64_t)v);
	if (v < 0)
		*--s = '-';
	n = (size_t)(end - s);
	memcpy(room, s, n);
	b->len += n;
}

static inline void put_vstring(struct output *o, struct textbuf *b, const struct format_piece *p, const uint8_t *arg,
			       const struct value_src *src)
{
	struct bytes s = value_bytes(p->type, arg, src);

	text_bytes(b, s.p, s.n);
	if (s.cut)
		text_str(b, o->env->cfg.str_trunc_trailer);
}

bool format_record(struct output *o, struct textbuf *b, const struct format *f, const uint8_t *record, size_t size)
{
	struct value_src src = {record, size, 1};

	if (size < f->min_size)
		return false;
	for (const struct format_piece *p = f->pieces, *last = p + f->count; p < last; p++) {
		text_bytes(b, p->text, p->text_len);
		if (p->op == OP_NONE)
			continue;
		if (p->op == OP_DECIMAL)
			put_decimal(b, p, record + p->offset);
		else if (p->op == OP_VSTRING)
			put_vstring(o, b, p, record + p->offset, &src);
		else
			put_padded(o, b, p, record + p->offset, &src);
	}
	return true;
}
