/* info.c - --info: the host, the script, and each Feature as found on this kernel. */
#include "info.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attach.h"
#include "feature.h"
#include "util.h"

/* Helpers that only some program types may call are asked for with one that may. */
static uint32_t type_for(uint32_t feature)
{
	return feature == BTAOT_FEATURE_D_PATH ? 26 /* tracing */ : BPF_PROG_TYPE_KPROBE;
}

int info_print(struct env *env)
{
	const struct payload *p = &env->payload;
	struct utsname host;

	uname(&host);
	say("System\n  OS: %s %s %s\n  Arch: %s\n  CPUs: %u\n  BTF: %s\n\n", host.sysname, host.release, host.version,
	       host.machine, env->cpu_count, access("/sys/kernel/btf/vmlinux", R_OK) ? "no" : "yes");
	say("Script\n  Name: %s\n  Compiler: btaot %s\n  Programs: %u, %u instructions\n", payload_str(p, p->header->script),
	       payload_str(p, p->header->compiler), p->program_count, p->insn_count);
	for (uint32_t i = 0; i < p->attach_count; i++)
		say("  Probe: %s\n", payload_str(p, p->attaches[i].text));
	say("\nKernel\n");
	for (uint32_t i = 0; i < BTAOT_FEATURE_LIMIT; i++)
		say("  %s: %s\n", feature_name(i), feature_has(env, i, type_for(i), 0) ? "yes" : "no");
	return 0;
}
