/* attach.h - attach points: from what the script names to attached programs.
 *
 * A provider knows one probe type.  Expansion reads the host (tracefs, BTF, ELF files) and changes
 * nothing; loading happens between expansion and attaching, because context loads depend on the
 * instance's layout. */
#ifndef BTAOT_ATTACH_H
#define BTAOT_ATTACH_H

#include "env.h"

/* One concrete place that a program is attached to. */
struct instance {
	uint32_t attach;        /* index of the attach point in the payload */
	uint32_t program;       /* index of the template */
	const char *name;       /* text of the `probe` builtin */
	const char *target;     /* category, module or binary path after resolution */
	const char *func;       /* event or function name */
	uint64_t address;       /* of a function (kernel), offset in the file (user) */
	void *layout;           /* provider's own: parsed format, DWARF or USDT locations */
	int prog_fd;            /* set by the loader; -1 before */
	int *fds;               /* links and perf events, closed at the end */
	uint32_t fd_count;
	bool multi;             /* to be attached by one link together with its siblings */
	bool missing;           /* not attached, by policy */
	bool absent;            /* of these: found out when it was attached that the host has no such place */
	bool uncounted;         /* a further place of the probe before it (usdt): no probe of its own in counts */
};

/* Value of a context-dependent symbol (CTX_*, REG, USDT_ARG) for one instance. */
struct ctx_value {
	int32_t offset;         /* bytes from the context pointer: CTX_LOAD, REG */
	uint32_t size;          /* bytes of the load: 1, 2, 4, 8 */
	uint64_t constant;      /* CTX_LSHIFT, CTX_OFFSET, CTX_SIZE, CTX_FORM */
};

/* What loading one instance needs besides its instructions; instances share a program only if these are equal. */
struct load_extra {
	uint32_t expected_attach_type;  /* preset to the provider's */
	uint32_t attach_btf_id;         /* fentry, fexit, iter */
	int attach_btf_obj_fd;          /* BTF of a module, or the descriptor of a BPF program; 0: vmlinux */
	uint32_t prog_flags;            /* BPF_F_* */
};

struct provider {
	uint16_t kind;                  /* ProbeKind */
	const char *name;
	uint32_t prog_type;             /* BPF_PROG_TYPE_* */
	uint32_t expected_attach_type;  /* BPF_* or 0 */
	/* Append the instances of one attach point with instance_add().  None appended: the host has no match. */
	int (*expand)(struct env *env, uint32_t attach);
	/* Resolve a context symbol; -ENOENT if the host's layout has no such field (the caller explains). */
	int (*resolve)(struct env *env, const struct instance *inst, const struct btaot_symbol *sym,
		       struct ctx_value *out);
	/* Extra attributes for loading; may be NULL. */
	int (*prepare_load)(struct env *env, const struct instance *inst, struct load_extra *extra);
	/* Attach inst->prog_fd; cookie is the instance's index.  NULL: run by hand (attach_run). */
	int (*attach)(struct env *env, struct instance *inst, uint64_t cookie);
	/* Attach instances marked `multi` that share program and attach point by one link, which the first then owns.
	 * May set `missing` on some.  NULL: one by one. */
	int (*attach_multi)(struct env *env, struct instance **insts, uint32_t count);
	/* Stop events without the slow part of closing; may be NULL. */
	void (*disable)(struct env *env, struct instance *inst);
};

/* The provider of a probe kind, or NULL if this runtime has none. */
const struct provider *provider_find(uint16_t kind);

/* A new instance of the attach point; program is set, name is the attach point's text.  Pointers to older instances become invalid. */
struct instance *instance_add(struct env *env, uint32_t attach);
/* What `probe` is for an instance: the index of the first place of its probe. */
uint32_t instance_identity(const struct env *env, uint32_t index);
/* Let the instance own a descriptor. */
void instance_add_fd(struct instance *inst, int fd);

/* Expand every attach point of the payload into env->instances. */
int attach_expand(struct env *env);
/* Attach all instances that are not run by hand (begin, end, self).  Several at once where the kernel has multi-links. */
int attach_all(struct env *env);
/* Number for "Attached N probes": every function counts, also those run by hand. */
uint32_t attach_count(const struct env *env);
/* Stop all events; returns when no program is running any more. */
void attach_disable_all(struct env *env);
/* Close everything that attach_all opened (slow: tens of ms for each tracepoint). */
void attach_close_all(struct env *env);
/* Run all programs of a kind by hand (BPF_PROG_TEST_RUN): BEGIN, END, SELF_SIGNAL (name selects the signal, NULL: all). */
int attach_run(struct env *env, uint16_t kind, const char *name);

/* Stop the watchpoints of an address (provider_watchpoint.c). */
void watchpoint_remove(struct env *env, uint64_t address);

/* Run the iterators of the script to their end (or pin them); number of iterators, or -errno. */
int attach_run_iters(struct env *env);

#endif
