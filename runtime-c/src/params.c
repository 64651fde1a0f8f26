/* params.c - values of the script's parameters: as constants in the programs, and as strings in the parameters map.
 *
 * A positional parameter is a number only where the script uses it as one; whether its text is a number is therefore
 * asked when the first program that needs it is made. */
#include "params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "number.h"
#include "parts.h"
#include "payload_check.h"
#include "symbols.h"
#include "sys_bpf.h"
#include "textbuf.h"
#include "util.h"

uint32_t param_find(const struct payload *p, const char *name, size_t length)
{
	for (uint32_t i = 0; i < p->param_count; i++) {
		const char *known = payload_str(p, p->params[i].name);

		if (strlen(known) == length && !memcmp(known, name, length))
			return i;
	}
	return BTAOT_NONE;
}

static int param_wrong(const struct env *env, uint32_t param, const char *what)
{
	err("program command line option --%s %s (value: %s)", payload_str(&env->payload, env->payload.params[param].name),
	    what, env->opt.named[param]);
	return -EINVAL;
}

int params_check(struct env *env)
{
	for (uint32_t i = 0; i < env->payload.param_count; i++) {
		const char *text = env->opt.named[i];
		uint64_t number;
		bool truth;
		int ret;

		if (!text)
			continue;
		switch (env->payload.params[i].type) {
		case BTAOT_PARAM_TYPE_BOOL:
			if (bool_parse(text, &truth))
				return param_wrong(env, i, "expects a boolean (e.g. 'true')");
			break;
		case BTAOT_PARAM_TYPE_INT:
			ret = number_parse(text, true, &number);
			if (ret == -ERANGE)
				return param_wrong(env, i, "value is out of range");
			if (ret)
				return param_wrong(env, i, "invalid integer");
			break;
		}
	}
	return 0;
}

static const char *positional(const struct env *env, int64_t position)
{
	return (uint64_t)position <= env->opt.positional_count ? env->opt.positional[position - 1] : "";
}

static int positional_number(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	const char *text = positional(env, s->imm);
	int ret = 0;

	*value = 0;
	if (*text)
		ret = number_parse(text, true, value);
	if (s->b) {
		*value = s->b == BTAOT_PARAM_FORM_IS_NUMBER ? !ret : ret ? 0 : *value;
		return 0;
	}
	if (ret)
		err("%s: $%d is used as a number, but it is '%s'%s; str($%d) is its text", symbol_place(env, s), (int)s->imm, text,
		    ret == -ERANGE ? " (too large)" : "", (int)s->imm);
	return ret;
}

/* Append the string at `ref` to the pool that it is in, $N replaced, up to $`given` only; returns where the new one
 * begins. */
static uint32_t text_expand(const struct env *env, struct textbuf *pool, uint32_t ref, uint32_t given)
{
	uint32_t start = (uint32_t)pool->len;
	char c;

	do {
		char *end;
		unsigned long n = pool->data[ref] == '$' ? strtoul(pool->data + ref + 1, &end, 10) : 0;

		c = pool->data[ref++];
		if (n && n <= given) {
			ref = (uint32_t)(end - pool->data);
			text_str(pool, positional(env, (int64_t)n));
		} else {
			text_char(pool, c);
		}
	} while (c);
	return start;
}

/* Names of symbols and paths of cgroups that are parameters. */
static void params_into_symbols(const struct env *env, struct textbuf *pool)
{
	const struct payload *p = &env->payload;

	for (struct btaot_symbol *s = (struct btaot_symbol *)p->symbols; s < p->symbols + p->symbol_count; s++) {
		uint32_t *name = s->kind == BTAOT_SYMBOL_KIND_UADDR ? &s->b : &s->a;

		if ((s->kind == BTAOT_SYMBOL_KIND_KADDR || s->kind == BTAOT_SYMBOL_KIND_UADDR ||
		     s->kind == BTAOT_SYMBOL_KIND_CGROUP_ID) && pool->data[*name] == '$')
			*name = text_expand(env, pool, *name, UINT32_MAX);
	}
}

/* Take apart what the parameters make of `$1 { }`: its parts are the parameters of the row whose probe type it names.
 * False: this row is for another type. */
static bool row_is_chosen(struct env *env, struct textbuf *pool, const struct btaot_attach *row)
{
	char *text = arena_strdup(pool->data + text_expand(env, pool, row->pin, UINT32_MAX)), *rule = strrchr(text, '\t');
	char **parts = arena_alloc(5 * sizeof(char *));
	uint32_t count = 0;

	if (!rule)
		return false;
	*rule++ = '\0';
	while (text && count < 5) {
		parts[count++] = text;
		text = strchr(text, ':');
		if (text)
			*text++ = '\0';
	}
	env->opt.positional = parts + 1;
	env->opt.positional_count = count - 1;
	return !text && (uint32_t)(*rule - '0') == count - 1 && strstr(rule, arena_printf(" %s ", parts[0]));
}

/* Replace the symbol that gives a value by its value.  False: it is no number. */
static bool row_value(struct env *env, struct btaot_attach *row)
{
	if (!(row->flags & BTAOT_ATTACH_FLAG_VALUE_SYMBOL))
		return true;
	row->flags &= (uint16_t)~BTAOT_ATTACH_FLAG_VALUE_SYMBOL;
	return !positional_number(env, &env->payload.symbols[row->value], &row->value);
}

