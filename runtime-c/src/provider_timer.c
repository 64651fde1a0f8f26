/* provider_timer.c - interval and profile: the software event cpu-clock, on one CPU or on all.
 *
 * attach.name is the unit (ns, us, ms, s, hz), attach.value the number of units.  Runs on every kernel that has perf
 * events, also where no hardware counters exist.  The context is struct bpf_perf_event_data, which begins with the
 * registers. */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "host.h"
#include "perf.h"
#include "providers.h"

static int set_rate(struct env *env, const struct instance *inst, struct perf_event_attr *attr)
{
	static const struct { char name[3]; uint64_t ns; } units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
	};
	const struct btaot_attach *at = attach_of(env, inst);
	const char *unit = attach_str(env, at->name);
	uint64_t period;

	attr->type = PERF_TYPE_SOFTWARE;
	attr->config = PERF_COUNT_SW_CPU_CLOCK;
	if (!strcmp(unit, "hz")) {
		attr->freq = 1;
		attr->sample_freq = at->value;
		return 0;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name))
			continue;
		if (__builtin_mul_overflow(at->value, units[i].ns, &period) || period >> 63)
			return attach_explain(env, -ERANGE, "%s: the period is too long", inst->name);
		attr->sample_period = period;
		return 0;
	}
	return attach_explain(env, -EINVAL, "%s is not an accepted unit of time", unit);
}

/* The only thing about the rate that a kernel refuses is a frequency above its limit. */
static int explain(struct env *env, const struct instance *inst, const struct perf_event_attr *attr, int ret)
{
	if (ret == -EINVAL && attr->freq)
		attach_explain(env, ret, "%s: the kernel allows no more than kernel.perf_event_max_sample_rate per second",
			       inst->name);
	return ret;
}

static int attach_interval(struct env *env, struct instance *inst, uint64_t cookie)
{
	struct perf_event_attr attr = { 0 };
	int ret = set_rate(env, inst, &attr), fd;

	if (ret)
		return ret;
	fd = perf_open(&attr, -1, host_next_cpu(env, 0));
	return fd < 0 ? explain(env, inst, &attr, fd) : perf_attach(env, inst, fd, cookie);
}

static int attach_profile(struct env *env, struct instance *inst, uint64_t cookie)
{
	struct perf_event_attr attr = { 0 };
	int ret = set_rate(env, inst, &attr);

	return ret ? ret : explain(env, inst, &attr, perf_attach_cpus(env, inst, &attr, host_target_pid(env), cookie));
}

const struct provider provider_interval = {
	.kind = BTAOT_PROBE_KIND_INTERVAL,
	.name = "interval",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT,
	.expand = expand_as_written,
	.resolve = resolve_registers,
	.attach = attach_interval,
	.disable = perf_disable,
};

const struct provider provider_profile = {
	.kind = BTAOT_PROBE_KIND_PROFILE,
	.name = "profile",
	.prog_type = BPF_PROG_TYPE_PERF_EVENT,
	.expand = expand_as_written,
	.resolve = resolve_registers,
	.attach = attach_profile,
	.disable = perf_disable,
};
