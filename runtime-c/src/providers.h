/* providers.h - the providers of this runtime and what they share.  To add one: its file, a line here and in attach.c. */
#ifndef BTAOT_PROVIDERS_H
#define BTAOT_PROVIDERS_H

#include <string.h>

#include "attach.h"

extern const struct provider provider_begin, provider_end, provider_self_signal, provider_test, provider_bench;
extern const struct provider provider_interval, provider_profile;
extern const struct provider provider_tracepoint, provider_raw_tracepoint, provider_typed_tracepoint;
extern const struct provider provider_kprobe, provider_kretprobe;
extern const struct provider provider_uprobe, provider_uretprobe;
extern const struct provider provider_usdt;
extern const struct provider provider_software, provider_hardware, provider_watchpoint;
extern const struct provider provider_fentry, provider_fexit, provider_iter;

/* Explain a failure in words; printed before "Unable to attach probe" or "No matches", as an error or a warning as
 * missing_probes says, with its place in the script unless it begins with a tab (as in bpftrace).  Returns `ret`. */
int attach_explain(struct env *env, int ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Report why an instance cannot be loaded or attached, and mark it as missing: `ret`, or 0 if missing_probes allows that. */
int attach_failed(struct env *env, struct instance *inst, int ret);

/* The same for what the host does not have; returns -ENOENT. */
int attach_no_match(struct env *env, uint32_t attach);
void attach_no_program(struct env *env, const struct btaot_attach *at);

/* "script.bt:1:1: " */
const char *attach_place(const struct env *env, const struct btaot_attach *at);

/* The attach point of an instance and its strings. */
static inline const struct btaot_attach *attach_of(const struct env *env, const struct instance *inst)
{
	return &env->payload.attaches[inst->attach];
}

static inline const char *attach_str(const struct env *env, uint32_t ref)
{
	return payload_str(&env->payload, ref);
}

/* Whether a part of an attach point is a wildcard. */
static inline bool is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* provider->expand for attach points that need no look at the host. */
int expand_as_written(struct env *env, uint32_t attach);
/* What the compiler took from a program's debug information holds for one build of it: 0 if this file is that build, by
 * its build-id, or by the digest of a file that has none. */
struct elf_file;
int program_check(struct env *env, uint32_t attach, const struct elf_file *elf, const char *path);

/* Attach a uprobe at inst->address (offset in the file) of inst->target; `semaphore`: offset of a counter that the kernel
 * keeps while the probe is there, or 0. */
int uprobe_prepare_load(struct env *env, const struct instance *inst, struct load_extra *extra);
int uprobe_attach_multi(struct env *env, struct instance **insts, uint32_t count, const uint64_t *semaphores);
int uprobe_attach(struct env *env, struct instance *inst, bool returns, uint64_t semaphore, uint64_t cookie);
/* provider->resolve for contexts that are, or begin with, pt_regs: REG, and CTX_OFFSET of "sargN" (bytes from the stack
 * pointer, which is what REG loads for "sargN", to the argument). */
int resolve_registers(struct env *env, const struct instance *inst, const struct btaot_symbol *sym, struct ctx_value *out);
/* provider->resolve for contexts that are an array of u64: CTX_LOAD of "argN". */
int resolve_words(struct env *env, const struct instance *inst, const struct btaot_symbol *sym, struct ctx_value *out);

#endif
