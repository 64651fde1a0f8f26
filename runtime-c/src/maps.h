/* maps.h - the maps of the script and the internal ones. */
#ifndef BTAOT_MAPS_H
#define BTAOT_MAPS_H

#include "env.h"

/* All rows of a map at one moment.  Row i: key at keys + i * key_size; value at values + i * value_stride.  For
 * per-CPU maps a value is env->cpu_count copies, each map_value_step() bytes apart. */
struct map_rows {
	uint8_t *keys, *values;
	uint32_t count, key_size, value_stride;
	size_t reserved;        /* bytes of memory, for map_rows_free() */
};

/* Create every map of the payload into env->map_fds and map the globals. */
int maps_create(struct env *env);
/* Index of the first map with this role (BTAOT_MAP_ROLE_*), BTAOT_NONE if there is none. */
uint32_t map_by_role(const struct env *env, uint16_t role);
bool map_is_percpu(const struct env *env, uint32_t map);
/* Bytes between two CPUs' copies (value size rounded up to 8), and of one row as the kernel copies it. */
uint32_t map_value_step(const struct env *env, uint32_t map);
uint32_t map_value_stride(const struct env *env, uint32_t map);
int map_read(struct env *env, uint32_t map, struct map_rows *rows);
void map_rows_free(struct map_rows *rows);
int map_clear(struct env *env, uint32_t map);  /* clear(@): delete all rows; scalars: zero and unset */
int map_zero(struct env *env, uint32_t map);   /* zero(@): all values become 0, keys stay */
/* The `running` word and the counters of the globals map, mmapped or not. */
int globals_set_running(struct env *env, bool running);
int globals_read(struct env *env, void *copy, size_t size);

#endif
