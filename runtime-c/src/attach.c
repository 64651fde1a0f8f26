/* attach.c - from attach points to attached programs, and back.
 *
 * Expansion, policy for what the host lacks, order of attaching, the stop.  What is special to a probe type is in its
 * provider_*.c; the table below is the only list of them.
 *
 * Stopping is in attach_stop.c. */
#define _GNU_SOURCE
#include "attach.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "arch.h"
#include "feature.h"
#include "host.h"
#include "map_rows.h"
#include "providers.h"
#include "regex.h"
#include "parts.h"
#include "rights.h"
#include "symbols.h"
#include "sys_bpf.h"
#include "util.h"

static const struct provider *const providers[] = {
	&provider_begin, &provider_end, &provider_self_signal, &provider_test, &provider_bench,
	&provider_interval, &provider_profile,
	&provider_tracepoint, &provider_raw_tracepoint, &provider_typed_tracepoint,
	&provider_kprobe, &provider_kretprobe,
	&provider_uprobe, &provider_uretprobe, &provider_usdt,
	&provider_software, &provider_hardware, &provider_watchpoint,
	&provider_fentry, &provider_fexit,
};

const struct provider *provider_find(uint16_t kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(providers); i++)
		if (providers[i]->kind == kind)
			return providers[i];
	return HAS(ITERS) && kind == BTAOT_PROBE_KIND_ITER ? &provider_iter : NULL;
}

/* ---- instances ---- */

struct instance *instance_add(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	uint32_t count = env->instance_count;
	struct instance *bigger, *inst;

	if (!count || (count >= 16 && !(count & (count - 1)))) {  /* the room is a power of two */
		bigger = arena_alloc((count ? count * 2 : 16) * sizeof(*bigger));
		memcpy(bigger, env->instances, count * sizeof(*bigger));
		env->instances = bigger;
	}
	inst = &env->instances[env->instance_count++];
	inst->attach = attach;
	inst->program = at->program;
	inst->name = attach_str(env, at->text);
	inst->target = attach_str(env, at->target);
	inst->func = attach_str(env, at->name);
	inst->prog_fd = -1;
	return inst;
}

uint32_t instance_identity(const struct env *env, uint32_t index)
{
	const struct instance *inst = &env->instances[index];
	uint32_t first = 0;

	if (attach_of(env, inst)->flags & BTAOT_ATTACH_FLAG_WILDCARD) {
		while (index && env->instances[index].uncounted)
			index--;
		return index;
	}
	while (strcmp(env->instances[first].name, inst->name))
		first++;
	return first;
}

void instance_add_fd(struct instance *inst, int fd)
{
	uint32_t count = inst->fd_count;
	int *bigger;

	if (!(count & (count - 1))) {  /* 0 or a power of two: the room is used up */
		bigger = arena_alloc((count ? count * 2 : 1) * sizeof(*bigger));
		if (count)
			memcpy(bigger, inst->fds, count * sizeof(*bigger));
		inst->fds = bigger;
	}
	inst->fds[inst->fd_count++] = fd;
}

/* ---- shared by providers ---- */

int expand_as_written(struct env *env, uint32_t attach)
{
	instance_add(env, attach);
	return 0;
}

int resolve_registers(struct env *env, const struct instance *inst, const struct btaot_symbol *sym, struct ctx_value *out)
{
	const char *name = attach_str(env, sym->a);
	int offset = arch_symbol_offset(name);

	(void)inst;
	if (offset < 0)
		return offset;
	out->offset = offset;
	out->size = sizeof(long);
	if (sym->kind == BTAOT_SYMBOL_KIND_REG)
		return 0;
	if (sym->kind != BTAOT_SYMBOL_KIND_CTX_OFFSET || strncmp(name, "sarg", 4))
		return -EINVAL;
	out->constant = (uint64_t)arch_stack_argument((unsigned int)atoi(name + 4));
	return 0;
}

