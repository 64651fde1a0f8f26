/* provider_iter.c - iterators over kernel objects (5.8): iter:task, iter:task_file, iter:task_vma and what else BTF has.
 *
 * attach.name is the iterator, attach.pin where the link is pinned instead of being run.  The program is bound to the BTF
 * function bpf_iter_NAME; its context is struct bpf_iter__NAME, whose members CTX_LOAD reads by name.  Attaching makes
 * the link; the program runs when the runtime reads it (attach_run_iters). */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "btf.h"
#include "host.h"
#include "providers.h"
#include "sys_bpf.h"
#include "util.h"

static int expand_iter(struct env *env, uint32_t attach)
{
	const char *name = attach_str(env, env->payload.attaches[attach].name);
	int id = btf_func_id(env, arena_printf("bpf_iter_%s", name));
	struct instance *inst;
	uint32_t *layout;

	if (id == -ESRCH)
		return attach_explain(env, -ENOENT, "iter %s not available for your kernel version.", name);
	if (id < 0)
		return attach_explain(env, id, "iter needs the kernel's BTF: %s", btf_strerror(id));
	layout = arena_alloc(sizeof(*layout));
	*layout = (uint32_t)id;
	inst = instance_add(env, attach);
	inst->layout = layout;
	return 0;
}

static int resolve_iter(struct env *env, const struct instance *inst, const struct btaot_symbol *sym,
			struct ctx_value *out)
{
	struct btf_field_place place;
	int ret = btf_find_field(env, arena_printf("bpf_iter__%s", inst->func), attach_str(env, sym->a), &place);

	if (ret)
		return ret;
	out->offset = (int32_t)place.offset;
	out->size = place.size;
	out->constant = sym->kind == BTAOT_SYMBOL_KIND_CTX_LSHIFT ? place.lshift :
			sym->kind == BTAOT_SYMBOL_KIND_CTX_SIZE ? place.size : place.offset;
	return 0;
}

static int prepare_iter(struct env *env, const struct instance *inst, struct load_extra *extra)
{
	(void)env;
	extra->attach_btf_id = *(uint32_t *)inst->layout;
	return 0;
}

/* A link of one process only (6.0): BPF_LINK_CREATE with iter_info, whose first member is the thread or process. */
static int link_process(int prog_fd, pid_t pid)
{
	struct { uint32_t tid, pid, pid_fd, pad; } info = { .pid = (uint32_t)pid };
	struct { uint32_t prog_fd, target_fd, attach_type, flags; uint64_t info; uint32_t size, pad; } attr = {
		.prog_fd = (uint32_t)prog_fd, .attach_type = SYS_ATTACH_TRACE_ITER, .info = (uintptr_t)&info, .size = sizeof(info),
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

static int attach_iter(struct env *env, struct instance *inst, uint64_t cookie)
{
	struct link_spec link = { .prog_fd = inst->prog_fd, .attach_type = SYS_ATTACH_TRACE_ITER };
	pid_t pid = host_target_pid(env);
	int fd = pid > 0 && !strncmp(inst->func, "task", 4) ? link_process(inst->prog_fd, pid) : bpf_link_new(&link);

	(void)cookie;
	if (pid > 0 && (fd == -EINVAL || fd == -E2BIG))
		return attach_explain(env, fd, "%s: this kernel cannot limit an iterator to one process (6.1 can)", inst->name);
	if (fd < 0)
		return fd;
	instance_add_fd(inst, fd);
	return 0;
}

/* Reading runs the program for every object; scripts write nothing into the sequence file. */
static int read_iter(int link_fd)
{
	int fd = bpf_iter_new(link_fd);
	char buf[1024];
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

static int pin_iter(struct env *env, const struct instance *inst, const char *pin)
{
	const char *path = *pin == '/' ? pin : arena_printf("/sys/fs/bpf/%s", pin);
	int ret = bpf_obj_pin(inst->fds[0], path);

	(void)env;
	if (!ret)
		note("Program pinned to %s", path);
	return ret;
}

int attach_run_iters(struct env *env)
{
	int count = 0, ret = 0;

	for (uint32_t i = 0; i < env->instance_count && !ret; i++) {
		struct instance *inst = &env->instances[i];
		const struct btaot_attach *at = attach_of(env, inst);
		const char *pin = attach_str(env, at->pin);

		if (at->kind != BTAOT_PROBE_KIND_ITER || inst->missing || !inst->fd_count)
			continue;
		count++;
		ret = *pin ? pin_iter(env, inst, pin) : read_iter(inst->fds[0]);
		if (ret < 0)
			err("%s: cannot %s: %s", inst->name, *pin ? "pin" : "run", strerror(-ret));
	}
	return ret < 0 ? ret : count;
}

const struct provider provider_iter = {
	.kind = BTAOT_PROBE_KIND_ITER,
	.name = "iter",
	.prog_type = SYS_PROG_TYPE_TRACING,
	.expected_attach_type = SYS_ATTACH_TRACE_ITER,
	.expand = expand_iter,
	.resolve = resolve_iter,
	.prepare_load = prepare_iter,
	.attach = attach_iter,
};
