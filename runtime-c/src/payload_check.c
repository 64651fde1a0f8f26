/* payload_check.c - every string, reference, range, enum and size in the payload's tables.
 *
 * Plain references stand in one table of rules (record field -> what it must be); what depends on the kind of a record
 * has a function per table.  After this the rest of the runtime indexes without checks.  No memory is allocated, no
 * table is assumed to be good before its own check has run: order matters in payload_check().  Called by a fuzzer. */
#include "payload_check.h"

#include <linux/bpf.h>
#include <string.h>

#include "env.h"

#define TYPES_MAX 16384
#define TYPE_DEPTH_MAX 64
#define VALUE_MAX (64u * 1024 * 1024)
#define MAP_TYPE_RINGBUF 27

enum rule_kind { STR, REF, REF_OR_NONE, ENUM8, ENUM16, RANGE };

/* RANGE: `offset` is the u32 of the first row, `arg` the offset of the u32 of the count. */
struct rule {
	uint8_t table, kind, offset;
	uint8_t arg;            /* table for references, limit for enums */
	uint8_t target;         /* table of a RANGE */
};

#define F(record, field) offsetof(struct btaot_##record, field)
#define RULE_STR(T, record, field) { BTAOT_TABLE_##T, STR, F(record, field), 0, 0 }
#define RULE_REF(T, record, field, to) { BTAOT_TABLE_##T, REF, F(record, field), BTAOT_TABLE_##to, 0 }
#define RULE_OPT(T, record, field, to) { BTAOT_TABLE_##T, REF_OR_NONE, F(record, field), BTAOT_TABLE_##to, 0 }
#define RULE_RANGE(T, record, first, count, to) \
	{ BTAOT_TABLE_##T, RANGE, F(record, first), F(record, count), BTAOT_TABLE_##to }
#define RULE_ENUM16(T, record, field, limit) { BTAOT_TABLE_##T, ENUM16, F(record, field), limit, 0 }
#define RULE_ENUM8(T, record, field, limit) { BTAOT_TABLE_##T, ENUM8, F(record, field), limit, 0 }

static const struct rule rules[] = {
	RULE_STR(PROGRAMS, program, name),
	RULE_ENUM16(PROGRAMS, program, kind, BTAOT_PROBE_KIND_LIMIT),
	RULE_RANGE(PROGRAMS, program, reloc_first, reloc_count, RELOCS),
	RULE_RANGE(PROGRAMS, program, func_first, func_count, FUNC_INFOS),
	RULE_RANGE(PROGRAMS, program, line_first, line_count, LINE_INFOS),
	RULE_ENUM16(ATTACHES, attach, kind, BTAOT_PROBE_KIND_LIMIT),
	RULE_REF(ATTACHES, attach, program, PROGRAMS),
	RULE_STR(ATTACHES, attach, text),
	RULE_STR(ATTACHES, attach, target),
	RULE_STR(ATTACHES, attach, name),
	RULE_STR(ATTACHES, attach, ns),
	RULE_STR(ATTACHES, attach, pin),
	RULE_STR(ATTACHES, attach, build_id),
	RULE_STR(MAPS, map, name),
	RULE_ENUM16(MAPS, map, role, BTAOT_MAP_ROLE_LIMIT),
	RULE_OPT(MAPS, map, key_type, TYPES),
	RULE_OPT(MAPS, map, value_type, TYPES),
	RULE_ENUM16(SYMBOLS, symbol, kind, BTAOT_SYMBOL_KIND_LIMIT),
	RULE_ENUM16(RELOCS, reloc, form, BTAOT_RELOC_FORM_LIMIT),
	RULE_ENUM8(TYPES, type, kind, BTAOT_TYPE_KIND_LIMIT),
	RULE_OPT(TYPES, type, elem, TYPES),
	RULE_STR(TYPES, type, name),
	RULE_STR(FIELDS, field, name),
	RULE_REF(FIELDS, field, type, TYPES),
	RULE_STR(ENUMERATORS, enumerator, name),
	RULE_ENUM16(ACTIONS, action, kind, BTAOT_ACTION_KIND_LIMIT),
	RULE_RANGE(ACTIONS, action, piece_first, piece_count, PIECES),
	RULE_OPT(ACTIONS, action, args, TYPES),
	RULE_STR(ACTIONS, action, fmt),
	RULE_STR(ACTIONS, action, source),
	RULE_OPT(ACTIONS, action, map, MAPS),
	RULE_STR(PIECES, piece, text),
	RULE_ENUM8(PIECES, piece, conv, BTAOT_CONV_LIMIT),
	RULE_STR(PARAMS, param, name),
	RULE_ENUM16(PARAMS, param, type, BTAOT_PARAM_TYPE_LIMIT),
	RULE_STR(PARAMS, param, default_text),
	RULE_STR(PARAMS, param, help),
	RULE_STR(CONFIGS, config, name),
	RULE_STR(CONFIGS, config, value),
};

static const uint16_t record_sizes[BTAOT_TABLE_COUNT] = {
	[BTAOT_TABLE_PROGRAMS] = sizeof(struct btaot_program), [BTAOT_TABLE_ATTACHES] = sizeof(struct btaot_attach),
	[BTAOT_TABLE_MAPS] = sizeof(struct btaot_map), [BTAOT_TABLE_SYMBOLS] = sizeof(struct btaot_symbol),
	[BTAOT_TABLE_RELOCS] = sizeof(struct btaot_reloc), [BTAOT_TABLE_TYPES] = sizeof(struct btaot_type),
	[BTAOT_TABLE_FIELDS] = sizeof(struct btaot_field), [BTAOT_TABLE_ENUMERATORS] = sizeof(struct btaot_enumerator),
	[BTAOT_TABLE_ACTIONS] = sizeof(struct btaot_action), [BTAOT_TABLE_PIECES] = sizeof(struct btaot_piece),
	[BTAOT_TABLE_PARAMS] = sizeof(struct btaot_param), [BTAOT_TABLE_CONFIGS] = sizeof(struct btaot_config),
};

static uint32_t load32(const char *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static bool rule_holds(const struct payload *p, const struct rule *r, const char *record)
{
	const struct btaot_table *dir = p->header->tables;
	uint32_t v = load32(record + (r->offset & ~3u)), n;
	uint16_t half;

	switch (r->kind) {
	case STR:
		return v < p->string_count;
	case REF:
		return v < dir[r->arg].count;
	case REF_OR_NONE:
		return v == BTAOT_NONE || v < dir[r->arg].count;
	case ENUM8:
		return (uint8_t)record[r->offset] < r->arg;
	case ENUM16:
		memcpy(&half, record + r->offset, sizeof(half));
		return half < r->arg;
	default:
		n = load32(record + r->arg);
		return n <= dir[r->target].count && v <= dir[r->target].count - n;
	}
}

static bool rules_hold(const struct payload *p)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct btaot_table *t = &p->header->tables[rules[i].table];
		const char *record = (const char *)p->header + t->offset;

		for (uint32_t n = 0; n < t->count; n++, record += record_sizes[rules[i].table])
			if (!rule_holds(p, &rules[i], record))
				return false;
	}
	return true;
}