void params_into_texts(struct env *env)
{
	struct options given = env->opt;
	struct payload *p = &env->payload;
	struct btaot_attach *rows = arena_alloc(p->attach_count * sizeof(*rows));
	struct textbuf pool = { 0 };

	text_bytes(&pool, p->strings, p->string_count);
	memcpy(rows, p->attaches, p->attach_count * sizeof(*rows));
	for (struct btaot_attach *row = rows; row < rows + p->attach_count; row++) {
		if (!(row->flags & BTAOT_ATTACH_FLAG_PARAMS))
			continue;
		env->opt = given;
		if (HAS(GIVEN) && row->flags & BTAOT_ATTACH_FLAG_CHOICE) {
			if (!row_is_chosen(env, &pool, row) || !row_value(env, row))
				continue;
			row->flags &= (uint16_t)~BTAOT_ATTACH_FLAG_CHOICE;
		}
		row->text = text_expand(env, &pool, row->text, env->opt.positional_count);  /* messages name what is missing */
		row->target = text_expand(env, &pool, row->target, UINT32_MAX);
		row->name = text_expand(env, &pool, row->name, UINT32_MAX);
		row->ns = text_expand(env, &pool, row->ns, UINT32_MAX);
		row->pin = text_expand(env, &pool, row->pin, UINT32_MAX);
		if (strpbrk(pool.data + row->target, "*?[{") || strpbrk(pool.data + row->name, "*?[{"))
			row->flags |= BTAOT_ATTACH_FLAG_WILDCARD;
	}
	env->opt = given;
	params_into_symbols(env, &pool);
	p->attaches = rows;
	p->strings = pool.data;
	p->string_count = (uint32_t)pool.len;
}

int params_into_types(struct env *env)
{
	const struct payload *p = &env->payload;

	if (!HAS(GIVEN))
		return 0;
	for (struct btaot_type *t = (struct btaot_type *)p->types; t < p->types + p->type_count; t++) {
		const struct btaot_symbol *s = NULL;

		for (int i = 0; i < 3; i++)
			if (t->flags & BTAOT_TYPE_FLAG_P0_GIVEN << i) {
				s = &p->symbols[(&t->p0)[i]];
				if (positional_number(env, s, (uint64_t *)&t->p0 + i))
					return -EINVAL;
			}
		t->flags %= BTAOT_TYPE_FLAG_P0_GIVEN;
		if (s && !payload_type_fits(p, t)) {
			err("%s: %s", symbol_place(env, s), t->kind == BTAOT_TYPE_KIND_HIST ? "hist: bits must be 0..5" :
			    "lhist() needs 0 <= min, 1 <= step <= max - min, and at most 1000 buckets");
			return -ERANGE;
		}
	}
	return 0;
}

static const char *param_text(const struct env *env, uint32_t param)
{
	const char *given = env->opt.named ? env->opt.named[param] : NULL;

	return given ? given : payload_str(&env->payload, env->payload.params[param].default_text);
}

static uint64_t option_number(const struct env *env, uint32_t param)
{
	const char *given = env->opt.named ? env->opt.named[param] : NULL;
	uint64_t number = (uint64_t)env->payload.params[param].default_int;
	bool truth;

	if (given && env->payload.params[param].type == BTAOT_PARAM_TYPE_BOOL)
		number = !bool_parse(given, &truth) && truth;
	else if (given)
		number_parse(given, true, &number);
	return number;
}

/* Bytes that the map has for the string of a named parameter, NUL included: up to the next one. */
static uint32_t option_room(const struct env *env, uint32_t param)
{
	const struct payload *p = &env->payload;
	uint32_t start = p->params[param].offset, end = p->maps[map_by_role(env, BTAOT_MAP_ROLE_PARAMS)].value_size;

	for (uint32_t i = 0; i < p->param_count; i++)
		if (p->params[i].type == BTAOT_PARAM_TYPE_STRING && p->params[i].offset > start && p->params[i].offset < end)
			end = p->params[i].offset;
	return end - start;
}

static uint64_t length_within(const char *text, uint32_t room)
{
	size_t length = strlen(text);

	return room && length >= room ? room - 1 : length;
}

int symbol_param(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	switch (s->kind) {
	case BTAOT_SYMBOL_KIND_PARAM_INT:
		return positional_number(env, s, value);
	case BTAOT_SYMBOL_KIND_PARAM_COUNT:
		*value = env->opt.positional_count;
		return 0;
	case BTAOT_SYMBOL_KIND_PARAM_STRLEN:
		*value = length_within(positional(env, s->imm), env->payload.header->params_slot);
		return 0;
	case BTAOT_SYMBOL_KIND_OPTION_INT:
		*value = option_number(env, s->a);
		return 0;
	default:
		*value = env->payload.params[s->a].type == BTAOT_PARAM_TYPE_STRING ?
			 length_within(param_text(env, s->a), option_room(env, s->a)) : 0;
		return 0;
	}
}

int params_store(struct env *env)
{
	const struct payload *p = &env->payload;
	uint32_t map = map_by_role(env, BTAOT_MAP_ROLE_PARAMS), slot = p->header->params_slot, key = 0;
	char *value;

	if (map == BTAOT_NONE)
		return 0;
	value = arena_alloc(p->maps[map].value_size);
	for (uint32_t i = 0; i < p->header->param_count && i < env->opt.positional_count; i++)
		memcpy(value + (size_t)i * slot, env->opt.positional[i], length_within(env->opt.positional[i], slot));
	for (uint32_t i = 0; i < p->param_count; i++)
		if (p->params[i].type == BTAOT_PARAM_TYPE_STRING)
			memcpy(value + p->params[i].offset, param_text(env, i), length_within(param_text(env, i), option_room(env, i)));
	return bpf_map_update(env->map_fds[map], &key, value, 0);
}