int resolve_words(struct env *env, const struct instance *inst, const struct btaot_symbol *sym, struct ctx_value *out)
{
	const char *name = attach_str(env, sym->a);
	unsigned long n;
	char *end;

	(void)inst;
	if (sym->kind == BTAOT_SYMBOL_KIND_CTX_LSHIFT || sym->kind == BTAOT_SYMBOL_KIND_CTX_FORM)
		return 0;  /* 8 bytes, inline */
	if (strncmp(name, "arg", 3))
		return -ENOENT;
	n = strtoul(name + 3, &end, 10);
	if (end == name + 3 || *end || n > 63)
		return -ENOENT;
	out->offset = (int32_t)(8 * n);
	out->size = 8;
	out->constant = sym->kind == BTAOT_SYMBOL_KIND_CTX_SIZE ? 8 : 8 * n;
	return 0;
}

/* ---- messages by policy ---- */

int attach_explain(struct env *env, int ret, const char *fmt, ...)
{
	struct host *host = host_get(env);
	va_list ap;

	va_start(ap, fmt);
	host->why = arena_vprintf(fmt, ap);
	va_end(ap);
	return ret;
}

const char *attach_place(const struct env *env, const struct btaot_attach *at)
{
	return arena_printf("%s:%u:%u: ", attach_str(env, env->payload.header->script), at->line, at->column);
}

/* An error or a warning as missing_probes says; "at": the place in the script, may be NULL, or stand before a tab. */
static void __attribute__((format(printf, 3, 4))) report(struct env *env, const struct btaot_attach *at, const char *fmt, ...)
{
	bool fatal = env->cfg.missing_probes == MISSING_ERROR;
	struct host *host = host_get(env);
	va_list ap;
	char text[1024], *said;

	va_start(ap, fmt);
	str_vprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	said = strchr(text, '\t');
	said = said ? said + 1 : text;
	if (host->last_report && !strcmp(host->last_report, text))
		return;  /* the same cause for each of many attach points */
	host->last_report = arena_strdup(text);
	if (!fatal && env->cfg.missing_probes != MISSING_WARN)
		return;
	note("%s%.*s%s: %s", at ? attach_place(env, at) : "", (int)(said > text ? said - text - 1 : 0), text,
	     fatal ? "ERROR" : "WARNING", said);
}

/* Print what attach_explain() noted. */
static bool report_why(struct env *env, const struct btaot_attach *at)
{
	struct host *host = host_get(env);
	bool known = host->why != NULL;

	if (known)
		report(env, *host->why == '\t' ? NULL : at, "%s", host->why + (*host->why == '\t'));
	host->why = NULL;
	return known;
}

static const char *errno_hint(int error, uint16_t kind)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return rights_explain(kind);
	case EMFILE:
		return " (raise the limit with ulimit -n)";
	default:
		return "";
	}
}

/* ---- expansion ---- */

int attach_no_match(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *target = attach_str(env, at->target);

	return attach_explain(env, -ENOENT, "No matches for %s %s%s%s.%s", provider_find(at->kind)->name, target,
			      *target ? ":" : "", attach_str(env, at->name),
			      env->cfg.missing_probes == MISSING_WARN ? " Skipping." : "");
}

void attach_no_program(struct env *env, const struct btaot_attach *at)
{
	attach_explain(env, -ENOENT, "%s target file '%s' does not exist or is not executable", provider_find(at->kind)->name,
		       attach_str(env, at->target));
}

/* Nothing on this host matches an attach point that has no wildcard.  Returns -ENOENT if that is an error. */
static int report_no_match(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];

	if (at->flags & BTAOT_ATTACH_FLAG_OPTIONAL)
		return 0;
	if (!env->host->why) {
		if (at->flags & (BTAOT_ATTACH_FLAG_WILDCARD | BTAOT_ATTACH_FLAG_OPEN))
			return 0;  /* one of several attach points may match nothing */
		attach_no_match(env, attach);
	}
	report_why(env, at);
	return env->cfg.missing_probes == MISSING_ERROR ? -ENOENT : 0;
}

