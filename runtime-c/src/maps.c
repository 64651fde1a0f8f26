/* maps.c - create the payload's maps; read, clear and zero them.
 *
 * Hash maps are not preallocated where the kernel lets tracing programs use such maps (Linux 6.1): creating a
 * preallocated per-CPU map of 10240 entries takes 3 ms, one that is not 0.1 ms.  Whether it does is asked with a
 * perf_event program, the one type that old kernels refuse without a warning in the kernel's log.
 * The globals map is memory-mapped, so that the `running` word is one store. */
#include "maps.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"
#include "sys_bpf.h"
#include "rights.h"
#include "unwind.h"
#include "util.h"

#define SCRATCH_SLOTS 4 /* of each CPU */
#define OLD_KEY_MAX 512 /* MAX_BPF_STACK: the limit of keys before 5.16 */
#define PREALLOC_LIMIT (32ull << 20) /* bytes */
#define RINGBUF_FLOOR_KB 256u
#define RINGBUF_CEILING_KB 16544u

/* Whether one record per instruction is the most that the script can send before it is read: begin and end without loops. */
static bool output_is_small(const struct env *env)
{
	const struct payload *p = &env->payload;

	for (uint32_t i = 0; i < p->attach_count; i++)
		if (p->attaches[i].kind != BTAOT_PROBE_KIND_BEGIN && p->attaches[i].kind != BTAOT_PROBE_KIND_END)
			return false;
	for (uint32_t i = 0; i < p->insn_count; i++) {
		uint8_t class = p->text[i].code & 7;

		if (p->text[i].code == (BPF_LD | BPF_DW | BPF_IMM)) {
			if (p->text[i].src_reg == SYS_PSEUDO_FUNC)
				return false;
			i++;
		} else if ((class == BPF_JMP || class == 6 /* BPF_JMP32 */) && p->text[i].off < 0) {
			return false;
		}
	}
	for (uint32_t i = 0; i < p->reloc_count; i++)
		if (p->relocs[i].form == BTAOT_RELOC_FORM_CALLBACK)
			return false;
	return p->insn_count < 2048;
}

static uint64_t memory_available_kb(void)
{
	char buf[2048], *at;
	uint64_t kb = 0;

	if (read_file("/proc/meminfo", buf, sizeof(buf)) <= 0 || !(at = strstr(buf, "MemAvailable:")))
		return RINGBUF_FLOOR_KB;
	for (at += 13; *at == ' '; at++)
		;
	for (; *at >= '0' && *at <= '9'; at++)
		kb = kb * 10 + (uint64_t)(*at - '0');
	return kb;
}

/* Bytes of the ring buffer: a power of two of pages, as perf_rb_pages says or from the free memory. */
static uint64_t ringbuf_size(const struct env *env)
{
	uint64_t page = page_size(), pages = 1, want;

	if (env->cfg.perf_rb_pages) {
		want = env->cfg.perf_rb_pages > env->cpu_count ? env->cfg.perf_rb_pages : env->cpu_count;
		while (pages < want && pages * page < (1u << 30))
			pages *= 2;
		return pages * page;
	}
	want = output_is_small(env) ? RINGBUF_FLOOR_KB : memory_available_kb();
	want = want > RINGBUF_CEILING_KB ? RINGBUF_CEILING_KB : want < RINGBUF_FLOOR_KB ? RINGBUF_FLOOR_KB : want;
	want = want * 1024 / page;
	while (pages * 2 <= want)
		pages *= 2;
	return (want - pages <= pages * 2 - want ? pages : pages * 2) * page;
}

/* Whether all elements at once would take too much memory.  Smaller maps hold theirs from the start: where interrupts are
 * off (timers, the scheduler), the kernel has only one to four spare elements until they are on again, and the next new
 * keys would be lost. */
static bool map_is_big(const struct env *env, const struct btaot_map *m, const struct map_spec *spec)
{
	uint64_t copies = m->bpf_type == BPF_MAP_TYPE_PERCPU_HASH ? env->cpu_count : 1;

	return spec->max_entries * (spec->key_size + spec->value_size * copies) > PREALLOC_LIMIT;
}

