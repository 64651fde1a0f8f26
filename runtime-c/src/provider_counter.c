/* provider_counter.c - software and hardware: a program every N events of a perf counter, on every CPU.
 *
 * attach.target is the event's name or alias, attach.value the period (0: the default).  Names, aliases and default
 * periods are bpftrace's.  Virtual machines often have no hardware counters (ENOENT). */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "host.h"
#include "perf.h"
#include "providers.h"
#include "util.h"

struct counter {
	const char *name, *alias;
	uint32_t config, period;
};

static const struct counter software[] = {
	{ "alignment-faults", "", PERF_COUNT_SW_ALIGNMENT_FAULTS, 1 },
	{ "bpf-output", "", PERF_COUNT_SW_BPF_OUTPUT, 1 },
	{ "context-switches", "cs", PERF_COUNT_SW_CONTEXT_SWITCHES, 1000 },
	{ "cpu-clock", "cpu", PERF_COUNT_SW_CPU_CLOCK, 1000000 },
	{ "cpu-migrations", "", PERF_COUNT_SW_CPU_MIGRATIONS, 1 },
	{ "dummy", "", PERF_COUNT_SW_DUMMY, 1 },
	{ "emulation-faults", "", PERF_COUNT_SW_EMULATION_FAULTS, 1 },
	{ "major-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1 },
	{ "minor-faults", "", PERF_COUNT_SW_PAGE_FAULTS_MIN, 100 },
	{ "page-faults", "faults", PERF_COUNT_SW_PAGE_FAULTS, 100 },
	{ "task-clock", "", PERF_COUNT_SW_TASK_CLOCK, 1 },
};

static const struct counter hardware[] = {
	{ "backend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1000000 },
	{ "branch-instructions", "branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 100000 },
	{ "branch-misses", "", PERF_COUNT_HW_BRANCH_MISSES, 100000 },
	{ "bus-cycles", "", PERF_COUNT_HW_BUS_CYCLES, 100000 },
	{ "cache-misses", "", PERF_COUNT_HW_CACHE_MISSES, 1000000 },
	{ "cache-references", "", PERF_COUNT_HW_CACHE_REFERENCES, 1000000 },
	{ "cpu-cycles", "cycles", PERF_COUNT_HW_CPU_CYCLES, 1000000 },
	{ "frontend-stalls", "", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1000000 },
	{ "instructions", "", PERF_COUNT_HW_INSTRUCTIONS, 1000000 },
	{ "ref-cycles", "", PERF_COUNT_HW_REF_CPU_CYCLES, 1000000 },
};

static const struct counter *find_counter(const struct counter *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name) || (*list[i].alias && !strcmp(list[i].alias, name)))
			return &list[i];
	return NULL;
}

static int attach_counter(struct env *env, struct instance *inst, uint64_t cookie)
{
	const struct btaot_attach *at = attach_of(env, inst);
	bool hard = at->kind == BTAOT_PROBE_KIND_HARDWARE;
	const struct counter *counter = hard ? find_counter(hardware, ARRAY_SIZE(hardware), inst->target) :
					find_counter(software, ARRAY_SIZE(software), inst->target);
	struct perf_event_attr attr = { .type = hard ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE };
	int ret;

	if (!counter)
		return attach_explain(env, -ENOENT, "%s is not a %s probe", inst->target, hard ? "hardware" : "software");
	attr.config = counter->config;
	attr.sample_period = at->value ? at->value : counter->period;
	ret = perf_attach_cpus(env, inst, &attr, host_target_pid(env), cookie);
	if (ret == -ENOENT || ret == -EOPNOTSUPP)
		return attach_explain(env, ret, "%s: this machine has no counter for it", inst->name);
	return ret;
}

#define COUNTER(symbol, kind_, name_) \
	const struct provider symbol = { \
		.kind = kind_, .name = name_, .prog_type = BPF_PROG_TYPE_PERF_EVENT, .expand = expand_as_written, \
		.resolve = resolve_registers, .attach = attach_counter, .disable = perf_disable, \
	}

COUNTER(provider_software, BTAOT_PROBE_KIND_SOFTWARE, "software");
COUNTER(provider_hardware, BTAOT_PROBE_KIND_HARDWARE, "hardware");
