/* provider_kprobe.c - kprobe and kretprobe: kernel functions.
 *
 * attach.target is a module or "", attach.name the function (may have wildcards), attach.value the offset in it, or the
 * address if there is no name.  One probe is a perf event of the kprobe PMU (4.17), and the kernel finds the function: no
 * symbol table is read here.  The matches of a wildcard share one kprobe_multi link where the kernel has it (5.18),
 * else they are attached one by one.  A list of functions from kallsyms may have some that cannot be traced: they are
 * found by halving, and left out. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "btf.h"
#include "feature.h"
#include "host.h"
#include "kernel_functions.h"
#include "perf.h"
#include "providers.h"
#include "rights.h"
#include "sys_bpf.h"
#include "util.h"

static bool is_return(const struct btaot_attach *at)
{
	return at->kind == BTAOT_PROBE_KIND_KRETPROBE;
}

/* Whether a script's module means the kernel itself. */
static bool is_kernel(const char *module)
{
	return !*module || !strcmp(module, "vmlinux");
}

static int check_module(struct env *env, const struct btaot_attach *at)
{
	const char *module = attach_str(env, at->target);
	char path[128], text[32];

	if (is_kernel(module) || is_pattern(module))
		return 0;
	if (str_printf(path, sizeof(path), "/sys/module/%s/initstate", module) < (int)sizeof(path) &&
	    host_read_text(AT_FDCWD, path, text, sizeof(text)) >= 0)
		return 0;
	return attach_explain(env, -ENOENT, "specified module %s in probe %s is not loaded.", module,
			      attach_str(env, at->text));
}

static int expand_pattern(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *module = attach_str(env, at->target), *name = attach_str(env, at->name);
	const char *kind = is_return(at) ? "kretprobe" : "kprobe";
	bool multi = host_has_multi(env, false);
	struct kernel_function *list;
	struct instance *inst;
	size_t count, i;
	/* multi-links take no "module:function": there the functions of modules go by address */
	int ret = kernel_functions_find(env, module, name, !is_kernel(module) && multi, &list, &count);

	if (ret)
		return attach_explain(env, ret, "cannot list kernel functions: %s", strerror(-ret));
	for (i = 0; i < count; i++) {
		inst = instance_add(env, attach);
		inst->func = list[i].name;
		inst->target = *module ? *list[i].module ? list[i].module : "vmlinux" : "";
		inst->address = list[i].address;
		inst->multi = multi && (is_kernel(module) || list[i].address);
		inst->name = arena_printf("%s:%s%s%s", kind, inst->target, *inst->target ? ":" : "", inst->func);
	}
	free(list);
	return 0;
}

/* Whether a kprobe's program runs for its kretprobe, too (6.12). */
static bool in_session(struct env *env, const struct btaot_attach *at)
{
	int id = at->flags & BTAOT_ATTACH_FLAG_SESSION ? btf_func_id(env, "bpf_session_is_return") : 0;

	/* arm64 of 6.12 loads such a program, and has no multi-link for it. */
	return id > 0 && host_has_multi(env, false) &&
	       feature_has(env, FEATURE_KFUNC | (uint32_t)id, BPF_PROG_TYPE_KPROBE, SYS_ATTACH_KPROBE_SESSION);
}

static void note_untraceable(struct env *env, const struct btaot_attach *at, const char *func)
{
	if (env->cfg.missing_probes != MISSING_IGNORE)
		note("%sWARNING: %s is not traceable (either non-existing, inlined, or marked as \"notrace\"); attaching to it "
		     "will likely fail", attach_place(env, at), func);
}

/* Whether --traceable-functions, if it is there, lists the function of an attach point without wildcard. */
static bool is_listed(struct env *env, const struct btaot_attach *at)
{
	struct kernel_function *list;
	size_t count;

	if (!env->opt.traceable_path || !*attach_str(env, at->name))
		return true;
	if (kernel_functions_find(env, attach_str(env, at->target), attach_str(env, at->name), false, &list, &count))
		return false;
	free(list);
	return count;
}

static int expand_kprobe(struct env *env, uint32_t attach)
{
	struct btaot_attach *at = (struct btaot_attach *)&env->payload.attaches[attach];
	struct instance *inst;
	int ret = check_module(env, at);

	if (ret)
		return ret;
	if (!in_session(env, at)) {
		at->flags &= (uint16_t)~BTAOT_ATTACH_FLAG_SESSION;
	} else if (is_return(at)) {
		at->flags |= BTAOT_ATTACH_FLAG_OPTIONAL;  /* it has no program of its own */
		return 0;
	}
	if (is_pattern(attach_str(env, at->name)) || is_pattern(attach_str(env, at->target)))
		return expand_pattern(env, attach);
	if (!is_listed(env, at)) {
		note_untraceable(env, at, attach_str(env, at->name));
		if (!(at->flags & BTAOT_ATTACH_FLAG_UNCHECKED))
			return 0;
	}
	inst = instance_add(env, attach);
	if (!*inst->func)
		inst->address = at->value;
	else if (at->flags & BTAOT_ATTACH_FLAG_SESSION)
		inst->multi = true;
	else if (is_kernel(inst->target) && !at->value && rights_refuse_kprobes())
		inst->multi = host_has_multi(env, false);
	return 0;
}

static uint32_t multi_type(const struct env *env, const struct instance *inst)
{
	return attach_of(env, inst)->flags & BTAOT_ATTACH_FLAG_SESSION ? SYS_ATTACH_KPROBE_SESSION : SYS_ATTACH_KPROBE_MULTI;
}