static int expand_one(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const struct provider *provider = provider_find(at->kind);
	uint32_t before = env->instance_count;
	int ret;

	if (at->flags & BTAOT_ATTACH_FLAG_CHOICE)
		return 0;
	if (at->flags & (BTAOT_ATTACH_FLAG_WHOLE | BTAOT_ATTACH_FLAG_PART) &&
	    !!(at->flags & BTAOT_ATTACH_FLAG_PART) == feature_has(env, BTAOT_FEATURE_FOR_EACH_MAP_ELEM, 0, 0))
		return 0;
	if (!provider) {
		err("%s: this runtime cannot attach probes of this type", attach_str(env, at->text));
		return -ENOTSUP;
	}
	if (env->opt.pid && at->kind >= BTAOT_PROBE_KIND_TRACEPOINT && at->kind <= BTAOT_PROBE_KIND_FEXIT &&
	    symbol_in_pid_namespace())
		ret = attach_explain(env, -ENOTSUP, "-p needs the initial pid namespace for kernel probes");
	else
		ret = provider->expand(env, attach);
	if (ret && ret != -ENOENT) {
		if (!report_why(env, at))
			report(env, at, "%s: %s", attach_str(env, at->text), strerror(-ret));
		return env->cfg.missing_probes == MISSING_ERROR ? ret : 0;
	}
	if (env->instance_count == before)
		return report_no_match(env, attach);
	env->instances[before].uncounted |= at->flags & BTAOT_ATTACH_FLAG_PART && at->length > 1;
	return 0;
}

static const char *policy_hint(const struct env *env, const char *otherwise)
{
	return env->cfg.missing_probes == MISSING_ERROR ?
	       " If this is expected, set the 'missing_probes' config variable to 'warn'." : otherwise;
}

static int report_no_block(struct env *env, uint32_t attach)
{
	env->host->last_report = NULL;  /* one for each block */
	report(env, &env->payload.attaches[attach], "Probe has no valid attach points.%s",
	       policy_hint(env, " It is being removed which may cause issues with program behavior."));
	return -ENOENT;
}

/* Every block of the script needs an attach point that this host has: whether it has, is known for some once they are
 * attached (functions of the kernel that are named). */
static int check_blocks(struct env *env, bool attached)
{
	const struct btaot_attach *at = env->payload.attaches;
	uint32_t first, end, i = 0;
	bool any, live, absent;
	int ret = 0;

	for (first = 0; first < env->payload.attach_count; first = end) {
		for (end = first + 1; end < env->payload.attach_count && !(at[end].flags & BTAOT_ATTACH_FLAG_FIRST);)
			end++;
		/* instances come in the order of their attach points */
		for (any = live = absent = false; i < env->instance_count && env->instances[i].attach < end; i++) {
			any = true;
			live |= !env->instances[i].missing;
			absent |= env->instances[i].absent;
		}
		if (!live && any == attached && absent == attached && !(at[first].flags & BTAOT_ATTACH_FLAG_OPTIONAL))
			ret = report_no_block(env, first);
	}
	return env->cfg.missing_probes == MISSING_ERROR ? ret : 0;
}

static int check_limits(struct env *env)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < env->instance_count; i++)  /* those of one multi-link count once */
		count += !env->instances[i].multi || !i || !env->instances[i - 1].multi ||
			 env->instances[i].attach != env->instances[i - 1].attach;
	if (!count) {
		say("No probes to attach\n");
		return -ENOENT;
	}
	if (count <= env->cfg.max_probes)
		return 0;
	err("Can't attach to %llu probes because it exceeds the current limit of %llu probes.\n"
	    "You can increase the limit through the BPFTRACE_MAX_PROBES environment variable.",
	    (unsigned long long)count, (unsigned long long)env->cfg.max_probes);
	return -E2BIG;
}

/* A program and up to two descriptors for each probe, and one per CPU for some: more than the usual 1024 soon. */
static void raise_descriptor_limit(const struct env *env)
{
	struct rlimit limit;
	rlim_t need = 256 + (rlim_t)env->instance_count * 3;

	for (uint32_t i = 0; i < env->payload.attach_count; i++)
		need += 2 * env->cpu_count;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = need;
	if (limit.rlim_max < need)
		limit.rlim_max = need;
	if (limit_set(RLIMIT_NOFILE, &limit) && !getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;  /* not privileged: as far as it goes */
		limit_set(RLIMIT_NOFILE, &limit);
	}
}

