/* value.c - values as text, the way print(), %s and maps show them in bpftrace, and as JSON.
 *
 * In JSON, what bpftrace has a number for is a number (pointers, enums), tuples and arrays are arrays, structs and
 * records are objects; everything else is the JSON string of its text.
 * Values are read byte by byte from records and map rows: nothing is assumed about alignment.
 * A value of a map arrives already summed over the CPUs (print_map.c).  Lengths inside a record are
 * checked here, sizes and offsets of types were checked by the payload's validation. */
#include "attach.h"
#include "output_internal.h"

#define FUNC_OF_INSTANCE 0x80000000u  /* in a USYM: see library/function.py */

uint32_t load_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t load_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t load_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t load_int(const uint8_t *p, size_t size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? (uint64_t)(int64_t)(int8_t)*p : *p;
	case 2:
		return is_signed ? (uint64_t)(int64_t)(int16_t)load_u16(p) : load_u16(p);
	case 4:
		return is_signed ? (uint64_t)(int64_t)(int32_t)load_u32(p) : load_u32(p);
	case 8:
		return load_u64(p);
	default:
		return 0;
	}
}

static bool is_signed(const struct btaot_type *t)
{
	return t->flags & BTAOT_TYPE_FLAG_SIGNED;
}

/* Total over count, as C divides: the way of avg() and stats(). */
static uint64_t average(const struct btaot_type *t, const uint8_t *p)
{
	uint64_t total = load_u64(p), count = load_u64(p + 8);

	if (!count)
		return 0;
	return is_signed(t) ? (uint64_t)((int64_t)total / (int64_t)count) : total / count;
}

uint64_t value_int(const struct btaot_type *t, const uint8_t *p)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_BOOL:
		return *p != 0;
	case BTAOT_TYPE_KIND_MIN:
	case BTAOT_TYPE_KIND_MAX:
		return t->size >= 16 && !load_u64(p + 8) ? 0 : load_u64(p);
	case BTAOT_TYPE_KIND_AVG:
	case BTAOT_TYPE_KIND_STATS:
		return t->size >= 16 ? average(t, p) : load_u64(p);
	case BTAOT_TYPE_KIND_COUNT:
	case BTAOT_TYPE_KIND_SUM:
	case BTAOT_TYPE_KIND_KSYM:
	case BTAOT_TYPE_KIND_USYM:
		return load_u64(p);
	default:
		return load_int(p, t->size, is_signed(t));
	}
}

uint64_t divide_int(const struct btaot_type *t, uint64_t v, uint64_t div)
{
	if (div <= 1)
		return v;
	return is_signed(t) ? (uint64_t)((int64_t)v / (int64_t)div) : v / div;
}

struct bytes value_bytes(const struct btaot_type *t, const uint8_t *p, const struct value_src *src)
{
	struct bytes s = {p, 0, false};
	uint16_t off, len;

	switch (t->kind) {
	case BTAOT_TYPE_KIND_STRING:
		s.n = strnlen((const char *)p, t->size);
		s.cut = s.n + 1 >= t->size && (t->flags & BTAOT_TYPE_FLAG_TRUNC_MARK);
		break;
	case BTAOT_TYPE_KIND_BUFFER:
		s.p = p + 4;
		if (t->size > 4)
			s.n = load_u32(p) < t->size - 4 ? load_u32(p) : t->size - 4;
		break;
	case BTAOT_TYPE_KIND_VSTRING:
	case BTAOT_TYPE_KIND_VBUFFER:
		off = load_u16(p);
		len = load_u16(p + 2);
		s.cut = len & 0x8000;
		len &= 0x7fff;
		if (src->record && (size_t)off + len <= src->size)
			s.p = src->record + off, s.n = len;
		break;
	}
	return s;
}

const uint8_t *field_value(const struct btaot_type *t, const struct btaot_field *f, const uint8_t *base,
			   uint8_t room[8])
{
	uint32_t size = (f->bit_off + f->bit_size + 7u) / 8;
	uint64_t v = 0;

	base += f->offset;
	if (!f->bit_size)
		return base;
	memcpy(&v, base, size < 8 ? size : 8);  /* little-endian, as all targets */
	v >>= f->bit_off;
	if (size > 8)
		v |= (uint64_t)base[8] << (64 - f->bit_off);
	if (f->bit_size < 64)
		v &= ((uint64_t)1 << f->bit_size) - 1;
	if (t->size == 1) {
		room[0] = (uint8_t)v;
	} else if (t->size == 2) {
		memcpy(room, &(uint16_t){(uint16_t)v}, 2);
	} else if (t->size == 4) {
		memcpy(room, &(uint32_t){(uint32_t)v}, 4);
	} else {
		memcpy(room, &v, 8);
	}
	return room;
}

