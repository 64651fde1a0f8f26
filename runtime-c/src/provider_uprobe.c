/* provider_uprobe.c - uprobe and uretprobe: user functions, found by symbol, offset or address in the binary's file.
 *
 * attach.target is the binary as written (binaries.c finds it), attach.name the function (may have wildcards), attach.value
 * the offset in it, or the virtual address if there is no name.  Where the kernel has uprobe_multi links (6.6), the
 * instances of an attach point share one per file: they need CAP_PERFMON only and are closed five times faster.  Else each
 * instance is a perf event of the uprobe PMU (4.17), which needs CAP_SYS_ADMIN.  As a program is loaded for one of both,
 * expansion decides. */
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "binaries.h"
#include "cxx_name.h"
#include "debug_file.h"
#include "elf_file.h"
#include "host.h"
#include "parts.h"
#include "perf.h"
#include "providers.h"
#include "sha256.h"
#include "sys_bpf.h"
#include "util.h"

#define MAX_BUILD_ID 64  /* bytes; common are 20 */

struct expansion {
	struct env *env;
	uint32_t attach;
	bool wildcard;          /* in the name of the function; a C++ name is one: overloads share it */
	bool cpp;               /* the name is C++; a symbol is possible, too */
	bool all_files;         /* the target is a pattern: every file, not the first only */
	uint32_t files;
	const char *path;
	struct elf_file elf;
	/* matches in the current file */
	struct match *matches;
	size_t count, room;
	uint64_t best_size;
};

struct match {
	char *name;
	uint64_t address, size;
};

static bool is_function(const struct elf_symbol *symbol)
{
	return symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
}

