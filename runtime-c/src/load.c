/* load.c - patch program templates with the host's values and load them.
 *
 * A template is copied once per instance layout: the values of its local symbols (context loads, identity) and what else
 * loading needs.  Instances with the same values share one program.  Everything else in the copy is the same for all,
 * because every other symbol has one value per run.
 *
 * What a kernel lacks is patched so that the branch that would use it may stay as dead code (bpf-facts): before 5.12 the
 * verifier looks at fetching atomics even there, so they become `ja +0`; without callbacks, references to them become 0.
 * A type or field that is missing, in a script that asks whether such things exist, becomes a call that the verifier
 * refuses if it can be reached. */
#include "load.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "feature.h"
#include "host.h"
#include "providers.h"
#include "symbols.h"
#include "sys_bpf.h"
#include "util.h"
#include "verifier_log.h"

#define LOG_LEAST 128u  /* before 6.4 kernels refuse smaller ones */
#define OP_ATOMIC 0xc0
#define IS_WIDE(insn) ((insn)->code == (BPF_LD | BPF_DW | BPF_IMM))

/* One loaded copy of a template. */
struct variant {
	struct variant *next;
	uint32_t program;
	struct load_extra extra;
	const uint64_t *locals;
	int fd;
};

struct loader {
	struct env *env;
	struct variant *variants;
	uint32_t variant_count;
	struct bpf_insn *insns;         /* the copy being made */
	uint64_t *locals;               /* values of the local symbols of the instance, in order of the relocations */
	bool poisons;                   /* the script asks whether types or fields exist */
	char *log;
	uint32_t log_size;
};

static const struct btaot_reloc *reloc_at(const struct env *env, const struct btaot_program *prog, uint32_t i)
{
	return &env->payload.relocs[prog->reloc_first + i];
}

static bool reloc_is_local(const struct env *env, const struct btaot_reloc *r)
{
	return r->form != BTAOT_RELOC_FORM_CALLBACK && symbol_is_local(env, r->symbol);
}

/* ---- patching ---- */

static int patch_load(struct bpf_insn *insn, uint64_t value)
{
	static const uint8_t sizes[9] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };
	uint32_t size = (uint32_t)(value >> 32);
	int32_t offset = (int32_t)(uint32_t)value;

	if ((size != 1 && size != 2 && size != 4 && size != 8) || offset < INT16_MIN || offset > INT16_MAX)
		return -ERANGE;
	*insn = (struct bpf_insn){
		.code = BPF_LDX | BPF_MEM | sizes[size], .dst_reg = 0, .src_reg = 1, .off = (int16_t)offset,
	};
	return 0;
}

static void patch_constant(struct bpf_insn *insn, uint16_t kind, uint64_t value)
{
	insn[0].src_reg = kind == BTAOT_SYMBOL_KIND_MAP_FD ? SYS_PSEUDO_MAP_FD :
			  kind == BTAOT_SYMBOL_KIND_MAP_VALUE ? SYS_PSEUDO_MAP_VALUE : 0;
	insn[0].imm = (int32_t)(uint32_t)value;
	insn[1].imm = (int32_t)(uint32_t)(value >> 32);
}

static void patch_poison(struct bpf_insn *insn, uint32_t symbol)
{
	int count = IS_WIDE(insn) ? 2 : 1;

	for (int i = 0; i < count; i++)
		insn[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = POISON + (int32_t)(symbol & 0xffff) };
}

/* A reference to a callback; 0 where this kernel has none, as the branch that uses it is dead then. */
static void patch_callback(struct loader *l, struct bpf_insn *insn, const struct btaot_reloc *r)
{
	bool works = feature_has(l->env, BTAOT_FEATURE_FOR_EACH_MAP_ELEM, 0, 0) ||
		     feature_has(l->env, BTAOT_FEATURE_BPF_LOOP, 0, 0);

	insn[0].src_reg = works ? SYS_PSEUDO_FUNC : 0;
	insn[0].imm = works ? (int32_t)r->symbol - (int32_t)r->insn - 1 : 0;
	insn[1].imm = 0;
}