const char *enum_name(const struct output *o, const struct btaot_type *t, uint64_t v)
{
	const struct btaot_enumerator *e = o->payload->enumerators + t->first;
	uint64_t mask = t->size < 8 ? ((uint64_t)1 << t->size * 8) - 1 : UINT64_MAX;

	for (uint32_t i = 0; i < t->count; i++) {
		if (((uint64_t)e[i].value & mask) == (v & mask))
			return output_str(o, e[i].name);
	}
	return NULL;
}

static void put_number(struct textbuf *b, const struct btaot_type *t, uint64_t v, bool json)
{
	if (is_signed(t))
		(json ? json_i64 : text_i64)(b, (int64_t)v);
	else
		(json ? json_u64 : text_u64)(b, v);
}

static void text_enum(struct output *o, struct textbuf *b, const struct btaot_type *t, uint64_t v)
{
	const char *name = enum_name(o, t, v);

	if (name)
		text_str(b, name);
	else
		text_u64(b, v);
}

/* Printable ASCII as it is, everything else as \xNN. */
static void text_buffer(struct textbuf *b, struct bytes s)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c >= 32 && c <= 126) {
			text_char(b, (char)c);
		} else {
			char *q = text_room(b, 4);

			q[0] = '\\', q[1] = 'x', q[2] = hex[c >> 4], q[3] = hex[c & 15];
			b->len += 4;
		}
	}
}

/* A buffer is an array of its bytes, as the architecture's `char` counts them (bpftrace's way). */
static void json_buffer(struct textbuf *b, struct bytes s)
{
	text_char(b, '[');
	for (size_t i = 0; i < s.n; i++) {
		if (i)
			text_char(b, ',');
		text_i64(b, (char)s.p[i]);
	}
	text_char(b, ']');
}

static void put_name(struct textbuf *b, const char *name, bool json)
{
	if (json) {
		json_string(b, name, strlen(name));
		text_str(b, ": ");
	} else {
		text_char(b, '.');
		text_str(b, name);
		text_str(b, " = ");
	}
}

static void put_fields(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
		       const struct value_src *src, bool json)
{
	const struct btaot_field *f = o->payload->fields + t->first;
	bool tuple = t->kind == BTAOT_TYPE_KIND_TUPLE;

	if (!t->count && !tuple) {
		text_str(b, "{}");
		return;
	}
	text_str(b, tuple ? json ? "[" : "(" : json ? "{" : "{ ");
	for (uint32_t i = 0; i < t->count; i++, f++) {
		const struct btaot_type *ft = o->payload->types + f->type;
		uint8_t room[8];

		if (i)
			text_str(b, tuple && json ? "," : ", ");
		if (!tuple)
			put_name(b, output_str(o, f->name), json);
		value_put(o, b, ft, field_value(ft, f, p, room), src, json);
	}
	text_str(b, tuple ? json ? "]" : ")" : json ? "}" : " }");
}

static void put_array(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
		      const struct value_src *src, bool json)
{
	const struct btaot_type *elem = o->payload->types + t->elem;

	text_char(b, '[');
	for (int64_t i = 0; i < t->p0; i++) {
		if (i)
			text_char(b, ',');
		value_put(o, b, elem, p + (size_t)i * elem->size, src, json);
	}
	text_char(b, ']');
}

static void put_stats(struct textbuf *b, const struct btaot_type *t, const uint8_t *p, uint64_t div, bool json)
{
	text_str(b, json ? "{" : "{ ");
	put_name(b, "count", json);
	put_number(b, t, load_u64(p + 8), json);
	text_str(b, ", ");
	put_name(b, "average", json);
	put_number(b, t, divide_int(t, average(t, p), div), json);
	text_str(b, ", ");
	put_name(b, "total", json);
	put_number(b, t, load_u64(p), json);
	text_str(b, json ? "}" : " }");
}

static void text_probe(struct output *o, struct textbuf *b, uint32_t instance)
{
	if (instance < o->env->instance_count && o->env->instances[instance].name)
		text_str(b, o->env->instances[instance].name);
}

/* `func` of a user probe names its instance, since the process may be gone: false if that has no name of a function. */
static bool text_func(struct output *o, struct textbuf *b, uint32_t mark)
{
	uint32_t instance = mark & ~FUNC_OF_INSTANCE;

	if (!(mark & FUNC_OF_INSTANCE) || instance >= o->env->instance_count || !*o->env->instances[instance].func)
		return false;
	symbol_text(o, b, o->env->instances[instance].func);
	return true;
}

