/* symbol_btf.c - values from the kernel's types: field places, sizes, existence, enumerators, kfunc ids.
 *
 * A kernel without BTF has none of them: existence is 0 then, and everything else is missing. */
#include <errno.h>
#include <string.h>

#include "btf.h"
#include "symbols.h"
#include "util.h"

/* A lookup's error as resolvers give it; what is missing is kept in `value`. */
static int missing(struct env *env, const struct btaot_symbol *s, int ret, uint64_t *value)
{
	switch (ret) {
	case -ENOENT:
		*value = 0;
		return -ENOENT;
	case -ESRCH:
		*value = SYMBOL_NO_TYPE;
		return -ENOENT;
	case -ENODATA:
		*value = SYMBOL_NO_BTF;
		return -ENOENT;
	case -ENOTUNIQ:
		err("%s: this kernel has several types '%s' that differ in '%s'", symbol_place(env, s),
		    payload_str(&env->payload, s->a), payload_str(&env->payload, s->b));
		return ret;
	default:
		err("%s: cannot read the kernel's types (%s): %s", symbol_place(env, s),
		    env->opt.btf_path ? env->opt.btf_path : "/sys/kernel/btf/vmlinux",
		    ret == -EBADMSG ? "damaged or no BTF of this byte order" :
		    ret == -ENOTSUP ? "BTF of a kind that this version does not know" : strerror(-ret));
		return ret;
	}
}

static int exists(struct env *env, const struct btaot_symbol *s, int ret, uint64_t *value)
{
	if (ret && ret != -ENOENT && ret != -ESRCH && ret != -ENODATA && ret != -ENOTUNIQ)
		return missing(env, s, ret, value);
	*value = !ret || ret == -ENOTUNIQ;
	return 0;
}

static int field_value(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	struct btf_field_place place = { 0 };
	int ret = btf_find_field(env, payload_str(&env->payload, s->a), payload_str(&env->payload, s->b), &place);

	if (s->kind == BTAOT_SYMBOL_KIND_FIELD_EXISTS)
		return exists(env, s, ret, value);
	if (ret)
		return missing(env, s, ret, value);
	switch (s->kind) {
	case BTAOT_SYMBOL_KIND_FIELD_OFFSET:
		*value = place.offset;
		return 0;
	case BTAOT_SYMBOL_KIND_FIELD_SIZE:
		*value = place.size;
		return 0;
	case BTAOT_SYMBOL_KIND_FIELD_LSHIFT:
		*value = place.lshift;
		return 0;
	default:
		*value = place.rshift;
		return 0;
	}
}

int symbol_btf(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	const char *type = payload_str(&env->payload, s->a);
	uint32_t size = 0;
	int64_t number;
	int ret;

	switch (s->kind) {
	case BTAOT_SYMBOL_KIND_TYPE_SIZE:
		ret = btf_type_size(env, type, &size);
		*value = size;
		return ret ? missing(env, s, ret, value) : 0;
	case BTAOT_SYMBOL_KIND_TYPE_EXISTS:
		return exists(env, s, btf_type_size(env, type, &size), value);
	case BTAOT_SYMBOL_KIND_ENUM_EXISTS:
		return exists(env, s, btf_enum_value(env, payload_str(&env->payload, s->b), &number), value);
	case BTAOT_SYMBOL_KIND_ENUM_VALUE:
		number = s->imm;
		ret = btf_enum_value(env, payload_str(&env->payload, s->b), &number);
		if (ret == -ENODATA || !*type)  /* CO-RE cannot name enums that have no name */
			ret = 0;
		*value = ret ? 0 : (uint64_t)number;
		return ret ? missing(env, s, ret, value) : 0;
	case BTAOT_SYMBOL_KIND_KFUNC:
		ret = btf_func_id(env, type);
		if (s->imm)
			return exists(env, s, ret < 0 ? ret : 0, value);
		*value = ret < 0 ? 0 : (uint64_t)ret;
		return ret < 0 ? missing(env, s, ret, value) : 0;
	default:
		return field_value(env, s, value);
	}
}
