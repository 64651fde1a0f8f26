/* symbols.c - one table of resolvers for all kinds of load-time symbols.
 *
 * A symbol is resolved when the first program that uses it is made, and its value kept for the run; the kinds that
 * depend on the probe (context layout, identity, features of the program type) are asked for again with each instance.
 * To add a kind: its line in enums.py, its row in `families` here, its case in the family's file. */
#include "symbols.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "attach.h"
#include "btf.h"
#include "feature.h"
#include "providers.h"
#include "sys_bpf.h"
#include "util.h"

typedef int (*resolver)(struct env *env, const struct btaot_symbol *s, uint64_t *value);

static int symbol_map(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	*value = (uint32_t)env->map_fds[s->a];
	if (s->kind == BTAOT_SYMBOL_KIND_MAP_VALUE)
		*value |= (uint64_t)s->imm << 32;
	return 0;
}

/* Kinds without a resolver are local: they need the scope. */
static const resolver families[BTAOT_SYMBOL_KIND_LIMIT] = {
	[BTAOT_SYMBOL_KIND_MAP_FD] = symbol_map,
	[BTAOT_SYMBOL_KIND_MAP_VALUE] = symbol_map,
	[BTAOT_SYMBOL_KIND_FIELD_OFFSET] = symbol_btf,
	[BTAOT_SYMBOL_KIND_FIELD_SIZE] = symbol_btf,
	[BTAOT_SYMBOL_KIND_FIELD_LSHIFT] = symbol_btf,
	[BTAOT_SYMBOL_KIND_FIELD_RSHIFT] = symbol_btf,
	[BTAOT_SYMBOL_KIND_FIELD_EXISTS] = symbol_btf,
	[BTAOT_SYMBOL_KIND_TYPE_SIZE] = symbol_btf,
	[BTAOT_SYMBOL_KIND_TYPE_EXISTS] = symbol_btf,
	[BTAOT_SYMBOL_KIND_ENUM_VALUE] = symbol_btf,
	[BTAOT_SYMBOL_KIND_ENUM_EXISTS] = symbol_btf,
	[BTAOT_SYMBOL_KIND_KFUNC] = symbol_btf,
	[BTAOT_SYMBOL_KIND_KADDR] = symbol_kaddr,
	[BTAOT_SYMBOL_KIND_PARAM_INT] = symbol_param,
	[BTAOT_SYMBOL_KIND_PARAM_COUNT] = symbol_param,
	[BTAOT_SYMBOL_KIND_PARAM_STRLEN] = symbol_param,
	[BTAOT_SYMBOL_KIND_OPTION_INT] = symbol_param,
	[BTAOT_SYMBOL_KIND_OPTION_STRLEN] = symbol_param,
	[BTAOT_SYMBOL_KIND_CGROUP_ID] = symbol_session,
	[BTAOT_SYMBOL_KIND_SESSION] = symbol_session,
};

const char *symbol_place(const struct env *env, const struct btaot_symbol *s)
{
	static char buf[256];

	str_printf(buf, sizeof(buf), "%s:%u:%u", payload_str(&env->payload, env->payload.header->script), s->line, s->column);
	return buf;
}

/* Numbers of enumerators that kernels number differently: wanted first, then replaced by the host's.  The payload is this
 * process's own copy. */
static void enumerators_number(struct env *env, bool known)
{
	for (uint32_t i = 0; i < env->payload.enumerator_count; i++) {
		struct btaot_enumerator *e = (struct btaot_enumerator *)&env->payload.enumerators[i];
		const char *name = payload_str(&env->payload, e->name);

		if (!e->host)
			continue;
		if (!known)
			btf_want(env, name);
		else if (btf_enum_value(env, name, &e->value) == -ENOENT)
			e->value = INT64_MIN;
	}
}