/* Put what a load-time symbol gives in the place of an attach point's value.  The payload is this process's own copy. */
static int value_resolve(struct env *env, uint32_t attach)
{
	struct btaot_attach *at = (struct btaot_attach *)&env->payload.attaches[attach];
	uint64_t value = 0;
	int ret;

	if ((at->flags & (BTAOT_ATTACH_FLAG_VALUE_SYMBOL | BTAOT_ATTACH_FLAG_CHOICE)) != BTAOT_ATTACH_FLAG_VALUE_SYMBOL)
		return 0;
	ret = symbol_get(env, (uint32_t)at->value, NULL, &value);
	if (!ret && !value) {
		err("%s: the parameter of %s must be a number above 0", symbol_place(env, &env->payload.symbols[at->value]),
		    attach_str(env, at->text));
		ret = -EINVAL;
	}
	at->value = value;
	at->flags &= (uint16_t)~BTAOT_ATTACH_FLAG_VALUE_SYMBOL;
	return ret;
}

/* Keep the instances that --probe-filter names, and those that are run by hand. */
static void filter_instances(struct env *env)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < env->instance_count; i++) {
		const struct instance *inst = &env->instances[i];
		uint16_t kind = env->payload.attaches[inst->attach].kind;

		if (kind == BTAOT_PROBE_KIND_BEGIN || kind == BTAOT_PROBE_KIND_END || kind == BTAOT_PROBE_KIND_SELF_SIGNAL ||
		    regex_search(env->opt.probe_filter, inst->name))
			env->instances[kept++] = *inst;
	}
	env->instance_count = kept;
}

int attach_expand(struct env *env)
{
	bool failed = false;
	int ret;

	host_get(env);
	for (uint32_t i = 0; i < env->payload.attach_count; i++)
		failed |= value_resolve(env, i) < 0 || expand_one(env, i) < 0;
	if (failed)
		return -ENOENT;
	raise_descriptor_limit(env);
	ret = check_blocks(env, false);
	if (env->opt.probe_filter)
		filter_instances(env);
	return ret ? ret : check_limits(env);
}

/* ---- attaching ---- */

/* Some events run programs in the order in which they were attached, others in reverse.  As bpftrace does, attach the
 * former forwards and then the others backwards, so that blocks run in the order of the script. */
static bool runs_in_reverse(uint16_t kind)
{
	switch (kind) {
	case BTAOT_PROBE_KIND_KPROBE:
	case BTAOT_PROBE_KIND_UPROBE:
	case BTAOT_PROBE_KIND_URETPROBE:
	case BTAOT_PROBE_KIND_USDT:
	case BTAOT_PROBE_KIND_FENTRY:
	case BTAOT_PROBE_KIND_FEXIT:
	case BTAOT_PROBE_KIND_ITER:
		return true;
	default:
		return false;
	}
}

int attach_failed(struct env *env, struct instance *inst, int ret)
{
	const struct btaot_attach *at = attach_of(env, inst);

	if (!report_why(env, at))
		report(env, at, "%s: %s%s", inst->name, strerror(-ret), errno_hint(-ret, at->kind));
	inst->missing = true;
	inst->absent = ret == -ENOENT && inst->prog_fd >= 0;
	if (at->flags & BTAOT_ATTACH_FLAG_OPTIONAL)
		return 0;
	report(env, NULL, "Unable to attach probe: %s.%s", inst->name, policy_hint(env, " Skipping."));
	return env->cfg.missing_probes == MISSING_ERROR ? ret : 0;
}

/* Attach instances [first, end), which share attach point and program, by one link. */
static int attach_group(struct env *env, const struct provider *provider, uint32_t first, uint32_t end)
{
	struct instance **group = malloc((end - first) * sizeof(struct instance *));
	uint32_t i;
	int ret;

	if (!group)
		return -ENOMEM;
	for (i = first; i < end; i++)
		group[i - first] = &env->instances[i];
	ret = provider->attach_multi(env, group, end - first);
	free(group);
	if (ret < 0) {
		ret = attach_failed(env, &env->instances[first], ret);
		for (i = first; i < end; i++)
			env->instances[i].missing = true;
	}
	return ret;
}

/* Whether two neighbours belong to the same multi-link. */
static bool same_group(const struct instance *a, const struct instance *b)
{
	return a->multi && b->multi && a->attach == b->attach && a->prog_fd == b->prog_fd;
}

/* One of many functions that a wildcard matched and that the kernel does not let be probed. */
static bool is_refused_match(const struct env *env, const struct instance *inst, int ret)
{
	if (!(attach_of(env, inst)->flags & BTAOT_ATTACH_FLAG_WILDCARD))
		return false;
	return ret == -EINVAL || ret == -ENOENT || ret == -EADDRNOTAVAIL || ret == -EILSEQ;
}

