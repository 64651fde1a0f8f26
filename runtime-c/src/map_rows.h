/* map_rows.h - the rows of a map, summed over the CPUs and in bpftrace's order. */
#ifndef BTAOT_MAP_ROWS_H
#define BTAOT_MAP_ROWS_H

#include <errno.h>

#include "maps.h"
#include "output_internal.h"

struct row {
	const uint8_t *key, *value;
	uint64_t rank;
};

struct row_set {
	struct row *rows;
	uint32_t count;
	struct map_rows raw;
	const struct payload *payload;
	const struct btaot_type *key_type; /* NULL: no key */
};

int rows_collect(struct output *o, uint32_t map, struct row_set *set);
void rows_free(struct row_set *set);
/* Add another CPU's copy of a value. */
void value_merge(const struct btaot_type *t, uint8_t *sum, const uint8_t *copy);

#endif
