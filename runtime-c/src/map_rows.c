/* map_rows.c - rows of a map made ready for printing: summed over the CPUs and sorted.
 *
 * Role: between maps.c, which reads what the kernel has, and print_map.c.
 * The order is bpftrace's: integers and aggregations by value, histograms by the sum of their buckets, everything else
 * by key.  Equal rows come in the order of their keys, so that output does not depend on the hash. */
#include "map_rows.h"
#include "parts.h"
#include "tseries.h"

#include <stdlib.h>

static bool is_signed(const struct btaot_type *t)
{
	return t->flags & BTAOT_TYPE_FLAG_SIGNED;
}

static void store_u64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void store_int(uint8_t *p, size_t size, uint64_t v)
{
	if (size == 1)
		*p = (uint8_t)v;
	else if (size == 2)
		memcpy(p, &(uint16_t){(uint16_t)v}, 2);
	else if (size == 4)
		memcpy(p, &(uint32_t){(uint32_t)v}, 4);
	else
		store_u64(p, v);
}

/* min() and max(): of the copies that are set. */
static void merge_extreme(const struct btaot_type *t, uint8_t *sum, const uint8_t *copy)
{
	uint64_t v = load_u64(copy), old = load_u64(sum);
	bool less = is_signed(t) ? (int64_t)v < (int64_t)old : v < old;

	if (!load_u64(copy + 8))
		return;
	if (!load_u64(sum + 8) || (v != old && less == (t->kind == BTAOT_TYPE_KIND_MIN)))
		store_u64(sum, v);
	store_u64(sum + 8, 1);
}

void value_merge(const struct btaot_type *t, uint8_t *sum, const uint8_t *copy)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_MIN:
	case BTAOT_TYPE_KIND_MAX:
		if (t->size >= 16)
			merge_extreme(t, sum, copy);
		return;
	case BTAOT_TYPE_KIND_INT:
		store_int(sum, t->size, load_int(sum, t->size, false) + load_int(copy, t->size, false));
		return;
	case BTAOT_TYPE_KIND_COUNT:
	case BTAOT_TYPE_KIND_SUM:
	case BTAOT_TYPE_KIND_AVG:
	case BTAOT_TYPE_KIND_STATS:
	case BTAOT_TYPE_KIND_HIST:
	case BTAOT_TYPE_KIND_LHIST:
		for (uint32_t i = 0; i + 8 <= t->size; i += 8)
			store_u64(sum + i, load_u64(sum + i) + load_u64(copy + i));
		return;
	case BTAOT_TYPE_KIND_TSERIES:
		if (HAS(TSERIES))
			tseries_merge(t, sum, copy);
		return;
	default:
		return;  /* the first CPU's copy stands */
	}
}

static bool sorts_by_value(const struct btaot_type *t)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_INT:
	case BTAOT_TYPE_KIND_ENUM:
	case BTAOT_TYPE_KIND_COUNT:
	case BTAOT_TYPE_KIND_SUM:
	case BTAOT_TYPE_KIND_MIN:
	case BTAOT_TYPE_KIND_MAX:
	case BTAOT_TYPE_KIND_AVG:
	case BTAOT_TYPE_KIND_STATS:
	case BTAOT_TYPE_KIND_HIST:
	case BTAOT_TYPE_KIND_LHIST:
		return true;
	default:
		return false;
	}
}

/* A number whose unsigned order is the order of the rows. */
static uint64_t row_rank(const struct btaot_type *t, const uint8_t *value)
{
	uint64_t v = 0;

	if (!sorts_by_value(t))
		return 0;
	if (t->kind == BTAOT_TYPE_KIND_HIST || t->kind == BTAOT_TYPE_KIND_LHIST) {
		for (uint32_t i = 0; i + 8 <= t->size; i += 8)
			v += load_u64(value + i);
		return v;
	}
	v = value_int(t, value);
	if (t->kind == BTAOT_TYPE_KIND_MIN || t->kind == BTAOT_TYPE_KIND_MAX)
		return v;  /* bpftrace orders these as unsigned numbers, whatever their sign */
	return is_signed(t) ? v ^ (uint64_t)1 << 63 : v;
}