static int attach_range(struct env *env, uint32_t first, uint32_t end)
{
	struct instance *inst = &env->instances[first];
	const struct provider *provider = provider_find(attach_of(env, inst)->kind);
	int ret;

	if (!provider->attach || inst->missing || inst->prog_fd < 0)
		return 0;
	if (inst->multi && provider->attach_multi)
		return attach_group(env, provider, first, end);
	ret = provider->attach(env, inst, instance_identity(env, first));
	if (ret < 0 && is_refused_match(env, inst, ret)) {
		inst->missing = true;
		env->host->why = NULL;
		return 0;
	}
	return ret < 0 ? attach_failed(env, inst, ret) : 0;
}

int attach_all(struct env *env)
{
	uint32_t first, end;
	int ret = 0;

	for (first = 0; first < env->instance_count && !ret; first = end) {
		for (end = first + 1; end < env->instance_count && same_group(&env->instances[end - 1], &env->instances[end]);)
			end++;
		if (!runs_in_reverse(attach_of(env, &env->instances[first])->kind))
			ret = attach_range(env, first, end);
	}
	for (end = env->instance_count; end && !ret; end = first) {
		for (first = end - 1; first && same_group(&env->instances[first - 1], &env->instances[first]);)
			first--;
		if (runs_in_reverse(attach_of(env, &env->instances[first])->kind))
			ret = attach_range(env, first, end);
	}
	if (!ret)
		ret = check_blocks(env, true);
	if (ret || attach_count(env))
		return ret;
	if (env->cfg.missing_probes == MISSING_IGNORE)
		say("No probes to attach\n");
	else
		err("Attachment failed for all probes.");
	return -ENOENT;
}

/* Probes that only --test and --bench run. */
static bool is_trial(uint16_t kind)
{
	return kind == BTAOT_PROBE_KIND_TEST || kind == BTAOT_PROBE_KIND_BENCH;
}

uint32_t attach_count(const struct env *env)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < env->instance_count; i++)
		count += !env->instances[i].missing && !env->instances[i].uncounted && !is_trial(attach_of(env, &env->instances[i])->kind);
	return count;
}

enum { PART_GO_ON, PART_STOP, PART_LEFT };  /* what a part returns: codegen/base.py */

/* Run a part of a block: once, or for each row of a map. */
static int part_run(struct env *env, const struct instance *inst, const struct btaot_attach *at, uint32_t *result)
{
	uint32_t row = map_by_role(env, BTAOT_MAP_ROLE_ROW), map = (uint32_t)at->value - 1, zero = 0;
	const struct btaot_map *m = &env->payload.maps[map];
	struct row_set set;
	uint8_t *copy;
	int ret;

	if (!at->value)
		return bpf_prog_test_run(inst->prog_fd, NULL, 0, result);
	ret = rows_collect(env->out, map, &set);
	if (ret)
		return ret;
	copy = arena_alloc(env->payload.maps[row].value_size);
	*result = 0;
	for (uint32_t i = 0; i < set.count && !ret && !*result; i++) {
		memcpy(copy, set.rows[i].key, m->key_size);
		memcpy(copy + ((m->key_size + 7) & ~7u), set.rows[i].value, m->value_size);
		ret = bpf_map_update(env->map_fds[row], &zero, copy, 0);
		if (!ret)
			ret = bpf_prog_test_run(inst->prog_fd, NULL, 0, result);
	}
	rows_free(&set);
	return ret;
}

int attach_run(struct env *env, uint16_t kind, const char *name)
{
	uint32_t result = 0;
	int ret = 0;

	for (uint32_t i = 0; i < env->instance_count && !ret; i++) {
		const struct instance *inst = &env->instances[i];

		if (attach_of(env, inst)->kind != kind)
			continue;
		if (name && strcmp(inst->func, name) && strcmp(inst->target, name))
			continue;
		if (inst->missing)
			result = PART_LEFT;  /* nor the parts behind it */
		else if (attach_of(env, inst)->length <= 1 || result != PART_LEFT)
			ret = part_run(env, inst, attach_of(env, inst), &result);
		if (ret < 0)
			err("%s: cannot run: %s", inst->name, strerror(-ret));
	}
	return ret;
}