/* ---- types ---- */

/* Smallest size of a value of a kind; 255: no such kind. */
static uint8_t type_min_size(uint8_t kind)
{
	static const uint8_t sizes[BTAOT_TYPE_KIND_LIMIT] = {
		[BTAOT_TYPE_KIND_BOOL] = 1, [BTAOT_TYPE_KIND_INT] = 1, [BTAOT_TYPE_KIND_POINTER] = 8,
		[BTAOT_TYPE_KIND_VSTRING] = 4, [BTAOT_TYPE_KIND_BUFFER] = 4, [BTAOT_TYPE_KIND_VBUFFER] = 4,
		[BTAOT_TYPE_KIND_ENUM] = 1, [BTAOT_TYPE_KIND_KSYM] = 8, [BTAOT_TYPE_KIND_USYM] = 16,
		[BTAOT_TYPE_KIND_KSTACK] = 16, [BTAOT_TYPE_KIND_USTACK] = 16, [BTAOT_TYPE_KIND_TIMESTAMP] = 16,
		[BTAOT_TYPE_KIND_INET] = 20, [BTAOT_TYPE_KIND_MAC] = 8, [BTAOT_TYPE_KIND_USERNAME] = 4,
		[BTAOT_TYPE_KIND_CGROUP_PATH] = 16, [BTAOT_TYPE_KIND_PROBE_NAME] = 4, [BTAOT_TYPE_KIND_COUNT] = 8,
		[BTAOT_TYPE_KIND_SUM] = 8, [BTAOT_TYPE_KIND_MIN] = 16, [BTAOT_TYPE_KIND_MAX] = 16,
		[BTAOT_TYPE_KIND_AVG] = 16, [BTAOT_TYPE_KIND_STATS] = 16, [BTAOT_TYPE_KIND_HIST] = 8,
		[BTAOT_TYPE_KIND_LHIST] = 8, [BTAOT_TYPE_KIND_TSERIES] = 8,
	};

	return kind > BTAOT_TYPE_KIND_PROBE_NAME && kind < BTAOT_TYPE_KIND_COUNT ? 255 : sizes[kind];
}

