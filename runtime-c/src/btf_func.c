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

struct btf_param {
	uint32_t name, type;
};

static const struct btf_type_head *proto_of(struct btf *b, uint32_t func)
{
	const struct btf_type_head *t = btf_type_get(b, func);

	t = t && btf_kind(t) == KIND_FUNC ? btf_type_get(b, t->size) : NULL;
	return t && btf_kind(t) == KIND_FUNC_PROTO ? t : NULL;
}

/* u64 slots of the context that a parameter takes. */
static uint32_t slots_of(struct btf *b, uint32_t type)
{
	const struct btf_type_head *t = NULL;

	for (int depth = 0; depth < 32; depth++) {
		t = btf_type_get(b, type);
		if (!t || (btf_kind(t) != KIND_TYPEDEF && btf_kind(t) != KIND_CONST && btf_kind(t) != KIND_VOLATILE &&
			   btf_kind(t) != KIND_RESTRICT && btf_kind(t) != KIND_TYPE_TAG))
			break;
		type = t->size;
	}
	if (!t || (btf_kind(t) != KIND_STRUCT && btf_kind(t) != KIND_UNION))
		return 1;
	return (t->size + 7) / 8;
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
	return 0;
}
