/* mock.c - see mock.h. */
#include "mock.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ROWS 512
#define MAX_MAPS 8
#define MAX_MAP_ROWS 64
#define CPUS 3

struct env mock_env;
int mock_failures;

static char strings[65536];
static struct btaot_header header;
static struct btaot_type types[MAX_ROWS];
static struct btaot_field fields[MAX_ROWS];
static struct btaot_enumerator enumerators[MAX_ROWS];
static struct btaot_action actions[MAX_ROWS];
static struct btaot_piece pieces[MAX_ROWS];
static struct btaot_map maps[MAX_MAPS];
static struct instance instances[1];
static int map_fds[MAX_MAPS];
static struct {
	uint8_t keys[8192], values[65536];
	uint32_t count;
} rows[MAX_MAPS];
static struct { uint8_t bytes[2048]; uint32_t size, at[32], count; } tail;
static struct globals mock_globals;

void mock_reset(bool json)
{
	struct payload *p = &mock_env.payload;

	output_close(&mock_env);
	memset(&mock_env, 0, sizeof(mock_env));
	memset(&mock_globals, 0, sizeof(mock_globals));
	memset(rows, 0, sizeof(rows));
	p->header = &header;
	p->strings = strings;
	p->string_count = 1;
	p->types = types;
	p->fields = fields;
	p->enumerators = enumerators;
	p->actions = actions;
	p->pieces = pieces;
	p->maps = maps;
	header.script = mock_str("t.bt");
	header.globals_size = sizeof(mock_globals);
	instances[0].name = "tracepoint:a:b";
	mock_env.instances = instances;
	mock_env.instance_count = 1;
	mock_env.map_fds = map_fds;
	mock_env.cpu_count = CPUS;
	mock_env.cfg.str_trunc_trailer = "..";
	mock_env.cfg.max_cat_bytes = 10;
	mock_env.opt.json = json;
	mock_env.opt.buffer = BUFFER_FULL;
	mock_env.opt.output_path = "/dev/null";
	p->action_count = MAX_ROWS;
	p->map_count = MAX_MAPS;
	if (output_open(&mock_env) < 0)
		abort();
	p->action_count = p->map_count = 0;
}

uint32_t mock_str(const char *s)
{
	uint32_t at = mock_env.payload.string_count;

	memcpy(strings + at, s, strlen(s) + 1);
	mock_env.payload.string_count += (uint32_t)strlen(s) + 1;
	return at;
}

uint32_t mock_type(uint8_t kind, uint32_t size, uint8_t flags)
{
	uint32_t i = mock_env.payload.type_count++;

	types[i] = (struct btaot_type){.kind = kind, .size = size, .flags = flags, .elem = BTAOT_NONE};
	return i;
}

struct btaot_type *mock_type_at(uint32_t type)
{
	return &types[type];
}

static uint32_t type_align(const struct btaot_type *t)
{
	switch (t->kind) {
	case BTAOT_TYPE_KIND_STRING:
	case BTAOT_TYPE_KIND_MAC:
		return 1;
	case BTAOT_TYPE_KIND_VSTRING:
	case BTAOT_TYPE_KIND_VBUFFER:
	case BTAOT_TYPE_KIND_BUFFER:
	case BTAOT_TYPE_KIND_INET:
		return 4;
	default:
		return t->size >= 8 ? 8 : t->size ? t->size : 1;
	}
}

uint32_t mock_fields(uint8_t kind, uint32_t start, const struct mock_field *list, uint16_t count)
{
	uint32_t offset = start, first = mock_env.payload.field_count, type;

	for (uint16_t i = 0; i < count; i++) {
		const struct btaot_type *t = &types[list[i].type];
		uint32_t align = type_align(t);

		offset = (offset + align - 1) / align * align;
		fields[mock_env.payload.field_count++] = (struct btaot_field){
			.name = list[i].name ? mock_str(list[i].name) : 0, .offset = offset, .type = list[i].type};
		offset += t->size;
	}
	type = mock_type(kind, (offset + 7) / 8 * 8, 0);
	types[type].first = first;
	types[type].count = count;
	return type;
}

uint32_t mock_enum(uint32_t size, const char *const *names, const int64_t *values, uint16_t count)
{
	uint32_t type = mock_type(BTAOT_TYPE_KIND_ENUM, size, 0);

	types[type].first = mock_env.payload.enumerator_count;
	types[type].count = count;
	for (uint16_t i = 0; i < count; i++)
		enumerators[mock_env.payload.enumerator_count++] =
			(struct btaot_enumerator){.name = mock_str(names[i]), .value = values[i]};
	return type;
}