static bool is_power_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool fields_fit(const struct payload *p, const struct btaot_type *t)
{
	if (t->first > p->field_count || t->count > p->field_count - t->first)
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct btaot_field *f = &p->fields[t->first + i];
		uint32_t size = p->types[f->type].size;

		if (f->bit_size && (f->bit_off > 7 || f->bit_size > 64 || size > 8))
			return false;
		if (f->bit_size)
			size = (f->bit_off + f->bit_size + 7u) / 8;
		if (size > t->size || f->offset > t->size - size)
			return false;
	}
	return true;
}

static bool lhist_fits(const struct btaot_type *t)
{
	uint64_t span, buckets;

	if (t->p2 <= 0 || t->p0 < 0 || t->p1 < t->p0)
		return false;
	span = (uint64_t)t->p1 - (uint64_t)t->p0;
	if (span < (uint64_t)t->p2)
		return false;
	buckets = span / (uint64_t)t->p2 + (span % (uint64_t)t->p2 != 0) + 2;
	return buckets <= t->size / 8;
}

/* Whether p0, p1 and p2 are numbers of symbols where parameters of the script give them. */
static bool given_fit(const struct payload *p, const struct btaot_type *t)
{
	for (int i = 0; i < 3; i++) {
		uint64_t symbol = (uint64_t)(&t->p0)[i];

		if (t->flags & BTAOT_TYPE_FLAG_P0_GIVEN << i &&
		    (symbol >= p->symbol_count || p->symbols[symbol].kind != BTAOT_SYMBOL_KIND_PARAM_INT))
			return false;
	}
	return true;
}

bool payload_type_fits(const struct payload *p, const struct btaot_type *t)
{
	uint8_t min = type_min_size(t->kind);

	if (min == 255 || t->size < min || t->size > VALUE_MAX)
		return false;
	if (t->flags >= BTAOT_TYPE_FLAG_P0_GIVEN)
		return given_fit(p, t);
	switch (t->kind) {
	case BTAOT_TYPE_KIND_BOOL:
		return t->size == 1;
	case BTAOT_TYPE_KIND_ENUM:
		return is_power_size(t->size) && t->first <= p->enumerator_count &&
		       t->count <= p->enumerator_count - t->first;
	case BTAOT_TYPE_KIND_INT:
		return is_power_size(t->size);
	case BTAOT_TYPE_KIND_ARRAY:
		return t->elem < p->type_count && t->p0 >= 0 &&
		       (!p->types[t->elem].size || (uint64_t)t->p0 <= t->size / p->types[t->elem].size) &&
		       t->p0 <= (int64_t)VALUE_MAX;
	case BTAOT_TYPE_KIND_STRUCT:
	case BTAOT_TYPE_KIND_TUPLE:
	case BTAOT_TYPE_KIND_RECORD:
		return fields_fit(p, t);
	case BTAOT_TYPE_KIND_KSTACK:
	case BTAOT_TYPE_KIND_USTACK:
		return t->p0 >= 0 && t->p0 < BTAOT_STACK_MODE_LIMIT;
	case BTAOT_TYPE_KIND_HIST:
		return t->p0 >= 0 && t->p0 <= 5 && t->p1 >= 0 && (uint64_t)t->p1 <= t->size / 8;
	case BTAOT_TYPE_KIND_LHIST:
		return lhist_fits(t);
	case BTAOT_TYPE_KIND_TSERIES:
		return t->p0 > 0 && t->p1 > 0 && (uint64_t)t->p1 <= t->size / 8;
	default:
		return true;
	}
}

