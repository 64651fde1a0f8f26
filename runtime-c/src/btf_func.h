/* btf_func.h - functions of the kernel and its modules, as fentry, fexit and iter need them. */
#ifndef BTAOT_BTF_FUNC_H
#define BTAOT_BTF_FUNC_H

#include "env.h"

struct btf_func {
	uint32_t id;                    /* of the function, as the kernel counts */
	uint32_t params;
	bool refused;                   /* the kernel makes no trampoline for such parameters or such a result */
	struct btf *btf;                /* where its types are; NULL: a BPF program */
	const char *module;             /* "vmlinux": the kernel itself */
	int module_fd;                  /* BTF object of its module, or 0 */
};

/* Find a function of a module, of "vmlinux", or ("") of the first that has it.  -ESRCH: no such function; -ENODATA: no
 * BTF. */
int btf_func_find(struct env *env, const char *module, const char *name, struct btf_func *out);
/* The u64 of the context in which a parameter of a function of the kernel itself begins (structs passed by value take
 * several): by name, or "argN"; "retval" is what comes after the last.  -ENOENT: no such parameter. */
int btf_func_slot(const struct btf_func *func, const char *param);

#endif
