/* btf.c - fields, sizes and ids of kernel types by name (CO-RE).
 *
 * The rules are libbpf's: a type matches by its name without flavour (`name___x`), fields by name through anonymous
 * members, bitfields are read as the smallest aligned unit that holds them.  Where the kernel has several types of one
 * name, those without the field are passed over, and those that have it must agree about it.  What the kernel itself does
 * not have is looked for in its modules. */
#include "btf.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "btf_index.h"
#include "util.h"

#define BTF_FOLDER "/sys/kernel/btf"
#define BTF_VMLINUX BTF_FOLDER "/vmlinux"
#define DEPTH_MAX 32

struct place {
	uint32_t type;          /* id */
	uint64_t bits;          /* from the start of the outermost struct */
	uint32_t bitfield;      /* bits, 0: none */
};

static struct btf *btf_get(struct env *env)
{
	if (!env->btf) {
		env->btf = arena_alloc(sizeof(*env->btf));
		env->btf->module = "vmlinux";
		env->btf->error = btf_index_open(env->btf, env->opt.btf_path ? env->opt.btf_path : BTF_VMLINUX);
		if (env->btf->error == -ENOENT && !env->opt.btf_path)
			env->btf->error = -ENODATA;
	}
	return env->btf;
}

/* Length of a name without its flavour. */
static size_t essential_length(const char *name)
{
	const char *flavour = strstr(name, "___");

	return flavour && flavour != name ? (size_t)(flavour - name) : strlen(name);
}

/* Take "struct ", "union " or "enum " off a type's name; *kinds becomes the mask of what may match. */
static const char *type_words(const char *type, uint32_t *kinds)
{
	static const struct { const char *word; uint32_t kinds; } words[] = {
		{ "struct ", 1u << KIND_STRUCT },
		{ "union ", 1u << KIND_UNION },
		{ "enum ", 1u << KIND_ENUM | 1u << KIND_ENUM64 },
	};

	*kinds = 1u << KIND_STRUCT | 1u << KIND_UNION | 1u << KIND_ENUM | 1u << KIND_ENUM64 | 1u << KIND_TYPEDEF |
		 1u << KIND_INT | 1u << KIND_FLOAT;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i].word);

		if (!strncmp(type, words[i].word, n)) {
			*kinds = words[i].kinds;
			return type + n;
		}
	}
	return type;
}

void btf_want(struct env *env, const char *name)
{
	struct btf *b = btf_get(env);
	uint32_t kinds;

	name = type_words(name, &kinds);
	if (b->error || !*name)
		return;
	btf_name_index(b, name, essential_length(name));
}

/* Length of the field name at the start of a path. */
static size_t component_length(const char *path)
{
	return strcspn(path, ".[");
}

void btf_want_path(struct env *env, const char *path)
{
	struct btf *b = btf_get(env);

	while (!b->error && *path) {
		size_t n = component_length(path);

		if (n)
			btf_name_index(b, path, n);
		path += n;
		while (*path == '[')
			path += strcspn(path, "]") + (strchr(path, ']') != NULL);
		path += *path == '.';
	}
}

static int name_lookup(struct env *env, const char *text, size_t length, uint32_t *index)
{
	struct btf *b = btf_get(env);

	if (b->error)
		return b->error;
	*index = btf_name_index(b, text, length);
	b->error = btf_index_update(b);
	return b->error;
}

/* ---- modules ---- */

/* Read a module's BTF, in `m` if it was not read before; whether `m` is used up. */
static bool module_read(struct btf *base, const char *name, struct btf *m)
{
	struct btf *known = base->next;

	while (known && strcmp(known->module, name))
		known = known->next;
	m->error = 0;
	if (!known) {
		*m = (struct btf){ .base = base, .names = m->names, .name_room = m->name_room };
		m->error = btf_index_open(m, arena_printf(BTF_FOLDER "/%s", name));
	}
	btf_index_follow(known ? known : m);
	if (m->error || btf_index_update(known ? known : m) || known || !m->match_count) {
		if (!known)
			btf_index_close(m);
		return false;
	}
	m->module = arena_strdup(name);
	m->next = base->next;
	base->next = m;
	return true;
}

/* The modules that have wanted names.  All are read if one is asked for, so that this happens once. */
static struct btf *modules_get(struct env *env)
{
	struct btf *base = env->btf, *m = NULL;
	struct dirent *entry;
	DIR *folder;

	if (base->modules_for == base->name_count || env->opt.btf_path)
		return base->next;
	base->modules_for = base->name_count;
	folder = opendir(BTF_FOLDER);
	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, base->module))
			continue;
		if (!m)
			m = arena_alloc(sizeof(*m));
		if (module_read(base, entry->d_name, m))
			m = NULL;
	}
	if (folder)
		closedir(folder);
	return base->next;
}

