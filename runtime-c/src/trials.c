/* trials.c - the test: and bench: probes, run by the kernel's BPF_PROG_TEST_RUN as XDP programs.
 *
 * A test passes if it returns 0, exits with 0 and prints no error; what it prints is shown if it fails.  A benchmark is
 * repeated until it has run for a millisecond; what it prints is dropped.  Output is caught in a memory file that stands
 * in for the real one while the probe runs.  The texts are bpftrace's.  Works on every kernel that we support. */
#define _GNU_SOURCE
#include "trials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach.h"
#include "events.h"
#include "output_internal.h"
#include "parts.h"
#include "providers.h"
#include "sys_bpf.h"
#include "util.h"

#define GREEN "\033[32m"
#define RED "\033[31m"
#define RESET "\033[0m"
#define NAME_WIDTH 41
#define TIME_WIDTH 15
#define ENOUGH_NS 1000000ull

struct trial {
	const char *name;
	uint32_t retval, duration;      /* ns, average of one run */
	bool failed;                    /* exit code or error messages */
	char *printed;
	size_t length;
};

/* Let the script print into a new memory file; returns the descriptor that it printed to before. */
static int catch_output(struct output *o)
{
	int before = o->fd, fd = memfd_create("output", MFD_CLOEXEC);

	output_write(o, true);
	if (fd >= 0)
		o->fd = fd;
	return before;
}

static void release_output(struct output *o, int before, struct trial *t)
{
	off_t size;

	output_write(o, true);
	if (o->fd == before)
		return;
	size = lseek(o->fd, 0, SEEK_END);
	t->printed = size > 0 ? malloc((size_t)size) : NULL;
	if (t->printed && pread(o->fd, t->printed, (size_t)size, 0) == size)
		t->length = (size_t)size;
	close(o->fd);
	o->fd = before;
}

/* Run a probe `repeat` times and take in what it did. */
static int run_probe(struct env *env, const struct instance *inst, uint32_t repeat, struct trial *t)
{
	struct output *o = env->out;
	uint64_t errors = o->errors;
	int before = catch_output(o), ret;

	ret = bpf_prog_test_run_packet(inst->prog_fd, repeat, &t->retval, &t->duration);
	while (!ret && events_drain(env, true) > 0)
		;
	release_output(o, before, t);
	t->failed = env->exit_code || o->errors != errors;
	env->exit_code = 0;
	env->stop = o->exited = false;
	if (ret)
		err("%s: cannot run: %s", inst->name, strerror(-ret));
	return ret;
}

static void put_duration(struct textbuf *b, uint64_t ns)
{
	static const struct { uint64_t scale; const char *unit; } units[] = {
		{ 1000000000, "s" }, { 1000000, "ms" }, { 1000, "\u03bcs" }, { 1, "ns" },
	};
	size_t i = 0;

	while (i < ARRAY_SIZE(units) - 1 && ns < units[i].scale)
		i++;
	text_printf(b, " (%llu %s)\n", (unsigned long long)(ns / units[i].scale), units[i].unit);
}

static void put_json(struct output *o, const char *type, const struct trial *t, const char *time, const char *key)
{
	text_printf(&o->text, "{\"type\": \"%s_result\", \"data\": {", type);
	json_string(&o->text, t->name, strlen(t->name));
	text_printf(&o->text, ": {\"%s\": %u, \"%s\": ", time, t->duration, key);
}

static void put_test(struct output *o, const struct trial *t, bool passed)
{
	if (o->json) {
		put_json(o, "test", t, "duration", "passed");
		text_printf(&o->text, "%s, \"output\": ", passed ? "true" : "false");
		json_string(&o->text, t->printed ? t->printed : "", t->length);
		text_str(&o->text, "}}}\n");
		return;
	}
	text_printf(&o->text, GREEN "[ RUN      ]" RESET " %s\n", t->name);
	if (!passed)
		text_bytes(&o->text, t->printed, t->length);
	text_printf(&o->text, "%s %s", passed ? GREEN "[       OK ]" RESET : RED "[  FAILED  ]" RESET, t->name);
	put_duration(&o->text, t->duration);
}

static const char *tests(uint32_t n)
{
	return n == 1 ? "test" : "tests";
}

static void put_summary(struct output *o, const struct trial *list, uint32_t count)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < count; i++)
		failed += list[i].failed;
	text_printf(&o->text, GREEN "[==========]" RESET " %u %s ran.\n", count, tests(count));
	text_printf(&o->text, GREEN "[  PASSED  ]" RESET " %u %s.\n", count - failed, tests(count - failed));
	if (failed)
		text_printf(&o->text, RED "[  FAILED  ]" RESET " %u %s, listed below:\n", failed, tests(failed));
	for (uint32_t i = 0; i < count; i++)
		if (list[i].failed)
			text_printf(&o->text, RED "[  FAILED  ]" RESET " %s\n", list[i].name);
}

