/* provider_manual.c - programs that the runtime runs itself: begin, end, self:signal, test, bench.
 *
 * begin, end and self are raw tracepoint programs without arguments, run by BPF_PROG_TEST_RUN (5.10 for this type), so
 * they need no event source and run when we say so.  test and bench are XDP programs, as bpftrace has them, because only
 * networking programs are timed by the kernel. */
#include <errno.h>
#include <linux/bpf.h>

#include "providers.h"

static int resolve_nothing(struct env *env, const struct instance *inst, const struct btaot_symbol *sym,
			   struct ctx_value *out)
{
	(void)env, (void)inst, (void)sym, (void)out;
	return -ENOENT;
}

#define MANUAL(symbol, kind_, name_, type) \
	const struct provider symbol = { \
		.kind = kind_, .name = name_, .prog_type = type, .expand = expand_as_written, .resolve = resolve_nothing, \
	}

MANUAL(provider_begin, BTAOT_PROBE_KIND_BEGIN, "begin", BPF_PROG_TYPE_RAW_TRACEPOINT);
MANUAL(provider_end, BTAOT_PROBE_KIND_END, "end", BPF_PROG_TYPE_RAW_TRACEPOINT);
MANUAL(provider_self_signal, BTAOT_PROBE_KIND_SELF_SIGNAL, "self", BPF_PROG_TYPE_RAW_TRACEPOINT);
MANUAL(provider_test, BTAOT_PROBE_KIND_TEST, "test", BPF_PROG_TYPE_XDP);
MANUAL(provider_bench, BTAOT_PROBE_KIND_BENCH, "bench", BPF_PROG_TYPE_XDP);
