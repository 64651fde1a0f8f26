/* provider_watchpoint.c - hardware breakpoints: a program when an address is read, written or executed.
 *
 * attach.value is the address, attach.length the length (1, 2, 4, 8), attach.name the mode: letters of "rwx", sorted.
 * With a target process there is an event for each of its threads, and threads that it starts later inherit it;
 * otherwise one for each CPU.  Machines have few breakpoint registers, and some have none. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/hw_breakpoint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "host.h"
#include "perf.h"
#include "providers.h"
#include "util.h"

static int set_breakpoint(struct env *env, const struct instance *inst, struct perf_event_attr *attr)
{
	const struct btaot_attach *at = attach_of(env, inst);
	const char *mode = attach_str(env, at->name);

	if (!arch_watch_mode_ok(mode))
		return attach_explain(env, -EINVAL, "invalid watchpoint mode: %s (supported modes: %s)", mode, arch_watch_modes());
	attr->type = PERF_TYPE_BREAKPOINT;
	attr->sample_period = 1;
	attr->bp_addr = at->value;
	attr->bp_len = strchr(mode, 'x') ? ARCH_WATCH_EXEC_LENGTH : at->length;
	attr->bp_type = (strchr(mode, 'r') ? HW_BREAKPOINT_R : 0) | (strchr(mode, 'w') ? HW_BREAKPOINT_W : 0) |
			(strchr(mode, 'x') ? HW_BREAKPOINT_X : 0);
	return 0;
}

static int attach_threads(struct env *env, struct instance *inst, struct perf_event_attr *attr, pid_t pid, uint64_t cookie)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;
	int fd, ret = -ESRCH;

	str_printf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	attr->inherit = 1;
	attr->enable_on_exec = env->child > 0;  /* until then the child of -c has our memory, not its own */
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		fd = perf_open(attr, atoi(entry->d_name), -1);
		if (fd == -ESRCH)
			continue;  /* the thread has ended */
		ret = fd < 0 ? fd : attr->enable_on_exec ? perf_bind(env, inst, fd, cookie) : perf_attach(env, inst, fd, cookie);
		if (ret)
			break;
	}
	closedir(dir);
	return ret;
}

static int attach_watchpoint(struct env *env, struct instance *inst, uint64_t cookie)
{
	struct perf_event_attr attr = { 0 };
	pid_t pid = host_target_pid(env);
	int ret = set_breakpoint(env, inst, &attr);

	if (ret)
		return ret;
	ret = pid > 0 ? attach_threads(env, inst, &attr, pid, cookie) : perf_attach_cpus(env, inst, &attr, 0, cookie);
	if (ret == -ENOSPC)
		return attach_explain(env, ret, "No more HW registers left");
	if (ret == -EINVAL || ret == -ENODEV || ret == -EOPNOTSUPP)
		return attach_explain(env, ret, "%s: this machine cannot watch this address, length or mode", inst->name);
	return ret;
}

void watchpoint_remove(struct env *env, uint64_t address)
{
	for (uint32_t i = 0; i < env->instance_count; i++) {
		const struct btaot_attach *at = attach_of(env, &env->instances[i]);

		if (at->kind != BTAOT_PROBE_KIND_WATCHPOINT || at->value != address)
			continue;
		while (env->instances[i].fd_count)
			close(env->instances[i].fds[--env->instances[i].fd_count]);
	}
}

const struct provider provider_watchpoint = {
	.kind = BTAOT_PROBE_KIND_WATCHPOINT,
	.name = "watchpoint",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT,
	.expand = expand_as_written,
	.resolve = resolve_registers,
	.attach = attach_watchpoint,
	.disable = perf_disable,
};
