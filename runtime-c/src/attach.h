/* attach.h - attach points: from what the script names to attached programs.
 *
 * A provider knows one probe type.  Expansion reads the host (tracefs, BTF, ELF files) and changes
 * nothing; loading happens between expansion and attaching, because context loads depend on the
 * instance's layout. */
#ifndef BTAOT_ATTACH_H
#define BTAOT_ATTACH_H

#include "env.h"

#define INSTANCE_MAX_FDS_INLINE 4

/* One concrete place that a program is attached to. */
struct instance {
	uint32_t attach;        /* index of the attach point in the payload */
	uint32_t program;       /* index of the template */
	const char *name;       /* text of the `probe` builtin */
	const char *target;     /* category, module or binary path after resolution */
	const char *func;       /* event or function name */
	uint64_t address;       /* of a function (kernel), offset in the file (user) */
	void *layout;           /* provider's own: parsed format, DWARF or USDT locations */
	int prog_fd;            /* set by the loader */
	int *fds;               /* links and perf events, closed at the end */
	uint32_t fd_count;
	bool missing;           /* not attached, by policy */
};

/* Value of a context-dependent symbol (CTX_*, REG, USDT_ARG) for one instance. */
struct ctx_value {
	int32_t offset;         /* bytes from the context pointer: CTX_LOAD, REG */
	uint32_t size;          /* bytes of the load: 1, 2, 4, 8 */
	uint64_t constant;      /* CTX_LSHIFT, CTX_OFFSET, CTX_SIZE, CTX_FORM */
};

struct provider {
	uint16_t kind;                  /* ProbeKind */
	const char *name;
	uint32_t prog_type;             /* BPF_PROG_TYPE_* */
	uint32_t expected_attach_type;  /* BPF_* or 0 */
	/* Append the instances of one attach point with instance_add(). */
	int (*expand)(struct env *env, uint32_t attach);
	/* Resolve a context symbol; -ENOENT if the host's layout has no such field (the caller explains). */
	int (*resolve)(struct env *env, const struct instance *inst, const struct btaot_symbol *sym,
		       struct ctx_value *out);
	/* Extra attributes for loading (attach_btf_id); may be NULL. */
	int (*prepare_load)(struct env *env, const struct instance *inst, uint32_t *attach_btf_id,
			    int *attach_btf_obj_fd);
	/* Attach inst->prog_fd; cookie is the instance's index. */
	int (*attach)(struct env *env, struct instance *inst, uint64_t cookie);
	/* Stop events without the slow part of closing; may be NULL. */
	void (*disable)(struct env *env, struct instance *inst);
};

/* The provider of a probe kind, or NULL if this runtime has none. */
const struct provider *provider_find(uint16_t kind);

struct instance *instance_add(struct env *env, uint32_t attach);

/* Expand every attach point of the payload into env->instances. */
int attach_expand(struct env *env);
/* Attach all instances that are not run by hand (begin, end, self).  Several at once where the kernel has multi-links. */
int attach_all(struct env *env);
/* Stop all events; returns when no program is running any more. */
void attach_disable_all(struct env *env);
/* Run all programs of a kind by hand (BPF_PROG_TEST_RUN): BEGIN, END, SELF_SIGNAL (name selects the signal, NULL: all). */
int attach_run(struct env *env, uint16_t kind, const char *name);

#endif
