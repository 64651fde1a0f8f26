/* btf_func.c - functions of the kernel and its modules, as fentry and fexit need them. */
#define _GNU_SOURCE
#include "btf_func.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_object.h"
#include "btf.h"
#include "btf_index.h"
#include "util.h"

#define PARAMS_MAX 12   /* more are refused by the kernel */

struct btf_param {
	uint32_t name, type;
};

static const struct btf_type_head *proto_of(struct btf *b, uint32_t func)
{
	const struct btf_type_head *t = btf_type_get(b, func);

	t = t && btf_kind(t) == KIND_FUNC ? btf_type_get(b, t->size) : NULL;
	return t && btf_kind(t) == KIND_FUNC_PROTO ? t : NULL;
}

/* Bytes of a struct or union, 0 for any other type. */
static uint32_t record_size(struct btf *b, uint32_t type, bool *is_union)
{
	const struct btf_type_head *t = NULL;

	for (int depth = 0; depth < 32; depth++) {
		t = btf_type_get(b, type);
		if (!t || (btf_kind(t) != KIND_TYPEDEF && btf_kind(t) != KIND_CONST && btf_kind(t) != KIND_VOLATILE &&
			   btf_kind(t) != KIND_RESTRICT && btf_kind(t) != KIND_TYPE_TAG))
			break;
		type = t->size;
	}
	*is_union = t && btf_kind(t) == KIND_UNION;
	return t && (*is_union || btf_kind(t) == KIND_STRUCT) ? t->size : 0;
}

/* u64 slots of the context that a parameter takes. */
static uint32_t slots_of(struct btf *b, uint32_t type)
{
	bool is_union;
	uint32_t size = record_size(b, type, &is_union);

	return size ? (size + 7) / 8 : 1;
}

/* As the kernel does: structs of up to 16 bytes are all that is not a number or a pointer, and none are returned. */
static bool is_refused(struct btf *b, const struct btf_type_head *proto)
{
	const struct btf_param *p = (const struct btf_param *)(proto + 1);
	bool is_union, refused = record_size(b, proto->size, &is_union) || is_union;

	for (uint32_t i = 0; i < btf_vlen(proto) && !refused; i++)
		refused = !p[i].type || record_size(b, p[i].type, &is_union) > 16 || is_union;
	return refused || btf_vlen(proto) > PARAMS_MAX;
}

int btf_func_slot(const struct btf_func *func, const char *param)
{
	const struct btf_type_head *proto = func->btf ? proto_of(func->btf, func->id) : NULL;
	const struct btf_param *p;
	uint32_t slot = 0, i, count;
	char buf[128], *end;
	long number = -1;

	if (!strncmp(param, "arg", 3) && param[3]) {
		number = strtol(param + 3, &end, 10);
		if (*end)
			number = -1;
	}
	if (!proto)  /* a BPF program: by number only, each taken for one slot */
		return number >= 0 ? (int)number : !strcmp(param, "retval") ? (int)func->params : -ENOENT;
	p = (const struct btf_param *)(proto + 1);
	count = btf_vlen(proto);
	for (i = 0; i < count; slot += slots_of(func->btf, p[i++].type))
		if (number == (long)i || (number < 0 && !strcmp(btf_string(func->btf, p[i].name, buf, sizeof(buf)), param)))
			return (int)slot;
	return !strcmp(param, "retval") ? (int)slot : -ENOENT;
}

int btf_func_find(struct env *env, const char *module, const char *name, struct btf_func *out)
{
	const struct btf_type_head *proto;
	int id;

	memset(out, 0, sizeof(*out));
	id = btf_func_source(env, module, name, &out->btf);
	if (id < 0)
		return id;
	out->id = (uint32_t)id;
	out->module = out->btf->module;
	if (out->btf->base) {
		out->module_fd = btf_module_fd(out->module);
		if (out->module_fd < 0)
			return out->module_fd;
	}
	proto = proto_of(out->btf, out->id);
	out->params = proto ? btf_vlen(proto) : 0;
	out->refused = proto && is_refused(out->btf, proto);
	return 0;
}