static int run_tests(struct env *env, struct instance **insts, uint32_t count)
{
	struct trial *list = arena_alloc(count * sizeof(*list));
	struct output *o = env->out;
	bool failed = false;
	int ret = 0;

	if (!o->json)
		text_printf(&o->text, GREEN "[==========]" RESET " Running %u tests.\n", count);
	for (uint32_t i = 0; i < count && !ret; i++) {
		list[i].name = insts[i]->target;
		ret = run_probe(env, insts[i], 1, &list[i]);
		list[i].failed |= list[i].retval != 0;
		failed |= list[i].failed;
		if (!ret)
			put_test(o, &list[i], !list[i].failed);
		free(list[i].printed);
	}
	if (!ret && !o->json)
		put_summary(o, list, count);
	if (failed)
		env->exit_code = 1;
	return ret;
}

/* Repeat until the probe has run for a millisecond.  1: it skipped itself. */
static int measure(struct env *env, const struct instance *inst, struct trial *t, uint32_t *repeat)
{
	int ret;

	for (*repeat = 1;;) {
		uint64_t total;

		ret = run_probe(env, inst, *repeat, t);
		free(t->printed);
		if (ret || t->failed)
			return ret;
		if (t->retval)
			return 1;
		total = (uint64_t)t->duration * *repeat;
		if (total >= ENOUGH_NS || *repeat > 100000000)
			return 0;
		*repeat *= total < ENOUGH_NS / 1000 ? 1000 : total < ENOUGH_NS / 100 ? 100 : total < ENOUGH_NS / 10 ? 10 : 2;
	}
}

static void put_padded(struct textbuf *b, const char *text, size_t width)
{
	size_t start = b->len;

	text_str(b, text);
	text_pad(b, start, width, ' ', 1);
}

static void put_bench_head(struct output *o, size_t width)
{
	if (o->json)
		return;
	put_padded(&o->text, "Benchmark", width);
	put_padded(&o->text, "Time(ns)", TIME_WIDTH);
	text_str(&o->text, "Iterations\n");
	text_fill(&o->text, '-', width + TIME_WIDTH + strlen("Iterations"));
	text_char(&o->text, '\n');
}

static void put_bench(struct output *o, const struct trial *t, uint32_t repeat, size_t width)
{
	char number[24];

	if (o->json) {
		put_json(o, "benchmark", t, "average", "iters");
		text_printf(&o->text, "%u}}}\n", repeat);
		return;
	}
	str_printf(number, sizeof(number), "%u", t->duration);
	put_padded(&o->text, t->name, width);
	put_padded(&o->text, number, TIME_WIDTH);
	text_printf(&o->text, "%u\n", repeat);
}

static int run_benches(struct env *env, struct instance **insts, uint32_t count)
{
	size_t width = NAME_WIDTH;
	bool failed = false;

	for (uint32_t i = 0; i < count; i++)
		if (strlen(insts[i]->target) + 1 > width)
			width = strlen(insts[i]->target) + 1;
	put_bench_head(env->out, width);
	for (uint32_t i = 0; i < count; i++) {
		struct trial t = { .name = insts[i]->target };
		uint32_t repeat;
		int ret = measure(env, insts[i], &t, &repeat);

		if (ret < 0)
			return ret;
		if (t.failed)
			err("Benchmark '%s' failed.", t.name);
		else if (!ret)
			put_bench(env->out, &t, repeat, width);
		failed |= t.failed;
	}
	if (failed)
		env->exit_code = 1;
	return 0;
}

int trials_run(struct env *env)
{
	struct instance **insts = arena_alloc((env->instance_count + 1) * sizeof(*insts));
	uint32_t count = 0;

	events_drain(env, true);  /* of begin */
	for (uint32_t i = 0; i < env->instance_count; i++)
		if (attach_of(env, &env->instances[i])->kind == env->opt.trials && env->instances[i].prog_fd >= 0)
			insts[count++] = &env->instances[i];
	if (!count) {
		err("the script has no %s probes", env->opt.trials == BTAOT_PROBE_KIND_TEST ? "test" : "bench");
		return -ENOENT;
	}
	if (!HAS(TRIALS)) {
		err("--test and --bench do not go with what else this script uses: there was no room for both");
		return -ENOTSUP;
	}
	return env->opt.trials == BTAOT_PROBE_KIND_TEST ? run_tests(env, insts, count) : run_benches(env, insts, count);
}