int symbols_prepare(struct env *env)
{
	const struct payload *p = &env->payload;
	bool tracing = false;

	env->symbol_values = arena_alloc(p->symbol_count * sizeof(*env->symbol_values));
	for (uint32_t i = 0; i < p->attach_count; i++) {
		const struct btaot_attach *a = &p->attaches[i];

		if (a->kind != BTAOT_PROBE_KIND_FENTRY && a->kind != BTAOT_PROBE_KIND_FEXIT)
			continue;
		btf_want(env, payload_str(p, a->name));
		tracing = true;
	}
	if (tracing)
		btf_want(env, "bpf_fentry_test1");  /* feature.c tests this program type with it */
	for (uint32_t i = 0; i < p->symbol_count; i++) {
		const struct btaot_symbol *s = &p->symbols[i];

		if (families[s->kind] != symbol_btf && s->kind != BTAOT_SYMBOL_KIND_KFUNC_ALLOWED)
			continue;
		btf_want(env, payload_str(p, s->a));
		if (s->kind == BTAOT_SYMBOL_KIND_ENUM_VALUE || s->kind == BTAOT_SYMBOL_KIND_ENUM_EXISTS)
			btf_want(env, payload_str(p, s->b));
		else if (s->kind <= BTAOT_SYMBOL_KIND_FIELD_EXISTS)
			btf_want_path(env, payload_str(p, s->b));
	}
	enumerators_number(env, false);
	enumerators_number(env, true);
	return 0;
}

bool symbol_is_local(const struct env *env, uint32_t symbol)
{
	return !families[env->payload.symbols[symbol].kind];
}

/* Cookies are set by links of perf events and of multi-probes and for raw tracepoints, not for programs run by hand. */
static bool cookies_work(struct env *env, const struct symbol_scope *scope)
{
	return scope->provider->attach && scope->provider->kind != BTAOT_PROBE_KIND_TYPED_TRACEPOINT &&
	       feature_has(env, BTAOT_FEATURE_ATTACH_COOKIE, scope->provider->prog_type, scope->expected_attach_type);
}

static int symbol_local(struct env *env, const struct btaot_symbol *s, const struct symbol_scope *scope, uint64_t *value)
{
	struct ctx_value ctx = { 0 };
	const char *name;
	int ret;

	switch (s->kind) {
	case BTAOT_SYMBOL_KIND_KFUNC_ALLOWED:
		ret = btf_func_id(env, payload_str(&env->payload, s->a));
		*value = ret > 0 && feature_has(env, FEATURE_KFUNC | (uint32_t)ret, scope->provider->prog_type,
						scope->expected_attach_type);
		return 0;
	case BTAOT_SYMBOL_KIND_FEATURE:
		*value = s->imm == BTAOT_FEATURE_ATTACH_COOKIE ? cookies_work(env, scope) :
			 feature_has(env, (uint32_t)s->imm, scope->provider->prog_type, scope->expected_attach_type);
		return !*value && s->a ? -ENOENT : 0;
	case BTAOT_SYMBOL_KIND_PROBE_ID:
		/* With cookies the constant is dead code; one value for all keeps the instances' programs equal. */
		*value = cookies_work(env, scope) ? 0 : instance_identity(env, scope->instance_index);
		return 0;
	case BTAOT_SYMBOL_KIND_PROBE_IS:
		name = payload_str(&env->payload, s->a);
		if (s->imm == 1) {
			*value = !!strstr(scope->instance->name, name);
			return 0;
		}
		if (s->imm) {
			size_t length = strlen(scope->instance->name), at = 8 * ((size_t)s->imm - 2);

			*value = 0;
			if (at < length)
				memcpy(value, scope->instance->name + at, length - at < 8 ? length - at : 8);
			return 0;
		}
		for (*value = 0; *value < env->instance_count && strcmp(env->instances[*value].name, name);)
			++*value;
		return 0;
	case BTAOT_SYMBOL_KIND_UADDR:
		return symbol_uaddr(env, s, scope->instance, value);
	case BTAOT_SYMBOL_KIND_CTX_LOAD:
	case BTAOT_SYMBOL_KIND_REG:
	case BTAOT_SYMBOL_KIND_CTX_LSHIFT:
	case BTAOT_SYMBOL_KIND_CTX_OFFSET:
	case BTAOT_SYMBOL_KIND_CTX_SIZE:
	case BTAOT_SYMBOL_KIND_CTX_FORM:
	case BTAOT_SYMBOL_KIND_USDT_ARG:
		ret = scope->provider->resolve(env, scope->instance, s, &ctx);
		*value = s->kind == BTAOT_SYMBOL_KIND_CTX_LOAD || s->kind == BTAOT_SYMBOL_KIND_REG ?
			 (uint64_t)ctx.size << 32 | (uint32_t)ctx.offset : ctx.constant;
		return ret;
	default:
		err("%s: this runtime cannot resolve load-time symbols of kind %u", symbol_place(env, s), s->kind);
		return -ENOTSUP;
	}
}