/* Height of a type's tree, 0 if it contains itself or is too deep; `heights`: 0 not known, 255 being computed. */
static uint8_t type_height(const struct payload *p, uint32_t type, uint8_t *heights, int depth)
{
	const struct btaot_type *t = &p->types[type];
	uint8_t most = 0, h;

	if (heights[type] == 255 || depth > TYPE_DEPTH_MAX)
		return 0;
	if (heights[type])
		return heights[type];
	heights[type] = 255;
	if (t->kind == BTAOT_TYPE_KIND_ARRAY || t->kind == BTAOT_TYPE_KIND_TSERIES) {
		if (t->elem != BTAOT_NONE && !(most = type_height(p, t->elem, heights, depth + 1)))
			return 0;
	} else if (t->kind == BTAOT_TYPE_KIND_STRUCT || t->kind == BTAOT_TYPE_KIND_TUPLE ||
		   t->kind == BTAOT_TYPE_KIND_RECORD) {
		for (uint32_t i = 0; i < t->count; i++) {
			if (!(h = type_height(p, p->fields[t->first + i].type, heights, depth + 1)))
				return 0;
			most = h > most ? h : most;
		}
	}
	if (most >= TYPE_DEPTH_MAX)
		return 0;
	return heights[type] = most + 1;
}

static bool types_hold(const struct payload *p)
{
	uint8_t heights[TYPES_MAX];

	if (p->type_count > TYPES_MAX)
		return false;
	for (uint32_t i = 0; i < p->type_count; i++)
		if (!payload_type_fits(p, &p->types[i]))
			return false;
	memset(heights, 0, p->type_count);
	for (uint32_t i = 0; i < p->type_count; i++)
		if (!type_height(p, i, heights, 0))
			return false;
	return true;
}

/* ---- maps, parameters ---- */

static bool map_fits(const struct payload *p, const struct btaot_map *m)
{
	uint32_t key = m->key_type == BTAOT_NONE ? 0 : p->types[m->key_type].size;
	uint32_t value = m->value_type == BTAOT_NONE ? 0 : p->types[m->value_type].size;

	if (m->key_size > VALUE_MAX || m->value_size > VALUE_MAX || key > m->key_size || value > m->value_size)
		return false;
	if (m->flags & BTAOT_MAP_FLAG_PRESENCE &&
	    (!(m->flags & BTAOT_MAP_FLAG_SCALAR) || (uint64_t)((value + 7) & ~7u) + 8 > m->value_size))
		return false;
	if (m->init && (uint64_t)m->init + m->value_size > p->string_count)
		return false;
	if (m->loss_off && (m->loss_off % 8 || (uint64_t)m->loss_off + 8 > p->header->globals_size))
		return false;
	switch (m->role) {
	case BTAOT_MAP_ROLE_USER:
		return m->key_size && m->value_size && m->value_type != BTAOT_NONE &&
		       (m->flags & BTAOT_MAP_FLAG_SCALAR || m->key_type != BTAOT_NONE);
	case BTAOT_MAP_ROLE_RINGBUF:
		return m->bpf_type == MAP_TYPE_RINGBUF;
	case BTAOT_MAP_ROLE_GLOBALS:
		return m->bpf_type == BPF_MAP_TYPE_ARRAY && m->key_size == 4 && m->value_size == p->header->globals_size &&
		       m->value_size >= sizeof(struct globals) && m->max_entries == 1;
	case BTAOT_MAP_ROLE_PARAMS:
		return m->bpf_type == BPF_MAP_TYPE_ARRAY && m->key_size == 4 && m->max_entries == 1 &&
		       (uint64_t)p->header->param_count * p->header->params_slot <= m->value_size;
	default:
		return true;
	}
}

