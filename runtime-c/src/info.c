/* info.c - --info: the host, the script, and each Feature as found on this kernel. */
#include "info.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attach.h"
#include "feature.h"
#include "util.h"

static const char *const names[BTAOT_FEATURE_LIMIT] = {
	[BTAOT_FEATURE_FETCHING_ATOMICS] = "fetching atomics", [BTAOT_FEATURE_BPF_LOOP] = "bpf_loop",
	[BTAOT_FEATURE_FOR_EACH_MAP_ELEM] = "bpf_for_each_map_elem", [BTAOT_FEATURE_ATTACH_COOKIE] = "bpf_get_attach_cookie",
	[BTAOT_FEATURE_GET_FUNC_IP] = "bpf_get_func_ip", [BTAOT_FEATURE_GET_CURRENT_TASK_BTF] = "bpf_get_current_task_btf",
	[BTAOT_FEATURE_KTIME_GET_TAI_NS] = "bpf_ktime_get_tai_ns", [BTAOT_FEATURE_KTIME_GET_BOOT_NS] = "bpf_ktime_get_boot_ns",
	[BTAOT_FEATURE_PROBE_READ_KERNEL] = "bpf_probe_read_kernel", [BTAOT_FEATURE_JIFFIES64] = "bpf_jiffies64",
	[BTAOT_FEATURE_GET_NS_CURRENT_PID_TGID] = "bpf_get_ns_current_pid_tgid", [BTAOT_FEATURE_D_PATH] = "bpf_d_path",
	[BTAOT_FEATURE_STRNCMP] = "bpf_strncmp", [BTAOT_FEATURE_MAP_LOOKUP_PERCPU] = "bpf_map_lookup_percpu_elem",
};

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
		say("  %s: %s\n", names[i] ? names[i] : "(new feature)", feature_has(env, i, type_for(i), 0) ? "yes" : "no");
	return 0;
}
