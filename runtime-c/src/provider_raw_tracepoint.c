/* provider_raw_tracepoint.c - tracepoints by their arguments instead of their layout (BPF_RAW_TRACEPOINT_OPEN, 4.17).
 *
 * The kernel looks the name up itself, so expansion reads the host only for wildcards; a name that it does not know
 * shows when attaching.  The context is an array of u64, one per argument.  Programs that pass these on as pointers to
 * kernel objects are "typed" (5.5): loaded for one tracepoint of the kernel itself, whose BTF tells the verifier. */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "btf.h"
#include "providers.h"
#include "sys_bpf.h"
#include "tracefs.h"
#include "util.h"

struct expansion {
	struct env *env;
	uint32_t attach, first;
};

static void add(struct env *env, uint32_t attach, const char *module, const char *event)
{
	struct instance *inst = instance_add(env, attach);

	inst->target = module;
	inst->func = arena_strdup(event);
	inst->name = arena_printf("rawtracepoint:%s:%s", module, event);
}

static int add_event(void *arg, const char *category, const char *event)
{
	struct expansion *x = arg;

	if (!strcmp(category, "syscalls"))
		return 0;  /* made of raw_syscalls by ftrace: no tracepoints of their own */
	for (uint32_t i = x->first; i < x->env->instance_count; i++)
		if (!strcmp(x->env->instances[i].func, event))
			return 0;
	add(x->env, x->attach, "vmlinux", event);
	return 0;
}

static int expand_raw_tracepoint(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *module = attach_str(env, at->target), *event = attach_str(env, at->name);
	struct expansion x = { env, attach, env->instance_count };
	int ret;

	if (*module && !is_pattern(module) && strcmp(module, "vmlinux") &&
	    access(arena_printf("/sys/module/%s", module), F_OK))
		return 0;  /* the module is not loaded */
	if (!is_pattern(event)) {
		add(env, attach, *module && !is_pattern(module) ? module : "vmlinux", event);
		return 0;
	}
	ret = tracefs_events(env, "*", event, add_event, &x);
	return ret ? attach_explain(env, ret, "cannot list tracepoints in tracefs: %s", strerror(-ret)) : 0;
}

static int prepare_typed(struct env *env, const struct instance *inst, struct load_extra *extra)
{
	int id = btf_func_id(env, arena_printf("btf_trace_%s", inst->func));

	extra->attach_btf_id = id < 0 ? 0 : (uint32_t)id;
	return id < 0 ? id : 0;
}

static int attach_raw_tracepoint(struct env *env, struct instance *inst, uint64_t cookie)
{
	bool typed = attach_of(env, inst)->kind == BTAOT_PROBE_KIND_TYPED_TRACEPOINT;
	int fd = bpf_raw_tracepoint_open(typed ? NULL : inst->func, inst->prog_fd, typed ? 0 : cookie);

	if (fd == -EINVAL && !typed)
		fd = bpf_raw_tracepoint_open(inst->func, inst->prog_fd, 0);
	if (fd == -ENOENT)
		return attach_of(env, inst)->flags & BTAOT_ATTACH_FLAG_OPEN && env->cfg.missing_probes == MISSING_ERROR ?
		       attach_explain(env, fd, "Probe has no valid attach points.") : attach_no_match(env, inst->attach);
	if (fd == -EINVAL)
		return attach_explain(env, fd, "%s has fewer arguments than the program reads", inst->name);
	if (fd < 0)
		return fd;
	instance_add_fd(inst, fd);
	return 0;
}

const struct provider provider_raw_tracepoint = {
	.kind = BTAOT_PROBE_KIND_RAW_TRACEPOINT,
	.name = "rawtracepoint",
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
	.expand = expand_raw_tracepoint,
	.resolve = resolve_words,
	.attach = attach_raw_tracepoint,
};

const struct provider provider_typed_tracepoint = {
	.kind = BTAOT_PROBE_KIND_TYPED_TRACEPOINT,
	.name = "rawtracepoint",
	.prog_type = SYS_PROG_TYPE_TRACING,
	.expected_attach_type = SYS_ATTACH_TRACE_RAW_TP,
	.expand = expand_raw_tracepoint,
	.resolve = resolve_words,
	.prepare_load = prepare_typed,
	.attach = attach_raw_tracepoint,
};