static const struct btaot_map *params_map(const struct payload *p)
{
	for (uint32_t i = 0; i < p->map_count; i++)
		if (p->maps[i].role == BTAOT_MAP_ROLE_PARAMS)
			return &p->maps[i];
	return NULL;
}

static bool maps_hold(const struct payload *p)
{
	const struct btaot_map *params = params_map(p);

	for (uint32_t i = 0; i < p->map_count; i++)
		if (!map_fits(p, &p->maps[i]))
			return false;
	for (uint32_t i = 0; i < p->param_count; i++)
		if (p->params[i].type == BTAOT_PARAM_TYPE_STRING && (!params || p->params[i].offset >= params->value_size))
			return false;
	return p->header->param_count <= 1024;
}

/* ---- symbols, relocations, programs ---- */

static bool symbol_fits(const struct payload *p, const struct btaot_symbol *s)
{
	bool a = s->a < p->string_count, b = s->b < p->string_count;

	switch (s->kind) {
	case BTAOT_SYMBOL_KIND_MAP_FD:
		return s->a < p->map_count;
	case BTAOT_SYMBOL_KIND_MAP_VALUE:
		return s->a < p->map_count && p->maps[s->a].max_entries == 1 && s->imm >= 0 &&
		       (uint64_t)s->imm < p->maps[s->a].value_size;
	case BTAOT_SYMBOL_KIND_PARAM_INT:
	case BTAOT_SYMBOL_KIND_PARAM_STRLEN:
		return s->imm >= 1 && s->imm <= p->header->param_count;
	case BTAOT_SYMBOL_KIND_PARAM_COUNT:
	case BTAOT_SYMBOL_KIND_PROBE_ID:
		return true;
	case BTAOT_SYMBOL_KIND_USDT_ARG:
		return s->imm >= 0 && s->imm < 12;
	case BTAOT_SYMBOL_KIND_OPTION_INT:
	case BTAOT_SYMBOL_KIND_OPTION_STRLEN:
		return s->a < p->param_count;
	case BTAOT_SYMBOL_KIND_FEATURE:
		return a && s->imm >= 0 && s->imm < BTAOT_FEATURE_LIMIT;
	case BTAOT_SYMBOL_KIND_SESSION:
		return s->imm >= 0 && s->imm < BTAOT_SESSION_FACT_LIMIT;
	default:
		return a && b;
	}
}

static bool reloc_fits(const struct payload *p, const struct btaot_program *prog, const struct btaot_reloc *r)
{
	const struct bpf_insn *insn = &p->text[prog->insn_off];
	bool load, wide;
	uint16_t kind;

	if (r->insn >= prog->insn_count)
		return false;
	insn += r->insn;
	load = insn->code == (BPF_JMP | BPF_CALL);
	wide = insn->code == (BPF_LD | BPF_DW | BPF_IMM) && r->insn + 1 < prog->insn_count;
	if (r->form == BTAOT_RELOC_FORM_CALLBACK)
		return wide && r->symbol < prog->insn_count;
	if (r->symbol >= p->symbol_count)
		return false;
	kind = p->symbols[r->symbol].kind;
	if (r->form == BTAOT_RELOC_FORM_LDX)
		return load && (kind == BTAOT_SYMBOL_KIND_CTX_LOAD || kind == BTAOT_SYMBOL_KIND_REG ||
				kind == BTAOT_SYMBOL_KIND_USDT_ARG);
	if (r->form == BTAOT_RELOC_FORM_KFUNC_CALL)
		return load && kind == BTAOT_SYMBOL_KIND_KFUNC;
	if (r->form >= BTAOT_RELOC_FORM_IMM32)
		return !wide && !load;
	return wide && kind != BTAOT_SYMBOL_KIND_CTX_LOAD && kind != BTAOT_SYMBOL_KIND_REG;
}