uint32_t mock_action(uint16_t kind, uint32_t args)
{
	uint32_t i = mock_env.payload.action_count++;

	actions[i] = (struct btaot_action){.kind = kind, .args = args, .map = BTAOT_NONE, .line = 1, .column = 9,
					   .end_line = 1, .end_column = 62};
	return i;
}

struct btaot_action *mock_action_at(uint32_t action)
{
	return &actions[action];
}

static uint8_t conversion(const char **s)
{
	const char *p = *s;

	if (*p == 'r' && (p[1] == 'x' || p[1] == 'h')) {
		*s += 2;
		return p[1] == 'x' ? BTAOT_CONV_RX : BTAOT_CONV_RH;
	}
	if (*p == 'g' && p[1] == 'r') {
		*s += 2;
		return BTAOT_CONV_GR;
	}
	(*s)++;
	switch (*p) {
	case 'd': return BTAOT_CONV_D;
	case 'u': return BTAOT_CONV_U;
	case 'x': return BTAOT_CONV_X;
	case 'X': return BTAOT_CONV_XX;
	case 'o': return BTAOT_CONV_O;
	case 'c': return BTAOT_CONV_C;
	case 'p': return BTAOT_CONV_P;
	case 'r': return BTAOT_CONV_R;
	default: return BTAOT_CONV_S;
	}
}

static uint8_t flags_and_width(const char **s, uint32_t *width)
{
	static const char letters[] = "-0+ #'";
	uint8_t flags = 0;
	const char *at;

	while (**s && (at = strchr(letters, **s)))
		flags |= (uint8_t)(1u << (at - letters)), (*s)++;
	*width = (uint32_t)strtoul(*s, (char **)s, 10);
	if (**s == 'l') {
		while (**s == 'l')
			(*s)++;
	} else if (**s == 'h') {
		flags |= BTAOT_CONV_FLAG_INT16;
		if (*++*s == 'h')
			flags |= BTAOT_CONV_FLAG_INT32, (*s)++;
	} else {
		flags |= BTAOT_CONV_FLAG_INT32;
	}
	return flags;
}

uint32_t mock_printf(uint16_t kind, const char *format, const uint32_t *arg_types, uint16_t count)
{
	struct mock_field list[16] = {0};
	uint32_t action;
	uint16_t arg = 0;

	for (uint16_t i = 0; i < count; i++)
		list[i].type = arg_types[i];
	action = mock_action(kind, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, list, count));
	actions[action].piece_first = mock_env.payload.piece_count;
	for (const char *p = format; *p;) {
		struct btaot_piece *piece = &pieces[mock_env.payload.piece_count++];
		size_t n = strcspn(p, "%");
		char text[256] = {0};

		memcpy(text, p, n);
		*piece = (struct btaot_piece){.text = mock_str(text), .text_len = (uint32_t)n, .arg = 0xffff, .precision = -1};
		p += n;
		if (*p == '%') {
			p++;
			piece->flags = flags_and_width(&p, &piece->width);
			piece->conv = conversion(&p);
			piece->arg = arg++;
		}
		actions[action].piece_count++;
	}
	return action;
}

uint32_t mock_map(const char *name, uint16_t flags, uint32_t key_type, uint32_t value_type)
{
	uint32_t i = mock_env.payload.map_count++;

	maps[i] = (struct btaot_map){.name = mock_str(name), .flags = flags, .role = BTAOT_MAP_ROLE_USER,
				     .key_type = key_type, .value_type = value_type,
				     .key_size = key_type == BTAOT_NONE ? 4 : types[key_type].size,
				     .value_size = types[value_type].size};
	if (flags & BTAOT_MAP_FLAG_PRESENCE)
		maps[i].value_size = (maps[i].value_size + 7) / 8 * 8 + 8;
	return i;
}

void mock_row(uint32_t map, const void *key, const void *values)
{
	uint32_t i = rows[map].count++, stride = map_value_stride(&mock_env, map);

	if (key)
		memcpy(rows[map].keys + i * maps[map].key_size, key, maps[map].key_size);
	memcpy(rows[map].values + i * stride, values, map_is_percpu(&mock_env, map) ? stride : maps[map].value_size);
}

