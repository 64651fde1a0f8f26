/* perf.h - perf events as carriers of BPF programs. */
#ifndef BTAOT_PERF_H
#define BTAOT_PERF_H

#include <linux/perf_event.h>

#include "attach.h"

/* perf_event_open(2) with size and flags filled in; the event starts disabled.  Descriptor or -errno. */
int perf_open(struct perf_event_attr *attr, pid_t pid, int cpu);
/* Run inst->prog_fd at every event of `perf_fd`, with `cookie` where the kernel has cookies, and enable the event.
 * The instance takes `perf_fd` over, also on failure. */
int perf_attach(struct env *env, struct instance *inst, int perf_fd, uint64_t cookie);
/* The same without enabling the event: enough for tracepoints and kprobes, whose programs run all the same.  (Each enabling
 * sorts all events of its CPU anew: most of the time that 1,500 tracepoints took.) */
int perf_bind(struct env *env, struct instance *inst, int perf_fd, uint64_t cookie);
/* provider->disable for timers and counters.  Events that only carry a program (tracepoints, kprobes, uprobes) go on running
 * it while they are disabled. */
void perf_disable(struct env *env, struct instance *inst);
/* One event on every online CPU (for process `pid`, if not 0). */
int perf_attach_cpus(struct env *env, struct instance *inst, struct perf_event_attr *attr, pid_t pid, uint64_t cookie);

#endif
