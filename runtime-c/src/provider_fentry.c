/* provider_fentry.c - fentry and fexit: kernel functions (5.5 with a JIT that makes trampolines) and BPF programs.
 *
 * attach.target is a module, "" or "bpf", attach.name the function (may have wildcards), attach.value the id of a BPF
 * program (0: any).  The function is part of what is loaded (attach_btf_id), so that every instance has a program of its
 * own.  The context is an array of u64, one for each argument, then the return value: CTX_LOAD takes the name of a
 * parameter, "argN" or "retval". */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf_object.h"
#include "btf.h"
#include "btf_func.h"
#include "kernel_functions.h"
#include "providers.h"
#include "sys_bpf.h"
#include "util.h"

static const char *kind_name(const struct btaot_attach *at)
{
	return at->kind == BTAOT_PROBE_KIND_FEXIT ? "fexit" : "fentry";
}

static void add(struct env *env, uint32_t attach, const char *module, const char *name, const struct btf_func *func)
{
	struct instance *inst = instance_add(env, attach);
	struct btf_func *copy = arena_alloc(sizeof(*copy));

	*copy = *func;
	inst->layout = copy;
	inst->target = module;
	inst->func = name;
	inst->name = arena_printf("%s:%s:%s", kind_name(&env->payload.attaches[attach]), module, name);
}

static int explain_btf(struct env *env, uint32_t attach, int ret)
{
	return attach_explain(env, ret, "%s needs the kernel's BTF: %s", kind_name(&env->payload.attaches[attach]),
			      btf_strerror(ret));
}

/* Functions that can be traced and that BTF knows. */
static int expand_pattern(struct env *env, uint32_t attach, const char *module, const char *pattern)
{
	struct kernel_function *list;
	struct btf_func func;
	size_t count, i;
	int ret = kernel_functions_find(env, module, pattern, false, &list, &count);

	if (ret)
		return attach_explain(env, ret, "cannot list kernel functions: %s", strerror(-ret));
	for (i = 0; i < count; i++)
		btf_want(env, list[i].name);
	for (i = 0; i < count && ret != -ENODATA; i++) {
		ret = btf_func_find(env, *list[i].module ? list[i].module : "vmlinux", list[i].name, &func);
		if (!ret && !func.refused)
			add(env, attach, func.module, list[i].name, &func);
	}
	free(list);
	return ret == -ENODATA ? explain_btf(env, attach, ret) : 0;
}

static int expand_programs(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	struct bpf_program program;
	struct btf_func func;
	uint32_t id = 0;
	int fd;

	while ((fd = bpf_program_next(&id, &program)) >= 0) {
		if ((at->value && at->value != program.id) || !glob_match(attach_str(env, at->name), program.name)) {
			close(fd);
			continue;
		}
		func = (struct btf_func){ .id = program.func_id, .module_fd = fd };
		add(env, attach, arena_printf("bpf:%u", program.id), arena_strdup(program.name), &func);
	}
	return fd == -ENOENT ? 0 : attach_explain(env, fd, "cannot list BPF programs: %s", strerror(-fd));
}

static int expand_fentry(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *module = attach_str(env, at->target), *name = attach_str(env, at->name);
	struct btf_func func;
	int ret;

	if (!strcmp(module, "bpf"))
		return expand_programs(env, attach);
	if (is_pattern(name) || is_pattern(module))
		return expand_pattern(env, attach, module, name);
	ret = btf_func_find(env, module, name, &func);
	if (ret == -ESRCH)
		return 0;
	if (ret)
		return explain_btf(env, attach, ret);
	add(env, attach, func.module, name, &func);
	return 0;
}

static int resolve_fentry(struct env *env, const struct instance *inst, const struct btaot_symbol *sym,
			  struct ctx_value *out)
{
	int slot;

	if (sym->kind == BTAOT_SYMBOL_KIND_CTX_LSHIFT || sym->kind == BTAOT_SYMBOL_KIND_CTX_FORM)
		return 0;
	slot = btf_func_slot(inst->layout, attach_str(env, sym->a));
	if (slot < 0)
		return slot;
	out->offset = 8 * slot;
	out->size = 8;
	out->constant = sym->kind == BTAOT_SYMBOL_KIND_CTX_SIZE ? 8 : (uint64_t)(8 * slot);
	return 0;
}

static int prepare_fentry(struct env *env, const struct instance *inst, struct load_extra *extra)
{
	const struct btf_func *func = inst->layout;

	(void)env;
	extra->attach_btf_id = func->id;
	extra->attach_btf_obj_fd = func->module_fd;
	return 0;
}

static int attach_fentry(struct env *env, struct instance *inst, uint64_t cookie)
{
	bool exits = attach_of(env, inst)->kind == BTAOT_PROBE_KIND_FEXIT;
	struct link_spec link = {
		.prog_fd = inst->prog_fd, .attach_type = exits ? SYS_ATTACH_TRACE_FEXIT : SYS_ATTACH_TRACE_FENTRY,
		.tracing = { .cookie = cookie },
	};
	int fd = bpf_link_new(&link);

	if (fd == -EINVAL || fd == -EOPNOTSUPP)  /* before 5.19 */
		fd = bpf_raw_tracepoint_open(NULL, inst->prog_fd, 0);
	if (fd == -ENOTSUP || fd == -524)
		return attach_explain(env, fd, "%s: this kernel cannot attach trampolines on this architecture", inst->name);
	if (fd < 0)
		return fd;
	instance_add_fd(inst, fd);
	return 0;
}

#define FENTRY(symbol, kind_, name_, type_) \
	const struct provider symbol = { \
		.kind = kind_, .name = name_, .prog_type = SYS_PROG_TYPE_TRACING, .expected_attach_type = type_, \
		.expand = expand_fentry, .resolve = resolve_fentry, .prepare_load = prepare_fentry, .attach = attach_fentry, \
	}

FENTRY(provider_fentry, BTAOT_PROBE_KIND_FENTRY, "fentry", SYS_ATTACH_TRACE_FENTRY);
FENTRY(provider_fexit, BTAOT_PROBE_KIND_FEXIT, "fexit", SYS_ATTACH_TRACE_FEXIT);
