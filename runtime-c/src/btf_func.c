/* btf_func.c - functions of the kernel and its modules, as fentry, fexit and iter need them.
 *
 * The kernel's own functions come from the index of btf.c.  A module's BTF (5.11) is "split": its ids go on where the
 * kernel's end, and its strings, too, so that names may lie in either.  It is small and read as a whole.  Nothing in
 * either is trusted. */
#define _GNU_SOURCE
#include "btf_func.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf_object.h"
#include "btf.h"
#include "btf_index.h"
#include "host.h"
#include "util.h"

struct btf_param {
	uint32_t name, type;
};

/* The string at an offset of the kernel's BTF; `buf` may be used. */
static const char *kernel_string(struct btf *b, uint32_t offset, char *buf, size_t size)
{
	ssize_t n;

	if (offset >= b->strings_size)
		return "";
	if (b->map) {
		const char *s = (const char *)b->map + b->strings_at + offset;

		return memchr(s, 0, b->strings_size - offset) ? s : "";
	}
	n = pread(b->fd, buf, size - 1, (off_t)(b->strings_at + offset));
	buf[n > 0 ? n : 0] = 0;
	return buf;
}

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

int btf_func_slot(struct env *env, const struct btf_func *func, const char *param)
{
	const struct btf_type_head *proto = func->module_fd || !env->btf ? NULL : proto_of(env->btf, func->id);
	const struct btf_param *p;
	uint32_t slot = 0, i, count;
	char buf[128], *end;
	long number = -1;

	if (!strncmp(param, "arg", 3) && param[3]) {
		number = strtol(param + 3, &end, 10);
		if (*end)
			number = -1;
	}
	if (!proto)  /* a module's function: by number only, each taken for one slot */
		return number >= 0 ? (int)number : !strcmp(param, "retval") ? (int)func->params : -ENOENT;
	p = (const struct btf_param *)(proto + 1);
	count = btf_vlen(proto);
	for (i = 0; i < count; slot += slots_of(env->btf, p[i++].type))
		if (number == (long)i || (number < 0 && !strcmp(kernel_string(env->btf, p[i].name, buf, sizeof(buf)), param)))
			return (int)slot;
	return !strcmp(param, "retval") ? (int)slot : -ENOENT;
}

/* ---- modules ---- */

struct module_btf {
	struct btf *kernel;
	const uint8_t *types;
	const char *strings;
	uint32_t types_size, strings_size;
};

static bool module_parse(struct module_btf *m, const uint8_t *data, size_t size)
{
	uint32_t header, types, strings;
	uint16_t magic;

	if (size < 24)
		return false;
	memcpy(&magic, data, 2);
	if (magic != 0xeb9f)
		return false;
	memcpy(&header, data + 4, 4);
	memcpy(&types, data + 8, 4);
	memcpy(&m->types_size, data + 12, 4);
	memcpy(&strings, data + 16, 4);
	memcpy(&m->strings_size, data + 20, 4);
	if (header > size || types > size - header || m->types_size > size - header - types ||
	    strings > size - header || m->strings_size > size - header - strings || !m->strings_size)
		return false;
	m->types = data + header + types;
	m->strings = (const char *)data + header + strings;
	return !m->strings[m->strings_size - 1];
}

static const char *module_string(const struct module_btf *m, uint32_t offset, char *buf, size_t size)
{
	if (offset < m->kernel->strings_size)
		return kernel_string(m->kernel, offset, buf, size);
	offset -= m->kernel->strings_size;
	return offset < m->strings_size ? m->strings + offset : "";
}

/* Walk the types of a module: by name (a function), or by id.  Returns the id. */
static uint32_t module_walk(const struct module_btf *m, const char *func, uint32_t want, struct btf_type_head *out)
{
	uint32_t id = m->kernel->type_count, at = 0;
	char buf[128];
	int64_t tail;

	for (; at + sizeof(*out) <= m->types_size; id++) {
		memcpy(out, m->types + at, sizeof(*out));
		if (func ? btf_kind(out) == KIND_FUNC && !strcmp(module_string(m, out->name, buf, sizeof(buf)), func) : id == want)
			return id;
		tail = btf_tail_size(out);
		if (tail < 0)
			break;
		at += (uint32_t)(sizeof(*out) + (size_t)tail);
	}
	return 0;
}

static int module_find(struct env *env, const char *module, const char *name, struct btf_func *out)
{
	struct module_btf m = { .kernel = env->btf };
	struct btf_type_head head;
	const struct btf_type_head *proto = NULL;
	char path[128], *data;
	ssize_t size;
	int ret = -ESRCH;

	if (strchr(module, '/') || str_printf(path, sizeof(path), "/sys/kernel/btf/%s", module) >= (int)sizeof(path))
		return -ESRCH;
	size = host_read_file(AT_FDCWD, path, &data);
	if (size < 0)
		return (int)size;
	if (module_parse(&m, (const uint8_t *)data, (size_t)size)) {
		out->id = module_walk(&m, name, 0, &head);
		if (out->id) {
			if (head.size < m.kernel->type_count)
				proto = btf_type_get(m.kernel, head.size);
			else if (module_walk(&m, NULL, head.size, &head))
				proto = &head;
			out->params = proto ? btf_vlen(proto) : 0;
			out->module_fd = btf_module_fd(module);
			ret = out->module_fd < 0 ? out->module_fd : 0;
		}
	}
	free(data);
	return ret;
}

int btf_func_find(struct env *env, const char *module, const char *name, struct btf_func *out)
{
	const struct btf_type_head *proto;
	int id = btf_func_id(env, name);

	memset(out, 0, sizeof(*out));
	if (*module && strcmp(module, "vmlinux"))
		return id < 0 && id != -ESRCH ? id : module_find(env, module, name, out);
	if (id < 0)
		return id;
	out->id = (uint32_t)id;
	proto = proto_of(env->btf, out->id);
	out->params = proto ? btf_vlen(proto) : 0;
	return 0;
}
