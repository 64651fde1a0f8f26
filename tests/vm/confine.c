/* confine.c - run a command with less: confine [uid=N] [caps=HEX] [memlock=BYTES] [nobpf] [noperf] -- COMMAND...
 *
 * caps: the capabilities that are left, as a mask; nobpf, noperf: bpf(2) or perf_event_open(2) fail with EPERM, as in
 * containers. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(97);
}

static void keep(uint64_t caps, long uid)
{
	struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } data[2] = {
		{ (uint32_t)caps, (uint32_t)caps, (uint32_t)caps },
		{ (uint32_t)(caps >> 32), (uint32_t)(caps >> 32), (uint32_t)(caps >> 32) },
	};

	for (int cap = 0; cap < 64; cap++)
		if (!(caps >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (uid && (syscall(SYS_setgid, uid) || syscall(SYS_setuid, uid)))
		fail("setuid");
	if (syscall(SYS_capset, &head, data))
		fail("capset");
	for (int cap = 0; cap < 64; cap++)
		if (caps >> cap & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

static void forbid(uint32_t number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		fail("seccomp");
}

int main(int argc, char **argv)
{
	uint64_t caps = UINT64_MAX;
	long uid = 0;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strncmp(argv[i], "uid=", 4))
			uid = atol(argv[i] + 4);
		else if (!strncmp(argv[i], "caps=", 5))
			caps = strtoull(argv[i] + 5, NULL, 16);
		else if (!strncmp(argv[i], "memlock=", 8)) {
			struct rlimit limit = { strtoul(argv[i] + 8, NULL, 10), strtoul(argv[i] + 8, NULL, 10) };

			setrlimit(RLIMIT_MEMLOCK, &limit);
		} else if (!strcmp(argv[i], "nobpf"))
			forbid(SYS_bpf);
		else if (!strcmp(argv[i], "noperf"))
			forbid(SYS_perf_event_open);
		else
			return 96;
	}
	if (caps != UINT64_MAX)
		keep(caps, uid);
	execvp(argv[i + 1], argv + i + 1);
	fail(argv[i + 1]);
}