static int add_match(struct expansion *x, const struct elf_symbol *symbol)
{
	struct match *bigger;

	if (x->count == x->room) {
		x->room = x->room ? x->room * 2 : 64;
		bigger = realloc(x->matches, x->room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		x->matches = bigger;
	}
	x->matches[x->count].name = arena_strdup(symbol->name);
	x->matches[x->count].address = symbol->value;
	x->matches[x->count++].size = symbol->size;
	return 0;
}

/* All functions of a C++ name: overloads, and the kinds of constructors. */
static bool matches_cpp(const char *symbol, const char *pattern)
{
	char plain[2048];

	return cxx_name(symbol, plain, sizeof(plain)) && cxx_name_matches(pattern, plain);
}

static int visit_symbol(void *arg, const struct elf_symbol *symbol)
{
	struct expansion *x = arg;
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	const char *name = attach_str(x->env, at->name);

	if (!is_function(symbol))
		return 0;
	if (x->wildcard)
		return glob_match(name, symbol->name) || (HAS(SYMBOLS) && x->cpp && matches_cpp(symbol->name, name)) ? add_match(x, symbol) : 0;
	return strcmp(name, symbol->name) ? 0 : add_match(x, symbol) ? -ENOMEM : 1;
}

static int compare_matches(const void *a, const void *b)
{
	return strcmp(((const struct match *)a)->name, ((const struct match *)b)->name);
}

static struct instance *add_instance(struct expansion *x, const char *func, uint64_t offset, uint64_t value)
{
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	const char *ns = attach_str(x->env, at->ns), *colon = *ns ? ":" : "";
	struct instance *inst = instance_add(x->env, x->attach);

	inst->target = x->path;
	inst->func = func;
	inst->address = offset;
	inst->multi = host_has_multi(x->env, true);
	inst->name = arena_printf("%s:%s%s%s:%s%s%s", provider_find(at->kind)->name, x->path, colon, ns, func,
				  *func && value ? "+" : "", *func && !value ? "" : arena_printf("%llu", (unsigned long long)value));
	return inst;
}

/* Why a place may not be probed: `offset` bytes into the function `name` (NULL: in none that is known) of `size` bytes. */
static const char *place_problem(const struct expansion *x, const struct instance *inst, const char *name, uint64_t offset, uint64_t size)
{
	const struct btaot_attach *at = attach_of(x->env, inst);
	const char *refusal = attach_str(x->env, at->pin);

	if (offset && offset >= size)
		return arena_printf("Offset outside the function bounds ('%s' size is %llu)", name, (unsigned long long)size);
	if (offset && at->kind == BTAOT_PROBE_KIND_URETPROBE)
		return arena_printf("uretprobes cannot be attached at function offset. (address resolved to: %s+%llu)", name,
				    (unsigned long long)offset);
	if (size || x->wildcard || !*refusal || *attach_str(x->env, at->build_id))
		return NULL;  /* a build-id: it is known from debug information */
	return refusal;
}

/* Find the function that an address lies in. */
static int visit_around(void *arg, const struct elf_symbol *symbol)
{
	struct match *m = arg;

	if (!is_function(symbol) || m->address - symbol->value >= symbol->size)
		return 0;
	m->name = arena_strdup(symbol->name);
	m->address -= symbol->value;
	m->size = symbol->size;
	return 1;
}

static void add_address(struct expansion *x, uint64_t offset)
{
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	const char *name = attach_str(x->env, at->name);
	struct instance *inst = add_instance(x, name, offset, *name ? 0 : at->value);
	struct match m = { .address = at->value };

	elf_symbols(&x->elf, visit_around, &m);
	inst->layout = (void *)place_problem(x, inst, m.name, m.name ? m.address : 0, m.size);
}

static int add_by_address(struct expansion *x)
{
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	uint64_t offset;

	if (!elf_address_to_offset(&x->elf, at->value, true, &offset))
		return attach_explain(x->env, -ENOENT, "\tCould not resolve address: %s:0x%llx", x->path,
				      (unsigned long long)at->value);
	add_address(x, offset);
	return 0;
}

static int add_by_name(struct expansion *x)
{
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	const struct match *m;
	struct instance *inst;
	uint64_t offset;
	int ret = binary_symbols(&x->elf, x->path, visit_symbol, x);

	if (ret < 0)
		return ret;
	items_sort(x->matches, x->count, sizeof(*x->matches), compare_matches);
	for (m = x->matches; m < x->matches + x->count; m++) {
		if (m > x->matches && !strcmp(m->name, m[-1].name))
			continue;  /* in .dynsym and in .symtab */
		if (!elf_address_to_offset(&x->elf, m->address, false, &offset))
			continue;
		inst = add_instance(x, m->name, offset + at->value, at->value);
		inst->layout = (void *)place_problem(x, inst, m->name, at->value, m->size);
	}
	return 0;
}

int program_check(struct env *env, uint32_t attach, const struct elf_file *elf, const char *path)
{
	const char *wanted = attach_str(env, env->payload.attaches[attach].build_id);
	char found[2 * MAX_BUILD_ID + 1] = "none";
	uint8_t digest[32];
	uint32_t size = 0;
	const uint8_t *id = elf_build_id(elf, &size);
	struct sha256 s;

	if (!*wanted)
		return 0;
	if (!id && strlen(wanted) == 2 * sizeof(digest)) {
		sha256_init(&s);
		sha256_update(&s, elf->data, elf->size);
		sha256_final(&s, digest);
		id = digest;
		size = sizeof(digest);
	}
	for (uint32_t i = 0; i < size && i < MAX_BUILD_ID; i++)
		str_printf(found + 2 * i, 3, "%02x", id[i]);
	if (!strcmp(found, wanted))
		return 0;
	return attach_explain(env, -ENOENT, "%s has build-id %s, the script was compiled for %s", path, found, wanted);
}

/* One file: 1 to stop looking for more. */
static int expand_file(void *arg, const char *path)
{
	struct expansion *x = arg;
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	int ret = elf_map(&x->elf, path);

	if (ret)
		return x->all_files ? 0 : attach_explain(x->env, ret, "cannot read %s: %s", path, strerror(-ret));
	x->files++;
	x->path = arena_strdup(path);
	x->count = 0;
	ret = program_check(x->env, x->attach, &x->elf, path);
	if (!ret)
		ret = !*attach_str(x->env, at->name) || (at->flags & BTAOT_ATTACH_FLAG_ADDRESS) ? add_by_address(x) : add_by_name(x);
	elf_unmap(&x->elf);
	return ret < 0 ? ret : !x->all_files;
}

static int expand_uprobe(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *target = attach_str(env, at->target);
	struct expansion x = {
		.env = env, .attach = attach,
		.cpp = *attach_str(env, at->ns),
		.wildcard = *attach_str(env, at->ns) || is_pattern(attach_str(env, at->name)),
		.all_files = is_pattern(target),
	};
	int ret = binaries_find(target, host_target_pid(env), expand_file, &x);

	free(x.matches);
	x.path = target;
	if (!x.files && !*attach_str(env, at->name) && !*attach_str(env, at->build_id) && !access(target, R_OK))
		add_address(&x, at->value);  /* code without ELF around it */
	else if (!x.files && ret >= 0)
		attach_no_program(env, at);
	return ret < 0 && ret != -ENOENT ? ret : 0;
}

int uprobe_prepare_load(struct env *env, const struct instance *inst, struct load_extra *extra)
{
	(void)env;
	if (inst->multi)
		extra->expected_attach_type = SYS_ATTACH_UPROBE_MULTI;
	return 0;
}

int uprobe_attach(struct env *env, struct instance *inst, bool returns, uint64_t semaphore, uint64_t cookie)
{
	int retbit, pmu = host_probe_pmu(env, true, &retbit), fd;
	pid_t pid = host_target_pid(env);
	struct perf_event_attr attr = {
		.type = (uint32_t)pmu, .config = (returns ? 1ull << retbit : 0) | semaphore << 32,
		.config1 = (uintptr_t)binary_file(inst->target), .config2 = inst->address,
	};

	if (pmu < 0)
		return attach_explain(env, pmu, "this kernel has no uprobes (CONFIG_UPROBE_EVENTS)");
	if (semaphore >> 32)
		return attach_explain(env, -ERANGE, "%s: its semaphore lies beyond 4 GB of the file", inst->name);
	fd = perf_open(&attr, pid > 0 ? pid : -1, pid > 0 ? -1 : host_next_cpu(env, 0));
	return fd < 0 ? fd : perf_attach(env, inst, fd, cookie);
}

static int attach_uprobe(struct env *env, struct instance *inst, uint64_t cookie)
{
	if (inst->layout)
		return attach_explain(env, -EINVAL, "\t%s", (const char *)inst->layout);
	return uprobe_attach(env, inst, attach_of(env, inst)->kind == BTAOT_PROBE_KIND_URETPROBE, 0, cookie);
}

/* Siblings come sorted by file: one link for each file. */
static int attach_file(struct env *env, struct instance **insts, uint32_t count, const uint64_t *semaphores)
{
	bool returns = attach_of(env, insts[0])->kind == BTAOT_PROBE_KIND_URETPROBE;
	uint64_t *offsets = malloc(count * sizeof(*offsets)), *cookies = malloc(count * sizeof(*cookies));
	struct link_spec link = { .prog_fd = insts[0]->prog_fd, .attach_type = SYS_ATTACH_UPROBE_MULTI };
	int fd = -ENOMEM;

	if (offsets && cookies) {
		for (uint32_t i = 0; i < count; i++) {
			offsets[i] = insts[i]->address;
			cookies[i] = instance_identity(env, (uint32_t)(insts[i] - env->instances));
		}
		link.uprobe_multi.path = binary_file(insts[0]->target);
		link.uprobe_multi.offsets = offsets;
		link.uprobe_multi.ref_ctr_offsets = semaphores;
		link.uprobe_multi.cookies = cookies;
		link.uprobe_multi.count = count;
		link.uprobe_multi.flags = returns ? SYS_F_UPROBE_MULTI_RETURN : 0;
		link.uprobe_multi.pid = host_target_pid(env);
		fd = bpf_link_new(&link);
	}
	free(offsets);
	free(cookies);
	if (fd < 0)
		return fd;
	instance_add_fd(insts[0], fd);
	return 0;
}

int uprobe_attach_multi(struct env *env, struct instance **insts, uint32_t count, const uint64_t *semaphores)
{
	uint32_t first, end;
	int ret = 0;

	for (first = 0; first < count && !ret; first = end) {
		for (end = first + 1; end < count && insts[end]->target == insts[first]->target;)
			end++;
		ret = attach_file(env, insts + first, end - first, semaphores ? semaphores + first : NULL);
	}
	return ret;
}

static int attach_uprobe_multi(struct env *env, struct instance **insts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (insts[i]->layout)
			return attach_uprobe(env, insts[i], 0);
	return uprobe_attach_multi(env, insts, count, NULL);
}

const struct provider provider_uprobe = {
	.kind = BTAOT_PROBE_KIND_UPROBE,
	.name = "uprobe",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.expand = expand_uprobe,
	.resolve = resolve_registers,
	.prepare_load = uprobe_prepare_load,
	.attach = attach_uprobe,
	.attach_multi = attach_uprobe_multi,
};

const struct provider provider_uretprobe = {
	.kind = BTAOT_PROBE_KIND_URETPROBE,
	.name = "uretprobe",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.expand = expand_uprobe,
	.resolve = resolve_registers,
	.prepare_load = uprobe_prepare_load,
	.attach = attach_uprobe,
	.attach_multi = attach_uprobe_multi,
};