static int patch(struct loader *l, const struct symbol_scope *scope, const struct btaot_reloc *r, uint64_t local)
{
	struct bpf_insn *insn = &l->insns[r->insn];
	uint64_t value = local;
	int ret = 0;

	if (r->form == BTAOT_RELOC_FORM_CALLBACK) {
		patch_callback(l, insn, r);
		return 0;
	}
	if (!reloc_is_local(l->env, r))
		ret = symbol_get(l->env, r->symbol, scope, &value);
	if (ret == -ENOENT && l->poisons) {
		patch_poison(insn, r->symbol);
		return 0;
	}
	if (ret == -ENOENT)
		symbol_explain(l->env, r->symbol, scope);
	if (ret)
		return ret;
	switch (r->form) {
	case BTAOT_RELOC_FORM_LDX:
		ret = patch_load(insn, value);
		break;
	case BTAOT_RELOC_FORM_KFUNC_CALL:
		insn->src_reg = SYS_PSEUDO_KFUNC_CALL;
		insn->imm = (int32_t)(uint32_t)value;
		insn->off = 0;
		break;
	case BTAOT_RELOC_FORM_IMM32:
		insn->imm = (int32_t)(uint32_t)value;
		break;
	case BTAOT_RELOC_FORM_OFFSET:
		insn->off = (int16_t)value;
		ret = value > INT16_MAX ? -ERANGE : 0;
		break;
	default:
		patch_constant(insn, l->env->payload.symbols[r->symbol].kind, value);
	}
	if (ret)
		err("%s: a field of %s lies too far from its start to be loaded", symbol_place(l->env,
		    &l->env->payload.symbols[r->symbol]), scope->instance->name);
	return ret;
}

static bool is_new_atomic(const struct bpf_insn *insn)
{
	return (insn->code & 7) == BPF_STX && (insn->code & 0xe0) == OP_ATOMIC && insn->imm;
}

/* Before 5.12 an atomic with anything in `imm` is refused even where it cannot be reached. */
static void drop_new_atomics(struct env *env, struct bpf_insn *insns, uint32_t count)
{
	for (uint32_t i = 0; i < count; i += IS_WIDE(&insns[i]) ? 2 : 1) {
		if (!is_new_atomic(&insns[i]))
			continue;
		if (feature_has(env, BTAOT_FEATURE_FETCHING_ATOMICS, 0, 0))
			return;
		insns[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA };
	}
}

static int copy_make(struct loader *l, const struct btaot_program *prog, const struct symbol_scope *scope)
{
	uint32_t local = 0;

	memcpy(l->insns, l->env->payload.text + prog->insn_off, prog->insn_count * sizeof(*l->insns));
	for (uint32_t i = 0; i < prog->reloc_count; i++) {
		const struct btaot_reloc *r = reloc_at(l->env, prog, i);
		int ret = patch(l, scope, r, reloc_is_local(l->env, r) ? l->locals[local++] : 0);

		if (ret)
			return ret;
	}
	drop_new_atomics(l->env, l->insns, prog->insn_count);
	return 0;
}

/* ---- loading ---- */

/* BTF of our programs: needed for callbacks, and the verifier quotes the script from it.  Old kernels may refuse it. */
static int program_btf(struct env *env)
{
	const struct payload *p = &env->payload;

	if (!env->prog_btf_fd && p->btf_count) {
		env->prog_btf_fd = bpf_btf_load(p->btf, p->btf_count, NULL, 0);
		if (env->prog_btf_fd < 0 && env->opt.verbose)
			warn("the kernel refuses the type information of the script: %s", strerror(-env->prog_btf_fd));
	}
	return env->prog_btf_fd > 0 ? env->prog_btf_fd : 0;
}