static void value_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
		       const struct value_src *src)
{
	struct bytes s;

	switch (t->kind) {
	case BTAOT_TYPE_KIND_POINTER:
		text_str(b, "0x");
		text_hex(b, value_int(t, p));
		break;
	case BTAOT_TYPE_KIND_STRING:
	case BTAOT_TYPE_KIND_VSTRING:
		s = value_bytes(t, p, src);
		text_bytes(b, s.p, s.n);
		if (s.cut)
			text_str(b, o->env->cfg.str_trunc_trailer);
		break;
	case BTAOT_TYPE_KIND_BUFFER:
	case BTAOT_TYPE_KIND_VBUFFER:
		text_buffer(b, value_bytes(t, p, src));
		break;
	case BTAOT_TYPE_KIND_ENUM:
		text_enum(o, b, t, load_int(p, t->size, false));
		break;
	case BTAOT_TYPE_KIND_KSYM:
		ksym_text(o, b, load_u64(p), false);
		break;
	case BTAOT_TYPE_KIND_USYM:
		if (!text_func(o, b, load_u32(p + 12)))
			usym_text(o, b, load_u64(p), load_u32(p + 8));
		break;
	case BTAOT_TYPE_KIND_KSTACK:
	case BTAOT_TYPE_KIND_USTACK:
		stack_text(o, b, t, p);
		break;
	case BTAOT_TYPE_KIND_TIMESTAMP:
		/* The format is a reference that passed through the kernel: check it. */
		if (load_u32(p + 12) < o->payload->string_count)
			timestamp_text(o, b, load_u64(p), load_u32(p + 8), output_str(o, load_u32(p + 12)));
		break;
	case BTAOT_TYPE_KIND_INET:
		inet_text(b, p);
		break;
	case BTAOT_TYPE_KIND_MAC:
		mac_text(b, p);
		break;
	case BTAOT_TYPE_KIND_USERNAME:
		username_text(b, load_u32(p));
		break;
	case BTAOT_TYPE_KIND_CGROUP_PATH:
		if (load_u32(p + 8) < o->payload->string_count)
			cgroup_text(b, load_u64(p), output_str(o, load_u32(p + 8)));
		break;
	case BTAOT_TYPE_KIND_PROBE_NAME:
		text_probe(o, b, load_u32(p));
		break;
	}
}

/* What JSON has another form for than the string of the text. */
static bool value_json(struct textbuf *b, const struct btaot_type *t, const uint8_t *p, const struct value_src *src)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_POINTER:
		json_u64(b, value_int(t, p));
		return true;
	case BTAOT_TYPE_KIND_ENUM:
		json_u64(b, load_int(p, t->size, false));
		return true;
	case BTAOT_TYPE_KIND_BUFFER:
	case BTAOT_TYPE_KIND_VBUFFER:
		json_buffer(b, value_bytes(t, p, src));
		return true;
	}
	return false;
}

void value_put(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
	       const struct value_src *src, bool json)
{
	struct textbuf text = {0};

	switch (t->kind) {
	case BTAOT_TYPE_KIND_VOID:
		text_str(b, "null");
		break;
	case BTAOT_TYPE_KIND_BOOL:
		text_str(b, *p ? "true" : "false");
		break;
	case BTAOT_TYPE_KIND_ARRAY:
		put_array(o, b, t, p, src, json);
		break;
	case BTAOT_TYPE_KIND_STRUCT:
	case BTAOT_TYPE_KIND_TUPLE:
	case BTAOT_TYPE_KIND_RECORD:
		put_fields(o, b, t, p, src, json);
		break;
	case BTAOT_TYPE_KIND_STATS:
		put_stats(b, t, p, src->div, json);
		break;
	case BTAOT_TYPE_KIND_COUNT:
		(json ? json_u64 : text_u64)(b, value_int(t, p) / (src->div ? src->div : 1));
		break;
	case BTAOT_TYPE_KIND_INT:
	case BTAOT_TYPE_KIND_SUM:
	case BTAOT_TYPE_KIND_MIN:
	case BTAOT_TYPE_KIND_MAX:
	case BTAOT_TYPE_KIND_AVG:
		put_number(b, t, divide_int(t, value_int(t, p), src->div), json);
		break;
	default:
		if (!json) {
			value_text(o, b, t, p, src);
		} else if (!value_json(b, t, p, src)) {
			value_text(o, &text, t, p, src);
			json_string(b, text.data, text.len);
			text_free(&text);
		}
	}
}
