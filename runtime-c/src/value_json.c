/* value_json.c - values as JSON (-f json).
 *
 * Role: the counterpart of value_text().  What bpftrace has a number for is a number (pointers, enums), tuples and
 * arrays are arrays, structs and records are objects; everything else is the JSON string of its text form. */
#include "output_internal.h"

static void json_number(struct textbuf *b, const struct btaot_type *t, uint64_t v)
{
	if (t->flags & BTAOT_TYPE_FLAG_SIGNED)
		json_i64(b, (int64_t)v);
	else
		json_u64(b, v);
}

static void json_fields(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
			const struct value_src *src)
{
	const struct btaot_field *f = o->payload->fields + t->first;
	bool tuple = t->kind == BTAOT_TYPE_KIND_TUPLE;

	text_char(b, tuple ? '[' : '{');
	for (uint32_t i = 0; i < t->count; i++, f++) {
		const struct btaot_type *ft = o->payload->types + f->type;
		uint8_t room[8];

		if (i)
			text_str(b, tuple ? "," : ", ");
		if (!tuple) {
			const char *name = output_str(o, f->name);

			json_string(b, name, strlen(name));
			text_str(b, ": ");
		}
		value_json(o, b, ft, field_value(ft, f, p, room), src);
	}
	text_char(b, tuple ? ']' : '}');
}

static void json_array(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
		       const struct value_src *src)
{
	const struct btaot_type *elem = o->payload->types + t->elem;

	text_char(b, '[');
	for (int64_t i = 0; i < t->p0; i++) {
		if (i)
			text_char(b, ',');
		value_json(o, b, elem, p + (size_t)i * elem->size, src);
	}
	text_char(b, ']');
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

static void json_stats(struct textbuf *b, const struct btaot_type *t, const uint8_t *p, uint64_t div)
{
	text_str(b, "{\"count\": ");
	json_number(b, t, load_u64(p + 8));
	text_str(b, ", \"average\": ");
	json_number(b, t, divide_int(t, value_int(t, p), div));
	text_str(b, ", \"total\": ");
	json_number(b, t, load_u64(p));
	text_char(b, '}');
}

static void json_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
		      const struct value_src *src)
{
	struct textbuf text = {0};

	value_text(o, &text, t, p, src);
	json_string(b, text.data, text.len);
	text_free(&text);
}

void value_json(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
		const struct value_src *src)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_VOID:
		text_str(b, "null");
		break;
	case BTAOT_TYPE_KIND_BOOL:
		text_str(b, *p ? "true" : "false");
		break;
	case BTAOT_TYPE_KIND_POINTER:
		json_u64(b, value_int(t, p));
		break;
	case BTAOT_TYPE_KIND_ENUM:
		json_u64(b, load_int(p, t->size, false));
		break;
	case BTAOT_TYPE_KIND_COUNT:
		json_u64(b, value_int(t, p) / (src->div ? src->div : 1));
		break;
	case BTAOT_TYPE_KIND_INT:
	case BTAOT_TYPE_KIND_SUM:
	case BTAOT_TYPE_KIND_MIN:
	case BTAOT_TYPE_KIND_MAX:
	case BTAOT_TYPE_KIND_AVG:
		json_number(b, t, divide_int(t, value_int(t, p), src->div));
		break;
	case BTAOT_TYPE_KIND_BUFFER:
	case BTAOT_TYPE_KIND_VBUFFER:
		json_buffer(b, value_bytes(t, p, src));
		break;
	case BTAOT_TYPE_KIND_ARRAY:
		json_array(o, b, t, p, src);
		break;
	case BTAOT_TYPE_KIND_STRUCT:
	case BTAOT_TYPE_KIND_TUPLE:
	case BTAOT_TYPE_KIND_RECORD:
		json_fields(o, b, t, p, src);
		break;
	case BTAOT_TYPE_KIND_STATS:
		json_stats(b, t, p, src->div);
		break;
	default:
		json_text(o, b, t, p, src);
		break;
	}
}