static int load_with_log(struct loader *l, struct prog_spec *spec)
{
	int fd;

	if (!l->log) {
		l->log_size = l->env->cfg.log_size < LOG_LEAST ? LOG_LEAST :
			      l->env->cfg.log_size > UINT32_MAX >> 8 ? UINT32_MAX >> 8 : (uint32_t)l->env->cfg.log_size;
		l->log = pages_alloc(l->log_size);
		if (!l->log)
			return -ENOMEM;
	}
	l->log[0] = '\0';
	spec->log = l->log;
	spec->log_size = l->log_size;
	spec->log_level = 1;
	fd = bpf_prog_load_raw(spec);
	return fd;
}

static int copy_load(struct loader *l, const struct symbol_scope *scope, const struct load_extra *extra)
{
	const struct btaot_program *prog = scope->program;
	const struct payload *p = &l->env->payload;
	struct prog_spec spec = {
		.type = scope->provider->prog_type, .expected_attach_type = extra->expected_attach_type,
		.flags = extra->prog_flags, .insns = l->insns, .insn_count = prog->insn_count,
		.name = payload_str(p, prog->name), .license = payload_str(p, p->header->license),
		.attach_btf_id = extra->attach_btf_id, .attach_btf_obj_fd = extra->attach_btf_obj_fd,
	};
	uint32_t poison;
	int fd, first;

	if (prog->func_count && program_btf(l->env)) {
		spec.btf_fd = l->env->prog_btf_fd;
		spec.func_info = &p->func_infos[prog->func_first];
		spec.func_count = prog->func_count;
		spec.line_info = &p->line_infos[prog->line_first];
		spec.line_count = prog->line_count;
	}
	/* With -v and a log_size of one's own the log has to fit, as upstream. */
	first = l->env->opt.verbose && l->env->cfg.log_size != LOG_DEFAULT ? -ENOSPC : bpf_prog_load_raw(&spec);
	if (first >= 0)
		return first;
	fd = load_with_log(l, &spec);
	if (fd >= 0)
		return fd;
	if (fd == first && fd == -ENOSPC) {
		spec.log_size = spec.log_level = 0;
		spec.log = NULL;
		first = bpf_prog_load_raw(&spec);
	}
	if (first >= 0) {
		close(first);
		err("Error loading BPF program for %s. Error code: %d (%s).", spec.name, fd, strerror(-fd));
		warn("Kernel log seems to be trimmed: log_size (BPFTRACE_LOG_SIZE) is %u", (unsigned int)l->env->cfg.log_size);
		return fd;
	}
	poison = l->log ? verifier_log_poison(l->log) : BTAOT_NONE;
	if (poison < p->symbol_count)
		symbol_explain(l->env, poison, scope);
	else
		verifier_log_report(l->env, prog, scope->instance->name, l->log ? l->log : "", fd == -ENOSPC ? first : fd,
				    scope->provider->kind);
	return fd == -ENOSPC ? first : fd;
}

/* ---- instances ---- */

static int locals_get(struct loader *l, const struct symbol_scope *scope, uint32_t *count)
{
	const struct btaot_program *prog = scope->program;

	*count = 0;
	for (uint32_t i = 0; i < prog->reloc_count; i++) {
		const struct btaot_reloc *r = reloc_at(l->env, prog, i);
		int ret;

		if (!reloc_is_local(l->env, r))
			continue;
		ret = symbol_get(l->env, r->symbol, scope, &l->locals[*count]);
		if (ret == -ENOENT)
			symbol_explain(l->env, r->symbol, scope);
		else if (ret)
			err("%s: cannot find '%s': %s", symbol_place(l->env, &l->env->payload.symbols[r->symbol]),
			    scope->instance->name, strerror(-ret));
		if (ret)
			return ret;
		++*count;
	}
	return 0;
}

static struct variant *variant_find(struct loader *l, uint32_t program, const struct load_extra *extra, uint32_t locals)
{
	for (struct variant *v = l->variants; v; v = v->next)
		if (v->program == program && !memcmp(&v->extra, extra, sizeof(*extra)) &&
		    !memcmp(v->locals, l->locals, locals * sizeof(*l->locals)))
			return v;
	return NULL;
}

