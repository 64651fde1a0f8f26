/* print_map.c - maps as text and JSON: print(@m, top, div) and the maps at the end of the run.
 *
 * Role: layout of whole maps as bpftrace prints them.  A map with keys is one line per row, "@m[key]: value", the
 * parentheses of a tuple key left out; histograms come below their name with an empty line after each.  Without
 * keys: "@m: value".  A scalar that was never written is skipped at the end of the run and is 0 in print(). */
#include "map_rows.h"
#include "parts.h"
#include "tseries.h"

struct printer {
	struct output *o;
	const struct btaot_map *map;
	const struct btaot_type *type;
	const char *name;
	struct value_src src;
	uint64_t last_epoch;            /* newest interval of any row of a tseries() map */
};

static bool is_hist(const struct btaot_type *t)
{
	return t->kind == BTAOT_TYPE_KIND_HIST || t->kind == BTAOT_TYPE_KIND_LHIST;
}

static bool is_tseries(const struct btaot_type *t)
{
	return HAS(TSERIES) && t->kind == BTAOT_TYPE_KIND_TSERIES;
}

static bool is_stats(const struct btaot_type *t)
{
	return t->kind == BTAOT_TYPE_KIND_STATS || t->kind == BTAOT_TYPE_KIND_AVG;
}

static bool is_scalar(const struct printer *p)
{
	return p->map->flags & BTAOT_MAP_FLAG_SCALAR;
}

static void put_value(const struct printer *p, struct textbuf *b, const uint8_t *value)
{
	if (is_hist(p->type))
		(p->o->json ? hist_json : hist_text)(b, p->type, (const uint64_t *)(const void *)value, p->src.div);
	else if (is_tseries(p->type))
		(p->o->json ? tseries_json : tseries_text)(p->o, b, p->type, value, p->last_epoch);
	else
		value_put(p->o, b, p->type, value, &p->src, p->o->json);
}

/* A key as text; the result is in p->o->cell. */
static void format_key(const struct printer *p, const uint8_t *key)
{
	static const struct value_src whole = {NULL, 0, 1};  /* div is for values */
	struct textbuf text = {0};

	if (p->map->key_type != BTAOT_NONE)
		value_put(p->o, &text, p->o->payload->types + p->map->key_type, key, &whole, false);
	text_free(&p->o->cell);
	p->o->cell = text;
}

/* "@m[key]", or "@m" for a scalar. */
static void put_name(const struct printer *p, struct textbuf *b, const uint8_t *key)
{
	const struct textbuf *cell = &p->o->cell;

	text_str(b, p->name);
	if (is_scalar(p))
		return;
	format_key(p, key);
	text_char(b, '[');
	if (cell->len >= 2 && cell->data[0] == '(' && cell->data[cell->len - 1] == ')')
		text_bytes(b, cell->data + 1, cell->len - 2);
	else
		text_bytes(b, cell->data, cell->len);
	text_char(b, ']');
}

static void put_row_text(const struct printer *p, struct textbuf *b, const uint8_t *key, const uint8_t *value)
{
	bool block = is_hist(p->type) || is_tseries(p->type);

	put_name(p, b, key);
	text_str(b, block ? ":\n" : ": ");
	put_value(p, b, value);
	text_char(b, '\n');
	output_written(p->o);
}

static const char *json_type(const struct btaot_type *t)
{
	if (is_stats(t))
		return "stats";
	if (is_tseries(t))
		return "tseries";
	return is_hist(t) ? "hist" : "map";
}

static void put_json_head(const struct printer *p, struct textbuf *b)
{
	text_str(b, "{\"type\": \"");
	text_str(b, json_type(p->type));
	text_str(b, "\", \"data\": {");
	json_string(b, p->name, strlen(p->name));
	text_str(b, ": ");
}

static void put_scalar(const struct printer *p, const uint8_t *value)
{
	struct textbuf *b = &p->o->text;

	if (!p->o->json) {
		put_row_text(p, b, NULL, value);
		return;
	}
	put_json_head(p, b);
	put_value(p, b, value);
	text_str(b, "}}\n");
}

static void put_rows_json(const struct printer *p, const struct row_set *set, uint32_t first)
{
	struct textbuf *b = &p->o->text;

	put_json_head(p, b);
	text_char(b, '{');
	for (uint32_t i = first; i < set->count; i++) {
		if (i > first)
			text_str(b, ", ");
		format_key(p, set->rows[i].key);
		json_key(b, p->o->cell.data, p->o->cell.len);
		text_str(b, ": ");
		put_value(p, b, set->rows[i].value);
	}
	text_str(b, "}}}\n");
}

/* What bpftrace prints for a map without rows. */
static void put_empty(const struct printer *p, bool at_exit)
{
	if (is_scalar(p) && !at_exit && !is_hist(p->type) && !is_tseries(p->type)) {
		uint8_t *zero = pages_alloc(p->type->size + 16);

		if (zero) {
			put_scalar(p, zero);
			pages_free(zero, p->type->size + 16);
		}
	} else if (p->o->json && is_stats(p->type)) {
		put_json_head(p, &p->o->text);
		text_str(&p->o->text, "{}}}\n");
	}
}

void print_map(struct output *o, uint32_t map, uint32_t top, uint32_t div, bool at_exit)
{
	const struct btaot_map *m = o->payload->maps + map;
	struct printer p = {
		.o = o, .map = m, .type = o->payload->types + m->value_type, .name = output_str(o, m->name),
		.src = {NULL, 0, div ? div : 1},
	};
	struct row_set set;
	uint32_t first = 0;

	if (m->value_type == BTAOT_NONE)
		return;
	if (rows_collect(o, map, &set) < 0) {
		err("cannot read map %s", p.name);
		return;
	}
	for (uint32_t i = 0; i < set.count && is_tseries(p.type); i++) {
		uint64_t epoch = tseries_last_epoch(p.type, set.rows[i].value);

		if (epoch > p.last_epoch)
			p.last_epoch = epoch;
	}
	if (top && set.count > top)
		first = set.count - top;
	if (!set.count) {
		put_empty(&p, at_exit);
	} else if (is_scalar(&p)) {
		put_scalar(&p, set.rows[0].value);
	} else if (o->json) {
		put_rows_json(&p, &set, first);
	} else {
		for (uint32_t i = first; i < set.count; i++)
			put_row_text(&p, &o->text, set.rows[i].key, set.rows[i].value);
	}
	rows_free(&set);
	output_written(o);
}