/* Where to look next, if nothing was found. */
static struct btf *source_next(struct env *env, const struct btf *b)
{
	return b->base ? b->next : modules_get(env);
}

/* ---- types ---- */

static const struct btf_type_head *type_resolve(struct btf *b, uint32_t *id)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const struct btf_type_head *t = btf_type_get(b, *id);

		if (!t)
			return NULL;
		switch (btf_kind(t)) {
		case KIND_TYPEDEF:
		case KIND_VOLATILE:
		case KIND_CONST:
		case KIND_RESTRICT:
		case KIND_TYPE_TAG:
			*id = t->size;
			continue;
		default:
			return t;
		}
	}
	return NULL;
}

/* struct btf_array behind the head of an array. */
struct array {
	uint32_t element, index, count;
};

/* Bytes of a type, -1 if it has no size. */
static int64_t type_bytes(struct btf *b, uint32_t id)
{
	uint64_t count = 1;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const struct btf_type_head *t = type_resolve(b, &id);
		const struct array *a;

		if (!t)
			return -1;
		switch (btf_kind(t)) {
		case KIND_INT:
		case KIND_STRUCT:
		case KIND_UNION:
		case KIND_ENUM:
		case KIND_ENUM64:
		case KIND_FLOAT:
			return count * t->size <= UINT32_MAX ? (int64_t)(count * t->size) : -1;
		case KIND_PTR:
			return count * sizeof(long) <= UINT32_MAX ? (int64_t)(count * sizeof(long)) : -1;
		case KIND_ARRAY:
			a = (const struct array *)(t + 1);
			count *= a->count;
			if (count > UINT32_MAX)
				return -1;
			id = a->element;
			continue;
		default:
			return -1;
		}
	}
	return -1;
}

/* ---- fields ---- */

static int member_find(struct btf *b, struct place *p, uint32_t name, int depth)
{
	uint32_t id = p->type;
	const struct btf_type_head *t = type_resolve(b, &id);
	const uint32_t *m;

	if (!t || (btf_kind(t) != KIND_STRUCT && btf_kind(t) != KIND_UNION) || depth > DEPTH_MAX)
		return -ENOENT;
	m = (const uint32_t *)(t + 1);
	for (uint32_t i = 0; i < btf_vlen(t); i++, m += 3) {
		bool has_bitfields = t->info >> 31;
		struct place inner = {
			.type = m[1],
			.bits = p->bits + (has_bitfields ? m[2] & 0xffffff : m[2]),
			.bitfield = has_bitfields ? m[2] >> 24 : 0,
		};

		if (m[0] ? m[0] == name : !member_find(b, &inner, name, depth + 1)) {
			*p = inner;
			return 0;
		}
	}
	return -ENOENT;
}

/* "[3]" behind a field; *path is moved behind it. */
static int element_enter(struct btf *b, struct place *p, const char **path)
{
	uint32_t id = p->type;
	const struct btf_type_head *t = type_resolve(b, &id);
	const struct array *a = t ? (const struct array *)(t + 1) : NULL;
	uint64_t n = 0;
	int64_t size;
	const char *s = *path + 1;

	for (; *s >= '0' && *s <= '9' && n < UINT32_MAX; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	if (*s != ']' || !t || btf_kind(t) != KIND_ARRAY || (a->count && n >= a->count))
		return -ENOENT;
	size = type_bytes(b, a->element);
	if (size < 0)
		return -ENOENT;
	p->type = a->element;
	p->bits += n * (uint64_t)size * 8;
	*path = s + 1;
	return 0;
}

static int path_walk(struct env *env, struct btf *b, struct place *p, const char *path)
{
	while (*path) {
		size_t n = component_length(path);
		uint32_t name;
		int ret = n ? name_lookup(env, path, n, &name) : -ENOENT;

		if (!ret)
			ret = b->names[name].offset ? member_find(b, p, b->names[name].offset, 0) : -ENOENT;
		path += n;
		while (!ret && *path == '[')
			ret = element_enter(b, p, &path);
		if (ret)
			return ret;
		path += *path == '.';
	}
	return 0;
}

/* The unit to load and the shifts that cut the value out, as libbpf computes them. */
static int place_finish(struct btf *b, const struct place *p, struct btf_field_place *out)
{
	uint32_t id = p->type;
	const struct btf_type_head *t = type_resolve(b, &id);
	uint64_t offset = p->bits / 8, bits;
	int64_t size = type_bytes(b, p->type);

	if (!t || size < 0)
		return -ENOENT;
	if (p->bitfield) {
		if (!size)
			return -ENOENT;
		offset = offset / (uint64_t)size * (uint64_t)size;
		while (p->bits + p->bitfield - offset * 8 > (uint64_t)size * 8) {
			if (size >= 8)
				return -E2BIG;
			size *= 2;
			offset = p->bits / 8 / (uint64_t)size * (uint64_t)size;
		}
	}
	bits = p->bitfield ? p->bitfield : (uint64_t)size * 8;
	*out = (struct btf_field_place){ .offset = (uint32_t)offset, .size = (uint32_t)size };
	if (size <= 8) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		out->lshift = (uint32_t)(64 - (p->bits + bits - offset * 8));
#else
		out->lshift = (uint32_t)((8 - (uint64_t)size) * 8 + (p->bits - offset * 8));
#endif
		out->rshift = (uint32_t)(64 - bits);
	}
	if (btf_kind(t) == KIND_INT)
		out->is_signed = *(const uint32_t *)(t + 1) >> 24 & 1;
	else if (btf_kind(t) == KIND_ENUM || btf_kind(t) == KIND_ENUM64)
		out->is_signed = t->info >> 31;
	return offset > UINT32_MAX ? -E2BIG : 0;
}