static int variant_add(struct loader *l, uint32_t program, const struct load_extra *extra, uint32_t locals, int fd)
{
	struct variant *v = arena_alloc(sizeof(*v));
	uint64_t *copy = arena_alloc(locals * sizeof(*copy) + 1);

	memcpy(copy, l->locals, locals * sizeof(*copy));
	*v = (struct variant){ l->variants, program, *extra, copy, fd };
	l->variants = v;
	l->variant_count++;
	return fd;
}

static int instance_load(struct loader *l, uint32_t index)
{
	struct env *env = l->env;
	struct instance *inst = &env->instances[index];
	const struct btaot_program *prog = &env->payload.programs[inst->program];
	const struct provider *provider = provider_find(prog->kind);
	struct symbol_scope scope = { prog, provider, inst, index, 0 };
	struct load_extra extra;
	struct variant *v;
	uint32_t locals;
	int ret;

	memset(&extra, 0, sizeof(extra));
	extra.expected_attach_type = provider->expected_attach_type;
	extra.prog_flags = prog->flags & BTAOT_PROGRAM_FLAG_SLEEPABLE ? SYS_F_SLEEPABLE : 0;
	ret = provider->prepare_load ? provider->prepare_load(env, inst, &extra) : 0;
	scope.expected_attach_type = extra.expected_attach_type;
	if (ret) {
		err("%s: %s", inst->name, strerror(-ret));
		return ret;
	}
	ret = locals_get(l, &scope, &locals);
	if (ret)
		return ret;
	v = variant_find(l, inst->program, &extra, locals);
	if (v) {
		inst->prog_fd = v->fd;
		return 0;
	}
	if (l->variant_count >= env->cfg.max_bpf_progs) {
		err("Can't load more than %llu BPF programs (max_bpf_progs): the probes of this script need a copy each",
		    (unsigned long long)env->cfg.max_bpf_progs);
		return -E2BIG;
	}
	ret = copy_make(l, prog, &scope);
	if (!ret)
		ret = inst->prog_fd = copy_load(l, &scope, &extra);
	if (ret < 0)
		return ret;
	variant_add(l, inst->program, &extra, locals, ret);
	return 0;
}

static bool asks_for_existence(const struct payload *p)
{
	for (uint32_t i = 0; i < p->symbol_count; i++)
		if (p->symbols[i].kind == BTAOT_SYMBOL_KIND_FIELD_EXISTS || p->symbols[i].kind == BTAOT_SYMBOL_KIND_TYPE_EXISTS ||
		    p->symbols[i].kind == BTAOT_SYMBOL_KIND_KFUNC_ALLOWED ||
		    p->symbols[i].kind == BTAOT_SYMBOL_KIND_ENUM_EXISTS ||
		    (p->symbols[i].kind == BTAOT_SYMBOL_KIND_KFUNC && p->symbols[i].imm))
			return true;
	return false;
}

int load_programs(struct env *env)
{
	struct loader l = { .env = env, .poisons = asks_for_existence(&env->payload) };
	uint32_t insns = 0, relocs = 0;
	int ret = 0;

	for (uint32_t i = 0; i < env->payload.program_count; i++) {
		const struct btaot_program *prog = &env->payload.programs[i];

		insns = prog->insn_count > insns ? prog->insn_count : insns;
		relocs = prog->reloc_count > relocs ? prog->reloc_count : relocs;
	}
	l.insns = arena_alloc(insns * sizeof(*l.insns));
	l.locals = arena_alloc(relocs * sizeof(*l.locals));
	for (uint32_t i = 0; i < env->instance_count && !ret; i++)
		if (!env->instances[i].missing && (ret = instance_load(&l, i)) && env->host->why)
			ret = attach_failed(env, &env->instances[i], ret);
	pages_free(l.log, l.log_size);
	return ret;
}
