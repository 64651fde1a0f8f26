/* provider_tracepoint.c - tracepoints with a layout, as perf events.
 *
 * Id and layout come from tracefs (tracefs.c).  The layout is read only for programs that use fields.  Fields keep
 * their host size: CTX_LOAD loads it, CTX_LSHIFT says how far to shift for sign or zero extension.  A load of a dynamic
 * array gives its location word.  The code for the forms that the host does not have is dead, so their values need only
 * be encodable. */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "host.h"
#include "perf.h"
#include "providers.h"
#include "rights.h"
#include "tracefs.h"
#include "util.h"

struct tracepoint {
	int id;
	bool parsed;
	struct event_format format;
};

struct expansion {
	struct env *env;
	uint32_t attach;
};

static int add_tracepoint(void *arg, const char *category, const char *event)
{
	struct expansion *x = arg;
	struct tracepoint *tp;
	struct instance *inst;
	int id = tracefs_event_id(x->env, category, event);

	if (id == -ENOENT)
		return 0;
	if (id < 0)
		return id;
	tp = arena_alloc(sizeof(*tp));
	tp->id = id;
	inst = instance_add(x->env, x->attach);
	inst->target = arena_strdup(category);
	inst->func = arena_strdup(event);
	inst->layout = tp;
	if (x->env->payload.attaches[x->attach].flags & BTAOT_ATTACH_FLAG_WILDCARD)
		inst->name = arena_printf("tracepoint:%s:%s", category, event);
	return 0;
}

static int expand_tracepoint(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *category = attach_str(env, at->target), *event = attach_str(env, at->name);
	struct expansion x = { env, attach };
	int ret;

	if (at->flags & BTAOT_ATTACH_FLAG_WILDCARD)
		ret = tracefs_events(env, category, event, add_tracepoint, &x);
	else
		ret = tracefs_open(env) < 0 ? tracefs_open(env) : add_tracepoint(&x, category, event);
	if (ret)
		attach_explain(env, ret, "cannot read tracepoints from tracefs: %s%s", strerror(-ret),
			       ret == -EPERM || ret == -EACCES ? rights_explain(at->kind) : "");
	return ret;
}

/* The widest load that a field can be read with. */
static uint32_t load_size(uint32_t size)
{
	return size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
}

static int resolve_tracepoint(struct env *env, const struct instance *inst, const struct btaot_symbol *sym,
			      struct ctx_value *out)
{
	struct tracepoint *tp = inst->layout;
	const struct event_field *field;
	int ret;

	if (!tp->parsed) {
		ret = tracefs_event_format(env, inst->target, inst->func, &tp->format);
		if (ret)
			return ret;
		tp->parsed = true;
	}
	field = event_field_find(&tp->format, attach_str(env, sym->a));
	if (!field)
		return -ENOENT;
	out->offset = (int32_t)field->offset;
	out->size = load_size(field->size);
	switch (sym->kind) {
	case BTAOT_SYMBOL_KIND_CTX_LOAD:
		return field->offset > INT16_MAX ? -ERANGE : 0;
	case BTAOT_SYMBOL_KIND_CTX_LSHIFT:
		out->constant = 64 - 8 * out->size;
		return 0;
	case BTAOT_SYMBOL_KIND_CTX_OFFSET:
		out->constant = field->offset;
		return 0;
	case BTAOT_SYMBOL_KIND_CTX_SIZE:
		out->constant = field->size;
		return 0;
	case BTAOT_SYMBOL_KIND_CTX_FORM:
		out->constant = field->form;
		return 0;
	default:
		return -EINVAL;
	}
}

static int attach_tracepoint(struct env *env, struct instance *inst, uint64_t cookie)
{
	struct tracepoint *tp = inst->layout;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .config = (uint64_t)tp->id,  /* to count: some refuse to sample (irq_work_exit) */
	};
	int fd = perf_open(&attr, -1, host_next_cpu(env, 0));

	return fd < 0 ? fd : perf_bind(env, inst, fd, cookie);
}

const struct provider provider_tracepoint = {
	.kind = BTAOT_PROBE_KIND_TRACEPOINT,
	.name = "tracepoint",
	.prog_type = BPF_PROG_TYPE_TRACEPOINT,
	.expand = expand_tracepoint,
	.resolve = resolve_tracepoint,
	.attach = attach_tracepoint,
};