int btf_find_field(struct env *env, const char *type, const char *path, struct btf_field_place *out)
{
	struct btf_field_place other;
	bool type_found = false, field_found = false;
	uint32_t name, kinds;
	struct btf *b;
	int ret;

	type = type_words(type, &kinds);
	btf_want_path(env, path);
	ret = name_lookup(env, type, essential_length(type), &name);
	if (ret)
		return ret;
	for (b = env->btf; b && !type_found; b = type_found ? b : source_next(env, b))
		for (uint32_t i = 0; i < b->match_count; i++) {
			struct place p = { .type = b->matches[i].id };

			if (b->matches[i].name != name || !(kinds & 1u << b->matches[i].kind))
				continue;
			type_found = true;
			ret = path_walk(env, b, &p, path);
			if (!ret)
				ret = place_finish(b, &p, field_found ? &other : out);
			if (ret == -ENOENT)
				continue;
			if (ret)
				return ret;
			if (field_found && memcmp(&other, out, sizeof(other)))
				return -ENOTUNIQ;
			field_found = true;
		}
	return field_found ? 0 : type_found ? -ENOENT : -ESRCH;
}

int btf_type_size(struct env *env, const char *type, uint32_t *size)
{
	uint32_t name, kinds;
	bool found = false;
	int ret;

	type = type_words(type, &kinds);
	ret = name_lookup(env, type, essential_length(type), &name);
	if (ret)
		return ret;
	for (struct btf *b = env->btf; b && !found; b = found ? b : source_next(env, b))
		for (uint32_t i = 0; i < b->match_count; i++) {
			const struct btf_match *m = &b->matches[i];
			int64_t bytes;

			if (m->name != name || !(kinds & 1u << m->kind) || (bytes = type_bytes(b, m->id)) < 0)
				continue;
			if (found && *size != (uint32_t)bytes)
				return -ENOTUNIQ;
			*size = (uint32_t)bytes;
			found = true;
		}
	return found ? 0 : -ESRCH;
}

int btf_enum_value(struct env *env, const char *enumerator, int64_t *value)
{
	uint32_t name;
	int ret = name_lookup(env, enumerator, essential_length(enumerator), &name);

	for (struct btf *b = env->btf; b && !ret; b = source_next(env, b))
		for (uint32_t i = 0; i < b->match_count; i++)
			if (b->matches[i].name == name && b->matches[i].kind == KIND_LIMIT) {
				*value = b->matches[i].value;
				return 0;
			}
	return ret ? ret : -ENOENT;
}

int btf_func_source(struct env *env, const char *module, const char *text, struct btf **where)
{
	uint32_t name, kind = strncmp(text, "btf_trace_", 10) ? KIND_FUNC : KIND_TYPEDEF;  /* that of a tracepoint's arguments */
	int ret = name_lookup(env, text, strlen(text), &name);

	if (ret)
		return ret;
	for (struct btf *b = env->btf; b; b = source_next(env, b)) {
		if (*module && strcmp(module, b->module))
			continue;
		*where = b;
		for (uint32_t i = 0; i < b->match_count; i++)
			if (b->matches[i].name == name && b->matches[i].kind == kind)
				return (int)b->matches[i].id;
		if (*module)
			break;
	}
	return -ESRCH;
}

int btf_func_id(struct env *env, const char *name)
{
	struct btf *b;

	return btf_func_source(env, "vmlinux", name, &b);
}

const char *btf_strerror(int ret)
{
	return ret == -ENODATA ? "it has none (CONFIG_DEBUG_INFO_BTF)" : strerror(-ret);
}

void btf_close(struct env *env)
{
	if (env->btf && !env->btf->error)
		btf_index_close(env->btf);
	if (env->btf && !env->btf->error)
		env->btf->error = -ENODATA;
}
