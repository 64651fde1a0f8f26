/* attach_stop.c - stop all events, and know when the last program has ended.
 *
 * Every program but begin, end and self tests `running` of the globals map first, and who calls attach_disable_all() has
 * cleared it.  What remains are programs that had begun before:
 * - Timers and counters are disabled by ioctl, which waits for the CPU that the event is on.
 * - Programs of tracepoints and kprobes run with preemption off.  Once this thread, as a realtime thread, has been on every
 *   CPU, they have ended.  That takes 0.03 ms on two CPUs.
 * - Programs of uprobes, fentry and iter can be preempted, as can all on a PREEMPT_RT kernel and from Linux 7 on, where
 *   tracepoints no longer switch preemption off.  They run inside RCU read-side
 *   sections, which membarrier(MEMBARRIER_CMD_GLOBAL) waits for: up to 16 ms where it was measured.  It is also used where
 *   the tour of the CPUs is not possible (CAP_SYS_NICE, cpusets).
 * Closing is left to the end: tens of ms for each tracepoint, one after the other. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host.h"
#include "providers.h"

enum ending { ENDS_BY_IOCTL, ENDS_ON_ITS_CPU, ENDS_BY_GRACE_PERIOD };

static enum ending ending_of(uint16_t kind)
{
	switch (kind) {
	case BTAOT_PROBE_KIND_INTERVAL:
	case BTAOT_PROBE_KIND_PROFILE:
	case BTAOT_PROBE_KIND_SOFTWARE:
	case BTAOT_PROBE_KIND_HARDWARE:
	case BTAOT_PROBE_KIND_WATCHPOINT:
		return ENDS_BY_IOCTL;
	case BTAOT_PROBE_KIND_TRACEPOINT:
	case BTAOT_PROBE_KIND_RAW_TRACEPOINT:
	case BTAOT_PROBE_KIND_TYPED_TRACEPOINT:
	case BTAOT_PROBE_KIND_KPROBE:
	case BTAOT_PROBE_KIND_KRETPROBE:
		return ENDS_ON_ITS_CPU;
	default:
		return ENDS_BY_GRACE_PERIOD;
	}
}

/* Run on every online CPU once; false if that was not possible. */
static bool tour_cpus(struct env *env)
{
	struct sched_param realtime = { .sched_priority = 1 }, before = { 0 };
	uint64_t all[128] = { 0 }, one[128] = { 0 };
	long policy = syscall(SYS_sched_getscheduler, 0);
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(all), all);
	bool done = true;
	struct utsname host;
	int cpu;

	uname(&host);
	if (strtoul(host.release, NULL, 10) >= 7 || policy < 0 || size < 0 || access("/sys/kernel/realtime", F_OK) == 0 ||
	    syscall(SYS_sched_getparam, 0, &before) || syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &realtime))
		return false;
	for (cpu = host_next_cpu(env, 0); cpu >= 0 && done; cpu = host_next_cpu(env, cpu + 1)) {
		one[cpu / 64] = 1ull << (cpu % 64);
		done = !syscall(SYS_sched_setaffinity, 0, sizeof(one), one);
		one[cpu / 64] = 0;
	}
	syscall(SYS_sched_setaffinity, 0, (size_t)size, all);
	syscall(SYS_sched_setscheduler, 0, policy, &before);
	return done;
}

void attach_disable_all(struct env *env)
{
	enum { MEMBARRIER_GLOBAL = 1 };
	enum ending last = ENDS_BY_IOCTL;

	for (uint32_t i = 0; i < env->instance_count; i++) {
		struct instance *inst = &env->instances[i];
		const struct provider *provider = provider_find(attach_of(env, inst)->kind);
		enum ending ending;

		if (!inst->fd_count)
			continue;
		if (provider->disable)
			provider->disable(env, inst);
		ending = ending_of(provider->kind);
		if (ending > last)
			last = ending;
	}
	if (last == ENDS_BY_GRACE_PERIOD || (last == ENDS_ON_ITS_CPU && !tour_cpus(env)))
		syscall(SYS_membarrier, MEMBARRIER_GLOBAL, 0, 0);
}

void attach_close_all(struct env *env)
{
	for (uint32_t i = 0; i < env->instance_count; i++) {
		struct instance *inst = &env->instances[i];

		while (inst->fd_count)
			close(inst->fds[--inst->fd_count]);
	}
}
