/* perf.c - perf events as carriers of BPF programs.
 *
 * A program is bound to an event by a link where a cookie is needed (5.15), else by PERF_EVENT_IOC_SET_BPF, which every
 * kernel has.  The event's own descriptor stays open in both cases: closing it is the slow part, which is left to the
 * end of the process. */
#define _GNU_SOURCE
#include "perf.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "sys_bpf.h"

int perf_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	long fd;

	attr->size = sizeof(*attr);
	attr->disabled = 1;
	fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int perf_bind(struct env *env, struct instance *inst, int perf_fd, uint64_t cookie)
{
	struct link_spec spec = { .prog_fd = inst->prog_fd, .target_fd = perf_fd, .attach_type = SYS_ATTACH_PERF_EVENT };
	int link = -EOPNOTSUPP;

	instance_add_fd(inst, perf_fd);
	if (env->payload.programs[inst->program].flags & BTAOT_PROGRAM_FLAG_USES_PROBE_ID) {
		spec.perf_event.cookie = cookie;
		link = bpf_link_new(&spec);
	}
	if (link >= 0)
		instance_add_fd(inst, link);
	else if (ioctl(perf_fd, PERF_EVENT_IOC_SET_BPF, inst->prog_fd))
		return -errno;
	return 0;
}

int perf_attach(struct env *env, struct instance *inst, int perf_fd, uint64_t cookie)
{
	int ret = perf_bind(env, inst, perf_fd, cookie);

	return ret ? ret : ioctl(perf_fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

void perf_disable(struct env *env, struct instance *inst)
{
	(void)env;
	for (uint32_t i = 0; i < inst->fd_count; i++)
		ioctl(inst->fds[i], PERF_EVENT_IOC_DISABLE, 0);  /* a link refuses: no harm */
}

int perf_attach_cpus(struct env *env, struct instance *inst, struct perf_event_attr *attr, pid_t pid, uint64_t cookie)
{
	int cpu, fd, ret;

	if (pid > 0)
		attr->inherit = 1;
	for (cpu = host_next_cpu(env, 0); cpu >= 0; cpu = host_next_cpu(env, cpu + 1)) {
		fd = perf_open(attr, pid > 0 ? pid : -1, cpu);
		if (fd < 0)
			return fd;
		ret = perf_attach(env, inst, fd, cookie);
		if (ret)
			return ret;
	}
	return 0;
}