int symbol_get(struct env *env, uint32_t symbol, const struct symbol_scope *scope, uint64_t *value)
{
	const struct btaot_symbol *s = &env->payload.symbols[symbol];
	struct symbol_value *v = &env->symbol_values[symbol];

	if (!families[s->kind])
		return symbol_local(env, s, scope, value);
	if (!v->known) {
		v->error = families[s->kind](env, s, &v->value);
		v->known = true;
	}
	*value = v->value;
	return v->error;
}

void symbol_explain(struct env *env, uint32_t symbol, const struct symbol_scope *scope)
{
	const struct payload *p = &env->payload;
	const struct btaot_symbol *s = &p->symbols[symbol];
	const char *fmt, *place = symbol_place(env, s), *x = payload_str(p, s->a), *y, *z = NULL;
	struct utsname host;

	uname(&host);
	y = host.release;
	switch (s->kind) {
	case BTAOT_SYMBOL_KIND_FIELD_OFFSET:
	case BTAOT_SYMBOL_KIND_FIELD_SIZE:
	case BTAOT_SYMBOL_KIND_FIELD_LSHIFT:
	case BTAOT_SYMBOL_KIND_FIELD_RSHIFT:
	case BTAOT_SYMBOL_KIND_TYPE_SIZE:
		z = payload_str(p, s->b);
		fmt = "\t%s: there is no type '%s' in this kernel (%s)";
		if (env->symbol_values[symbol].value == SYMBOL_NO_BTF)
			fmt = "\t%s: the type '%s' is needed, but this kernel (%s) has no type information (BTF); give it with "
			      "--btf FILE";
		else if (*z && env->symbol_values[symbol].value != SYMBOL_NO_TYPE)
			fmt = "\t%s: the type '%s' of this kernel (%s) has no field '%s'";
		break;
	case BTAOT_SYMBOL_KIND_ENUM_VALUE:
		x = payload_str(p, s->b);
		fmt = "\t%s: there is no enumerator '%s' in this kernel (%s)";
		break;
	case BTAOT_SYMBOL_KIND_REG:
		y = host.machine;
		fmt = "\t%s: there is no register or argument '%s' on this architecture (%s)";
		break;
	case BTAOT_SYMBOL_KIND_USDT_ARG:
		x = arena_printf("arg%u", (unsigned int)s->imm);
		y = scope->instance->name;
		fmt = "\t%s: there is no argument %s of %s";
		break;
	case BTAOT_SYMBOL_KIND_UADDR:
		y = payload_str(p, s->b);
		fmt = "\t%s: Could not resolve symbol: %s:%s";
		break;
	case BTAOT_SYMBOL_KIND_FEATURE:
		z = y;
		y = feature_name((uint32_t)s->imm);
		fmt = "\t%s: %s needs %s, which this kernel (%s) has not or does not allow";
		break;
	case BTAOT_SYMBOL_KIND_KADDR:
	case BTAOT_SYMBOL_KIND_KFUNC:
		y = payload_str(p, s->b);
		place = arena_printf("%.*s", (int)strcspn(y, "\n"), y);
		y += strlen(place);
		fmt = "\t%s: \tFailed to resolve kernel symbol: %s%s";
		break;
	default:
		z = scope->instance->name;
		fmt = "\t%s: there is no field '%s' on this kernel (%s) in %s";
	}
	attach_explain(env, -ENOENT, fmt, place, x, y, z);
}
