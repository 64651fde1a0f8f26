/* btf.h - types of the running kernel, found by name in one pass over its BTF.
 *
 * Names are announced first (btf_want) and looked up later; the first lookup reads the BTF once for all of them.
 * A lookup of a name that was not announced costs another pass. */
#ifndef BTAOT_BTF_H
#define BTAOT_BTF_H

#include "env.h"

struct btf;

/* Where a field is.  For bitfields `size` is the aligned unit that holds it, and the shifts cut it out of the unit once
 * that is loaded into 64 bits; other fields of up to 8 bytes have 64 - 8 * size in both. */
struct btf_field_place {
	uint32_t offset, size, lshift, rshift;
	bool is_signed;
};

void btf_want(struct env *env, const char *name);
void btf_want_path(struct env *env, const char *path);  /* the field names in "a.b[2].c", or an enumerator */
/* `type` is "task_struct", "struct x", "union x", or a typedef's name; `path` "a.b[2].c".  -ENOENT: no such field;
 * -ESRCH: no such type; -ENODATA: no BTF on this host; -ENOTUNIQ: several different ones. */
int btf_find_field(struct env *env, const char *type, const char *path, struct btf_field_place *out);
int btf_type_size(struct env *env, const char *type, uint32_t *size);
int btf_enum_value(struct env *env, const char *enumerator, int64_t *value);
/* Id of a function of the kernel for fentry, fexit and kfunc calls: > 0, or -errno. */
int btf_func_id(struct env *env, const char *name);
/* The same of a module, of "vmlinux", or ("") of the first that has it; *where has its types then. */
int btf_func_source(struct env *env, const char *module, const char *name, struct btf **where);
/* What went wrong, in words. */
const char *btf_strerror(int ret);
void btf_close(struct env *env);

#endif