/* ---- maps.h ---- */

bool map_is_percpu(const struct env *env, uint32_t map)
{
	(void)env;
	return maps[map].flags & BTAOT_MAP_FLAG_PERCPU;
}

uint32_t map_value_step(const struct env *env, uint32_t map)
{
	(void)env;
	return (maps[map].value_size + 7) / 8 * 8;
}

uint32_t map_value_stride(const struct env *env, uint32_t map)
{
	return map_value_step(env, map) * (map_is_percpu(env, map) ? CPUS : 1);
}

int map_read(struct env *env, uint32_t map, struct map_rows *out)
{
	size_t keys = rows[map].count * maps[map].key_size, values = rows[map].count * map_value_stride(env, map);

	*out = (struct map_rows){.keys = malloc(keys + 1), .values = malloc(values + 1), .count = rows[map].count,
				 .key_size = maps[map].key_size, .value_stride = map_value_stride(env, map)};
	memcpy(out->keys, rows[map].keys, keys);
	memcpy(out->values, rows[map].values, values);
	return 0;
}

void map_rows_free(struct map_rows *r)
{
	free(r->keys);
	free(r->values);
}

int map_clear(struct env *env, uint32_t map)
{
	(void)env;
	rows[map].count = 0;
	return 0;
}

int map_zero(struct env *env, uint32_t map)
{
	(void)env;
	memset(rows[map].values, 0, sizeof(rows[map].values));
	return 0;
}

/* Actions of attached programs and of packets, which these tests have none of. */
void watchpoint_remove(struct env *env, uint64_t address);
void packets_drain(struct env *env);

void watchpoint_remove(struct env *env, uint64_t address)
{
	(void)env, (void)address;
}

void packets_drain(struct env *env)
{
	(void)env;
}

int globals_read(struct env *env, void *copy, size_t size)
{
	(void)env;
	memcpy(copy, &mock_globals, size);
	return 0;
}

uint32_t map_by_role(const struct env *env, uint16_t role)
{
	(void)env, (void)role;
	return BTAOT_NONE;
}

/* ---- records ---- */

void record_start(struct mock_record *r, uint32_t action)
{
	memset(r, 0, sizeof(*r));
	memset(&tail, 0, sizeof(tail));
	memcpy(r->bytes, &action, 4);
	r->size = 8;
}

void record_put(struct mock_record *r, const void *value, uint32_t size, uint32_t align)
{
	r->size = (r->size + align - 1) / align * align;
	memcpy(r->bytes + r->size, value, size);
	r->size += size;
}

void record_int(struct mock_record *r, uint64_t value, uint32_t size)
{
	uint8_t bytes[8];
	uint16_t half = (uint16_t)value;
	uint32_t word = (uint32_t)value;

	if (size == 1)
		bytes[0] = (uint8_t)value;
	else
		memcpy(bytes, size == 2 ? (void *)&half : size == 4 ? (void *)&word : (void *)&value, size);
	record_put(r, bytes, size, size);
}

void record_string(struct mock_record *r, const void *s, uint16_t size, bool cut)
{
	uint16_t pair[2] = {(uint16_t)tail.size, (uint16_t)(size | (cut ? 0x8000 : 0))};

	record_put(r, pair, 4, 4);
	tail.at[tail.count++] = r->size - 4;
	memcpy(tail.bytes + tail.size, s, size);
	tail.size += size;
}

void record_send(struct mock_record *r)
{
	for (uint32_t i = 0; i < tail.count; i++) {
		uint16_t offset;

		memcpy(&offset, r->bytes + tail.at[i], 2);
		offset = (uint16_t)(offset + r->size);
		memcpy(r->bytes + tail.at[i], &offset, 2);
	}
	memcpy(r->bytes + r->size, tail.bytes, tail.size);
	r->size += tail.size;
	memcpy(r->bytes + 4, &r->size, 4);
	output_event(&mock_env, r->bytes, r->size);
}

const char *mock_output(void)
{
	static char text[65536];
	struct textbuf *b = &mock_env.out->text;

	memcpy(text, b->data ? b->data : "", b->len);
	text[b->len] = '\0';
	b->len = 0;
	return text;
}

void expect(const char *what, const char *got, const char *want)
{
	if (!strcmp(got, want))
		return;
	mock_failures++;
	fprintf(stderr, "%s:\n--- expected\n%s\n--- got\n%s\n", what, want, got);
}