static int prepare_kprobe(struct env *env, const struct instance *inst, struct load_extra *extra)
{
	if (inst->multi)
		extra->expected_attach_type = multi_type(env, inst);
	return 0;
}

static int explain_kprobe(struct env *env, const struct instance *inst, int ret)
{
	switch (ret) {
	case -ENOENT:
		if (!*inst->func)  /* an address */
			return ret;
		note_untraceable(env, attach_of(env, inst), inst->func);
		return attach_no_match(env, inst->attach);
	case -EILSEQ:
		return attach_explain(env, ret, "\tPossible attachment attempt in the middle of an instruction, try a different "
				      "offset.");
	case -EADDRNOTAVAIL:
		return attach_explain(env, ret, "several kernel functions are named %s: name its module, or attach to an address",
				      inst->func);
	case -EINVAL:
		return attach_explain(env, ret, "%s cannot be probed: inlined, marked notrace or on the kernel's blacklist",
				      *inst->func ? inst->func : inst->name);
	default:
		return ret;
	}
}

static int attach_kprobe(struct env *env, struct instance *inst, uint64_t cookie)
{
	const struct btaot_attach *at = attach_of(env, inst);
	int retbit, pmu = host_probe_pmu(env, false, &retbit), fd;
	struct perf_event_attr attr = {
		.type = (uint32_t)pmu, .config = is_return(at) ? 1ull << retbit : 0,
	};

	if (pmu < 0)
		return attach_explain(env, pmu, "this kernel has no kprobes (CONFIG_KPROBE_EVENTS)");
	if (!*inst->func) {
		attr.config2 = inst->address;  /* without a name the offset is the address */
	} else {
		attr.config1 = (uintptr_t)(is_kernel(inst->target) ? inst->func : arena_printf("%s:%s", inst->target, inst->func));
		attr.config2 = at->value;
	}
	fd = perf_open(&attr, -1, host_next_cpu(env, 0));
	return fd < 0 ? explain_kprobe(env, inst, fd) : perf_bind(env, inst, fd, cookie);
}

struct multi {
	struct instance **insts;
	const char **symbols;
	uint64_t *addresses, *cookies;
	struct link_spec link;
};

/* Link [first, end); halve what the kernel refuses, so that single functions drop out.  Number of functions linked. */
static int link_range(struct multi *m, uint32_t first, uint32_t end)
{
	uint32_t middle = first + (end - first) / 2;
	int fd, left, right;

	m->link.kprobe_multi.count = end - first;
	m->link.kprobe_multi.symbols = m->addresses ? NULL : m->symbols + first;
	m->link.kprobe_multi.addresses = m->addresses ? m->addresses + first : NULL;
	m->link.kprobe_multi.cookies = m->cookies + first;
	fd = bpf_link_new(&m->link);
	if (fd >= 0) {
		instance_add_fd(m->insts[first], fd);
		return (int)(end - first);
	}
	if (fd == -EPERM || fd == -EACCES || fd == -ENOMEM || fd == -EMFILE || fd == -EOPNOTSUPP)
		return fd;
	if (end - first == 1) {
		m->insts[first]->missing = true;
		return 0;
	}
	left = link_range(m, first, middle);
	if (left < 0)
		return left;
	right = link_range(m, middle, end);
	return right < 0 ? right : left + right;
}

static int attach_kprobe_multi(struct env *env, struct instance **insts, uint32_t count)
{
	struct multi m = {
		.insts = insts,
		.symbols = malloc(count * sizeof(*m.symbols)),
		.addresses = insts[0]->address ? malloc(count * sizeof(*m.addresses)) : NULL,
		.cookies = malloc(count * sizeof(*m.cookies)),
		.link = { .prog_fd = insts[0]->prog_fd, .attach_type = multi_type(env, insts[0]) },
	};
	int ret = -ENOMEM;

	if (m.symbols && m.cookies && (m.addresses || !insts[0]->address)) {
		for (uint32_t i = 0; i < count; i++) {
			m.symbols[i] = insts[i]->func;
			m.cookies[i] = instance_identity(env, (uint32_t)(insts[i] - env->instances));
			if (m.addresses)
				m.addresses[i] = insts[i]->address;
		}
		m.link.kprobe_multi.flags = is_return(attach_of(env, insts[0])) ? SYS_F_KPROBE_MULTI_RETURN : 0;
		ret = link_range(&m, 0, count);
		if (!ret)
			ret = count == 1 ? explain_kprobe(env, insts[0], -ENOENT) :
			      attach_explain(env, -EINVAL, "none of the %u functions can be probed", count);
	}
	free(m.symbols);
	free(m.addresses);
	free(m.cookies);
	return ret < 0 ? ret : 0;
}

#define KPROBE(symbol, kind_, name_) \
	const struct provider symbol = { \
		.kind = kind_, .name = name_, .prog_type = BPF_PROG_TYPE_KPROBE, .expand = expand_kprobe, \
		.resolve = resolve_registers, .prepare_load = prepare_kprobe, .attach = attach_kprobe, \
		.attach_multi = attach_kprobe_multi, \
	}

KPROBE(provider_kprobe, BTAOT_PROBE_KIND_KPROBE, "kprobe");
KPROBE(provider_kretprobe, BTAOT_PROBE_KIND_KRETPROBE, "kretprobe");