static bool program_fits(const struct payload *p, const struct btaot_program *prog)
{
	if (!prog->insn_count || prog->insn_count > p->insn_count || prog->insn_off > p->insn_count - prog->insn_count)
		return false;
	for (uint32_t i = 0; i < prog->reloc_count; i++)
		if (!reloc_fits(p, prog, &p->relocs[prog->reloc_first + i]))
			return false;
	return true;
}

/* A part that rows of a map run: the map of the role ROW holds one. */
static bool part_fits(const struct payload *p, const struct btaot_attach *a)
{
	const struct btaot_map *m;

	if (!(a->flags & BTAOT_ATTACH_FLAG_PART) || !a->value)
		return true;
	if (a->value > p->map_count)
		return false;
	m = &p->maps[a->value - 1];
	if (m->role != BTAOT_MAP_ROLE_USER)
		return false;
	for (uint32_t i = 0; i < p->map_count; i++)
		if (p->maps[i].role == BTAOT_MAP_ROLE_ROW)
			return ((m->key_size + 7) & ~7u) + m->value_size <= p->maps[i].value_size;
	return false;
}

static bool programs_hold(const struct payload *p)
{
	for (uint32_t i = 0; i < p->symbol_count; i++)
		if (!symbol_fits(p, &p->symbols[i]))
			return false;
	for (uint32_t i = 0; i < p->program_count; i++)
		if (!program_fits(p, &p->programs[i]))
			return false;
	for (uint32_t i = 0; i < p->attach_count; i++)
		if (p->programs[p->attaches[i].program].kind != p->attaches[i].kind || !part_fits(p, &p->attaches[i]) ||
		    ((p->attaches[i].flags & BTAOT_ATTACH_FLAG_VALUE_SYMBOL) &&
		     (p->attaches[i].value >= p->symbol_count ||
		      p->symbols[p->attaches[i].value].kind != BTAOT_SYMBOL_KIND_PARAM_INT)))
			return false;
	return true;
}

/* ---- actions ---- */

static bool action_fits(const struct payload *p, const struct btaot_action *a)
{
	uint32_t fields = 0;

	if (a->args != BTAOT_NONE) {
		if (p->types[a->args].kind != BTAOT_TYPE_KIND_TUPLE)
			return false;
		fields = p->types[a->args].count;
	}
	for (uint32_t i = 0; i < a->piece_count; i++) {
		const struct btaot_piece *piece = &p->pieces[a->piece_first + i];

		if (piece->text_len >= p->string_count - piece->text || (piece->arg != 0xffff && piece->arg >= fields))
			return false;
	}
	switch (a->kind) {
	case BTAOT_ACTION_KIND_PRINT:
	case BTAOT_ACTION_KIND_EXIT:
		return fields >= 1;
	case BTAOT_ACTION_KIND_HELPER_ERROR:
		return a->args == BTAOT_NONE || fields >= 1;
	case BTAOT_ACTION_KIND_PRINT_MAP:
	case BTAOT_ACTION_KIND_PRINT_MAP_ELEM:
		return a->map < p->map_count && fields >= 2;
	case BTAOT_ACTION_KIND_CLEAR:
	case BTAOT_ACTION_KIND_ZERO:
	case BTAOT_ACTION_KIND_MAP_FULL:
		return a->map < p->map_count;
	default:
		return true;
	}
}

static bool actions_hold(const struct payload *p)
{
	for (uint32_t i = 0; i < p->action_count; i++)
		if (!action_fits(p, &p->actions[i]))
			return false;
	return true;
}

bool payload_check(const struct payload *p)
{
	const struct btaot_header *h = p->header;

	return p->string_count && !p->strings[0] && !p->strings[p->string_count - 1] && h->script < p->string_count &&
	       h->compiler < p->string_count && h->license < p->string_count && rules_hold(p) && types_hold(p) && maps_hold(p) &&
	       programs_hold(p) && actions_hold(p);
}