/* Whether programs that trace may use hash maps that allocate on use. */
static bool no_prealloc_allowed(void)
{
	struct map_spec spec = { BPF_MAP_TYPE_HASH, 8, 8, 1, SYS_F_NO_PREALLOC, "probe" };
	int map = bpf_map_new(&spec), prog = -1;

	if (map >= 0) {
		struct bpf_insn insns[] = {
			{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = SYS_PSEUDO_MAP_FD, .imm = map },
			{ 0 },
			{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
			{ .code = BPF_JMP | BPF_EXIT },
		};
		struct prog_spec ps = {
			.type = BPF_PROG_TYPE_PERF_EVENT, .insns = insns, .insn_count = ARRAY_SIZE(insns), .license = "GPL",
		};

		prog = bpf_prog_load_raw(&ps);
		close(map);
	}
	if (prog >= 0)
		close(prog);
	return prog >= 0;
}

static bool map_allocates(const struct btaot_map *m)
{
	return m->bpf_type == BPF_MAP_TYPE_HASH || m->bpf_type == BPF_MAP_TYPE_PERCPU_HASH;
}

static uint32_t map_entries(const struct env *env, const struct btaot_map *m)
{
	uint64_t n = m->max_entries ? m->max_entries : env->cfg.max_map_keys;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Whether a key may lose its tail: it ends in a string, and all that stands before it fits. */
static bool key_ends_in_string(const struct env *env, const struct btaot_map *m)
{
	const struct payload *p = &env->payload;
	const struct btaot_type *t = m->key_type == BTAOT_NONE ? NULL : &p->types[m->key_type];
	const struct btaot_field *last;

	if (t && t->kind == BTAOT_TYPE_KIND_TUPLE && t->count) {
		last = &p->fields[t->first + t->count - 1];
		t = last->offset < OLD_KEY_MAX / 2 ? &p->types[last->type] : NULL;
	}
	return t && t->kind == BTAOT_TYPE_KIND_STRING;
}

/* Before 5.16 a key has at most 512 bytes: take the head of longer ones where that only shortens a string.  Programs and
 * this runtime go on with whole keys; the kernel looks at no more than the map's size. */
static int map_create_short_keys(struct env *env, const struct btaot_map *m, struct map_spec *spec)
{
	int fd;

	if (spec->key_size <= OLD_KEY_MAX || !key_ends_in_string(env, m))
		return -E2BIG;
	spec->key_size = OLD_KEY_MAX;
	fd = bpf_map_new(spec);
	if (fd >= 0)
		warn("Strings in keys of %s are cut: the keys of this kernel's maps have at most %u bytes", spec->name,
		     OLD_KEY_MAX);
	return fd;
}

static int map_create(struct env *env, uint32_t index, int *no_prealloc)
{
	const struct btaot_map *m = &env->payload.maps[index];
	const char *name = payload_str(&env->payload, m->name);
	struct map_spec spec = { m->bpf_type, m->key_size, m->value_size, map_entries(env, m), m->map_flags, name };
	static const struct map_spec small = { BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, "" };
	int fd;

	if (m->role == BTAOT_MAP_ROLE_RINGBUF) {
		spec.key_size = spec.value_size = 0;
		spec.max_entries = (uint32_t)ringbuf_size(env);
	} else if (m->role == BTAOT_MAP_ROLE_GLOBALS) {
		spec.flags |= SYS_F_MMAPABLE;
	} else if (HAS(UNWIND) && m->role == BTAOT_MAP_ROLE_UNWIND) {
		spec.max_entries = unwind_entries(env);
	} else if (m->role == BTAOT_MAP_ROLE_PERF) {
		spec.max_entries = env->cpu_count;
	} else if (m->role == BTAOT_MAP_ROLE_SCRATCH) {
		spec.max_entries = env->cpu_count * SCRATCH_SLOTS;
	} else if (map_allocates(m) && spec.max_entries > 1 && map_is_big(env, m, &spec)) {
		if (*no_prealloc < 0)
			*no_prealloc = no_prealloc_allowed();
		spec.flags = *no_prealloc ? spec.flags | SYS_F_NO_PREALLOC : spec.flags & ~(uint32_t)SYS_F_NO_PREALLOC;
	}
	fd = bpf_map_new(&spec);
	if (fd == -E2BIG)
		fd = map_create_short_keys(env, m, &spec);
	if (fd == -E2BIG && spec.key_size > OLD_KEY_MAX)
		err("The keys of %s have %u bytes, those of this kernel's maps at most %u; set max_strlen in the script to "
		    "less, or give str() a length", name, spec.key_size, OLD_KEY_MAX);
	else if (fd == -EPERM)
		err("Cannot create the map %s: %s%s", name, strerror(-fd), bpf_map_new(&small) < 0 ? rights_explain(RIGHTS_MAPS) :
		    " (raise `ulimit -l`, or give CAP_SYS_RESOURCE)");
	else if (fd < 0)
		err("Cannot create the map %s (type %u, key %u, value %u bytes, %u entries): %s", name, spec.type,
		    spec.key_size, spec.value_size, spec.max_entries, strerror(-fd));
	return fd;
}

/* Data of an imported object; constants are frozen, so that the verifier knows them. */
static void map_init(struct env *env, uint32_t index)
{
	const struct btaot_map *m = &env->payload.maps[index];
	uint32_t key = 0;

	if (m->init)
		bpf_map_update(env->map_fds[index], &key, payload_str(&env->payload, m->init), 0);
	if (m->map_flags & SYS_F_RDONLY_PROG)
		bpf_map_freeze(env->map_fds[index]);
}

static int globals_open(struct env *env)
{
	uint32_t index = map_by_role(env, BTAOT_MAP_ROLE_GLOBALS);
	void *p;

	if (index == BTAOT_NONE)
		return 0;
	p = mmap(NULL, env->payload.maps[index].value_size, PROT_READ | PROT_WRITE, MAP_SHARED, env->map_fds[index], 0);
	if (p == MAP_FAILED) {
		err("Cannot map the globals of the script: %s", strerror(errno));
		return -errno;
	}
	env->globals = p;
	env->globals->only_pid = (uint32_t)env->opt.pid;
	return 0;
}

int maps_create(struct env *env)
{
	int no_prealloc = -1;

	env->map_fds = arena_alloc(env->payload.map_count * sizeof(int));
	for (uint32_t i = 0; i < env->payload.map_count; i++) {
		env->map_fds[i] = map_create(env, i, &no_prealloc);
		if (env->map_fds[i] < 0)
			return env->map_fds[i];
		map_init(env, i);
	}
	return globals_open(env);
}

uint32_t map_by_role(const struct env *env, uint16_t role)
{
	for (uint32_t i = 0; i < env->payload.map_count; i++)
		if (env->payload.maps[i].role == role)
			return i;
	return BTAOT_NONE;
}

bool map_is_percpu(const struct env *env, uint32_t map)
{
	uint32_t type = env->payload.maps[map].bpf_type;

	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

uint32_t map_value_step(const struct env *env, uint32_t map)
{
	return (env->payload.maps[map].value_size + 7) & ~7u;
}

uint32_t map_value_stride(const struct env *env, uint32_t map)
{
	return map_is_percpu(env, map) ? map_value_step(env, map) * env->cpu_count : env->payload.maps[map].value_size;
}

/* Room for `max` rows; the pages are not touched before the kernel writes to them. */
static int rows_reserve(struct map_rows *rows, uint32_t max)
{
	size_t keys = ((size_t)max * rows->key_size + 15) & ~(size_t)15;
	uint8_t *p = pages_alloc(keys + (size_t)max * rows->value_stride);

	if (!p)
		return -ENOMEM;
	rows->keys = p;
	rows->values = p + keys;
	rows->reserved = keys + (size_t)max * rows->value_stride;
	return 0;
}

static int rows_read_one_by_one(int fd, struct map_rows *rows, uint32_t max)
{
	void *prev = NULL;
	int ret = 0;

	rows->count = 0;
	while (rows->count < max) {
		uint8_t *key = rows->keys + (size_t)rows->count * rows->key_size;

		ret = bpf_map_next(fd, prev, key);
		if (ret)
			break;
		prev = key;
		/* A key that was deleted since is left out, but is still the one to go on from. */
		if (!bpf_map_lookup(fd, key, rows->values + (size_t)rows->count * rows->value_stride))
			rows->count++;
		else
			prev = memcpy(rows->keys + (size_t)(max - 1) * rows->key_size, key, rows->key_size);
	}
	return ret == -ENOENT ? 0 : ret;
}

static int rows_read_batch(int fd, struct map_rows *rows, uint32_t max)
{
	uint64_t cursor[2][16];
	bool first = true;
	int ret;

	if (rows->key_size > sizeof(cursor[0]))
		return -EINVAL;
	do {
		uint32_t n = max - rows->count;

		ret = bpf_map_lookup_batch(fd, first ? NULL : cursor[0], cursor[1],
					   rows->keys + (size_t)rows->count * rows->key_size,
					   rows->values + (size_t)rows->count * rows->value_stride, &n);
		if (ret && ret != -ENOENT)
			return ret;
		rows->count += n;
		memcpy(cursor[0], cursor[1], sizeof(cursor[0]));
		first = false;
	} while (!ret && rows->count < max);
	return 0;
}

int map_read(struct env *env, uint32_t map, struct map_rows *rows)
{
	const struct btaot_map *m = &env->payload.maps[map];
	uint32_t max = map_entries(env, m);
	int ret;

	*rows = (struct map_rows){ .key_size = m->key_size, .value_stride = map_value_stride(env, map) };
	ret = rows_reserve(rows, max);
	if (ret)
		return ret;
	if (max == 1 && m->flags & BTAOT_MAP_FLAG_SCALAR) {
		ret = bpf_map_lookup(env->map_fds[map], rows->keys, rows->values);
		rows->count = !ret;
		ret = ret == -ENOENT ? 0 : ret;
	} else if (rows_read_batch(env->map_fds[map], rows, max)) {
		ret = rows_read_one_by_one(env->map_fds[map], rows, max);
	}
	if (ret)
		map_rows_free(rows);
	return ret;
}

void map_rows_free(struct map_rows *rows)
{
	pages_free(rows->keys, rows->reserved);
	*rows = (struct map_rows){ 0 };
}

/* Set all rows to zero; presence words stay if `keep_presence`. */
static int rows_zero(struct env *env, uint32_t map, struct map_rows *rows, bool keep_presence)
{
	const struct btaot_map *m = &env->payload.maps[map];
	uint32_t step = map_is_percpu(env, map) ? map_value_step(env, map) : rows->value_stride;
	uint32_t kept = keep_presence && m->flags & BTAOT_MAP_FLAG_PRESENCE ? 8 : 0;
	int ret = 0;

	for (uint32_t i = 0; i < rows->count && !ret; i++) {
		uint8_t *value = rows->values + (size_t)i * rows->value_stride;

		for (uint32_t at = 0; at < rows->value_stride; at += step)
			memset(value + at, 0, m->value_size - kept);
		ret = bpf_map_update(env->map_fds[map], rows->keys + (size_t)i * rows->key_size, value, 0);
	}
	return ret;
}

int map_clear(struct env *env, uint32_t map)
{
	const struct btaot_map *m = &env->payload.maps[map];
	bool is_array = m->bpf_type == BPF_MAP_TYPE_ARRAY || m->bpf_type == BPF_MAP_TYPE_PERCPU_ARRAY;
	struct map_rows rows;
	int ret = map_read(env, map, &rows);

	if (ret)
		return ret;
	if (is_array)
		ret = rows_zero(env, map, &rows, false);
	else
		for (uint32_t i = 0; i < rows.count; i++)
			bpf_map_delete(env->map_fds[map], rows.keys + (size_t)i * rows.key_size);
	map_rows_free(&rows);
	return ret;
}

int map_zero(struct env *env, uint32_t map)
{
	struct map_rows rows;
	int ret = map_read(env, map, &rows);

	if (ret)
		return ret;
	ret = rows_zero(env, map, &rows, true);
	map_rows_free(&rows);
	return ret;
}

int globals_set_running(struct env *env, bool running)
{
	if (env->globals)
		__atomic_store_n(&env->globals->running, running, __ATOMIC_SEQ_CST);
	return 0;
}

int globals_read(struct env *env, void *copy, size_t size)
{
	uint32_t index = map_by_role(env, BTAOT_MAP_ROLE_GLOBALS);

	if (index == BTAOT_NONE || size > env->payload.maps[index].value_size)
		return -ENOENT;
	memcpy(copy, (const void *)env->globals, size);
	return 0;
}