static int compare_ints(const uint8_t *a, const uint8_t *b, size_t size)
{
	int64_t x = (int64_t)load_int(a, size, true), y = (int64_t)load_int(b, size, true);

	return x < y ? -1 : x > y;
}

/* Keys as bpftrace compares them: integers (all as signed ones) and strings; other kinds are equal. */
static int compare_keys(const struct payload *pl, const struct btaot_type *t, const uint8_t *a, const uint8_t *b)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_INT:
	case BTAOT_TYPE_KIND_ENUM:
		return compare_ints(a, b, t->size);
	case BTAOT_TYPE_KIND_STRING:
		return memcmp(a, b, t->size);
	case BTAOT_TYPE_KIND_TUPLE:
		for (uint32_t i = 0; i < t->count; i++) {
			const struct btaot_field *f = pl->fields + t->first + i;
			int order = compare_keys(pl, pl->types + f->type, a + f->offset, b + f->offset);

			if (order)
				return order;
		}
		return 0;
	default:
		return 0;
	}
}

static bool row_after(const struct row_set *set, const struct row *a, const struct row *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank;
	return set->key_type && compare_keys(set->payload, set->key_type, a->key, b->key) > 0;
}

/* Merge sort: stable, no worst case, n more pointers of memory. */
static void rows_sort(struct row_set *set, struct row *rows, struct row *room, uint32_t n)
{
	uint32_t half = n / 2, i = 0, j = half, k = 0;

	if (n < 2)
		return;
	rows_sort(set, rows, room, half);
	rows_sort(set, rows + half, room, n - half);
	memcpy(room, rows, half * sizeof(*rows));
	while (i < half && j < n)
		rows[k++] = row_after(set, &room[i], &rows[j]) ? rows[j++] : room[i++];
	memcpy(rows + k, room + i, (half - i) * sizeof(*rows));
}

/* Sum the copies of all CPUs into the first one. */
static void row_reduce(struct output *o, uint32_t map, const struct btaot_type *t, uint8_t *value)
{
	uint32_t step = map_value_step(o->env, map);

	for (uint32_t cpu = 1; cpu < o->env->cpu_count; cpu++)
		value_merge(t, value, value + (size_t)cpu * step);
}

/* Whether the single entry of a scalar was ever written (on any CPU). */
static bool scalar_present(struct output *o, uint32_t map, const struct btaot_type *t, const uint8_t *value)
{
	uint32_t copies = map_is_percpu(o->env, map) ? o->env->cpu_count : 1;
	uint32_t at = (t->size + 7) / 8 * 8;

	if (!(o->payload->maps[map].flags & BTAOT_MAP_FLAG_PRESENCE) || at + 8 > o->payload->maps[map].value_size)
		return true;
	for (uint32_t cpu = 0; cpu < copies; cpu++) {
		if (load_u64(value + (size_t)cpu * map_value_step(o->env, map) + at))
			return true;
	}
	return false;
}

int rows_collect(struct output *o, uint32_t map, struct row_set *set)
{
	const struct btaot_map *m = o->payload->maps + map;
	const struct btaot_type *t = o->payload->types + m->value_type;
	int ret;

	memset(set, 0, sizeof(*set));
	set->payload = o->payload;
	if (m->key_type != BTAOT_NONE)
		set->key_type = o->payload->types + m->key_type;
	ret = map_read(o->env, map, &set->raw);
	if (ret < 0)
		return ret;
	set->rows = malloc(2 * (size_t)set->raw.count * sizeof(*set->rows) + 1);
	if (!set->rows) {
		rows_free(set);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < set->raw.count; i++) {
		uint8_t *value = set->raw.values + (size_t)i * set->raw.value_stride;
		struct row *row = &set->rows[set->count];

		if ((m->flags & BTAOT_MAP_FLAG_SCALAR) && !scalar_present(o, map, t, value))
			continue;
		if (map_is_percpu(o->env, map))
			row_reduce(o, map, t, value);
		row->key = set->raw.keys + (size_t)i * set->raw.key_size;
		row->value = value;
		row->rank = row_rank(t, value);
		set->count++;
	}
	rows_sort(set, set->rows, set->rows + set->raw.count, set->count);
	return 0;
}

void rows_free(struct row_set *set)
{
	map_rows_free(&set->raw);
	free(set->rows);
	set->rows = NULL;
}
