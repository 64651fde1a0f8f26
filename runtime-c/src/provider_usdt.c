/* provider_usdt.c - static probes of user programs.
 *
 * attach.target is the binary (or, with -p, "" for everything that the process has mapped), attach.ns the provider,
 * attach.name the probe; each may be a pattern, and an empty provider means any.  Each note is an instance of its own,
 * because the notes of one probe may have their arguments in different places: the program is copied for each distinct
 * set of places that it uses.  Only the first note of a probe counts as a probe.
 *
 * Semaphores are kept by the kernel (ref_ctr_offset, 4.20).  How a place is attached is provider_uprobe.c's business. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "binaries.h"
#include "host.h"
#include "providers.h"
#include "usdt.h"
#include "util.h"

/* instance->layout */
struct usdt_site {
	const char *args;
	uint64_t address, semaphore;
};

struct expansion {
	struct env *env;
	uint32_t attach;
	bool all_files;
	uint32_t files;
	const char *path;
	struct usdt_note *notes;
	size_t count, room;
};

/* Collect a note that matches; its strings are copied because the file is unmapped later. */
static int visit_note(void *arg, const struct usdt_note *note)
{
	struct expansion *x = arg;
	const struct btaot_attach *at = &x->env->payload.attaches[x->attach];
	const char *provider = attach_str(x->env, at->ns);
	struct usdt_note *bigger;

	if ((*provider && !glob_match(provider, note->provider)) || !glob_match(attach_str(x->env, at->name), note->name))
		return 0;
	if (x->count == x->room) {
		x->room = x->room ? x->room * 2 : 16;
		bigger = realloc(x->notes, x->room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		x->notes = bigger;
	}
	x->notes[x->count] = *note;
	x->notes[x->count].provider = arena_strdup(note->provider);
	x->notes[x->count].name = arena_strdup(note->name);
	x->notes[x->count++].args = arena_strdup(note->args);
	return 0;
}

static int compare_notes(const void *a, const void *b)
{
	const struct usdt_note *x = a, *y = b;
	int order = strcmp(x->provider, y->provider);

	if (!order)
		order = strcmp(x->name, y->name);
	return order ? order : x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void add_note(struct expansion *x, const struct usdt_note *note, bool further)
{
	struct instance *inst = instance_add(x->env, x->attach);
	struct usdt_site *site = arena_alloc(sizeof(*site));

	site->args = note->args;
	site->address = note->address;
	site->semaphore = note->semaphore;
	inst->layout = site;
	inst->target = x->path;
	inst->func = note->name;
	inst->address = note->offset;
	inst->multi = host_has_multi(x->env, true);
	inst->uncounted = further;
	inst->name = further ? (inst - 1)->name : arena_printf("usdt:%s:%s:%s", x->path, note->provider, note->name);
}

static int expand_file(void *arg, const char *path)
{
	struct expansion *x = arg;
	struct elf_file elf;
	int ret = elf_map(&elf, path);

	if (ret)
		return x->all_files ? 0 : attach_explain(x->env, ret, "cannot read %s: %s", path, strerror(-ret));
	x->files++;
	x->path = arena_strdup(path);
	x->count = 0;
	ret = program_check(x->env, x->attach, &elf, path);
	if (!ret)
		ret = usdt_notes(&elf, visit_note, x);
	elf_unmap(&elf);
	if (ret < 0)
		return ret;
	if (x->count)
		items_sort(x->notes, x->count, sizeof(*x->notes), compare_notes);
	for (size_t i = 0; i < x->count; i++)
		add_note(x, &x->notes[i], i && !strcmp(x->notes[i].provider, x->notes[i - 1].provider) &&
			 !strcmp(x->notes[i].name, x->notes[i - 1].name));
	return !x->all_files;
}

static int expand_usdt(struct env *env, uint32_t attach)
{
	const struct btaot_attach *at = &env->payload.attaches[attach];
	const char *target = attach_str(env, at->target);
	pid_t pid = host_target_pid(env);
	struct expansion x = { .env = env, .attach = attach, .all_files = !*target || is_pattern(target) };
	int ret;

	if (!*target && pid <= 0)
		return attach_explain(env, -ENOENT, "usdt probe must specify at least path or pid to probe. To target all "
				      "paths/pids set the path to '*'.");
	ret = binaries_find(*target ? target : "*", pid, expand_file, &x);
	free(x.notes);
	if (!x.files && ret >= 0)
		attach_no_program(env, at);
	return ret < 0 && ret != -ENOENT ? ret : 0;
}

struct symbol_search {
	const struct usdt_argument *argument;
	uint64_t address;
};

static int match_symbol(void *arg, const struct elf_symbol *symbol)
{
	struct symbol_search *s = arg;

	if (strlen(symbol->name) != s->argument->symbol_length ||
	    strncmp(symbol->name, s->argument->symbol, s->argument->symbol_length))
		return 0;
	s->address = symbol->value;
	return 1;
}

/* Make an argument at a symbol relative to the probe's own address, which the program counter holds when it fires. */
static int locate_symbol(const struct instance *inst, struct usdt_argument *argument)
{
	const struct usdt_site *site = inst->layout;
	struct symbol_search search = { argument, 0 };
	struct elf_file elf;
	int ret = elf_map(&elf, inst->target);

	if (ret)
		return ret;
	ret = elf_symbols(&elf, match_symbol, &search);
	elf_unmap(&elf);
	if (ret != 1)
		return -ENOENT;
	argument->offset += (int64_t)(search.address - site->address);
	return 0;
}

static uint64_t load_of(int32_t offset)
{
	return (uint64_t)sizeof(long) << 32 | (uint32_t)offset;  /* as the loader encodes context loads */
}

static int resolve_part(const struct usdt_argument *a, uint32_t part, struct ctx_value *out)
{
	bool high = a->place == USDT_MEMORY && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	uint32_t unused = 64 - 8 * a->size;

	switch (part) {
	case BTAOT_USDT_PART_PLACE:
		out->constant = a->place;
		return 0;
	case BTAOT_USDT_PART_BASE:
		out->constant = load_of(a->base);
		return 0;
	case BTAOT_USDT_PART_INDEX:
		out->constant = load_of(a->index < 0 ? 0 : a->index);
		return 0;
	case BTAOT_USDT_PART_SCALE:
		out->constant = a->index < 0 ? 0 : a->scale;
		return 0;
	case BTAOT_USDT_PART_OFFSET:
		out->constant = (uint64_t)a->offset;
		return 0;
	case BTAOT_USDT_PART_SIZE:
		out->constant = a->size;
		return 0;
	case BTAOT_USDT_PART_LSHIFT:
		out->constant = high ? 0 : unused;
		return 0;
	case BTAOT_USDT_PART_RSHIFT:
		out->constant = unused;
		return 0;
	case BTAOT_USDT_PART_SIGNED:
		out->constant = a->is_signed;
		return 0;
	default:
		return -EINVAL;
	}
}

static int resolve_usdt(struct env *env, const struct instance *inst, const struct btaot_symbol *sym, struct ctx_value *out)
{
	const struct usdt_site *site = inst->layout;
	struct usdt_argument argument;
	int ret;

	if (sym->kind != BTAOT_SYMBOL_KIND_USDT_ARG)
		return resolve_registers(env, inst, sym, out);
	ret = usdt_argument_parse(site->args, (uint32_t)sym->imm, &argument);
	if (ret == -ENOENT) {  /* it has fewer arguments: the others are 0 */
		argument = (struct usdt_argument){ .place = USDT_CONSTANT, .size = 8 };
		ret = 0;
	}
	if (!ret && argument.symbol_length)
		ret = locate_symbol(inst, &argument);
	return ret ? ret : resolve_part(&argument, sym->b, out);
}

static int attach_usdt(struct env *env, struct instance *inst, uint64_t cookie)
{
	const struct usdt_site *site = inst->layout;

	return uprobe_attach(env, inst, false, site->semaphore, cookie);
}

static int attach_usdt_multi(struct env *env, struct instance **insts, uint32_t count)
{
	uint64_t *semaphores = malloc(count * sizeof(*semaphores));
	int ret;

	if (!semaphores)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		semaphores[i] = ((const struct usdt_site *)insts[i]->layout)->semaphore;
	ret = uprobe_attach_multi(env, insts, count, semaphores);
	free(semaphores);
	return ret;
}

const struct provider provider_usdt = {
	.kind = BTAOT_PROBE_KIND_USDT,
	.name = "usdt",
	.prog_type = BPF_PROG_TYPE_KPROBE,
	.expand = expand_usdt,
	.resolve = resolve_usdt,
	.prepare_load = uprobe_prepare_load,
	.attach = attach_usdt,
	.attach_multi = attach_usdt_multi,
};
