/* raw.c - what a kernel says to the bare system call behind a probe type, without btaot.
 *
 * raw counter: a hardware counter.  raw helper N: a kprobe program that calls helper N.  raw open PATH.  raw name NAME:
 * whether the kernel's BTF has it.  Prints the answer; status 0 if it works, 1 if it does not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int answer(const char *what, long ret)
{
	if (ret >= 0)
		printf("%s works\n", what);
	else
		printf("%s: errno %d, %s\n", what, errno, strerror(errno));
	return ret < 0;
}

static int counter(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE, .size = sizeof(attr), .config = PERF_COUNT_HW_CPU_CYCLES };

	return answer("perf_event_open", syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static int helper(int number)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = number },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	attr.insns = (unsigned long)insns;
	attr.insn_cnt = sizeof(insns) / sizeof(*insns);
	attr.license = (unsigned long)"GPL";
	return answer("bpf(BPF_PROG_LOAD)", syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

/* Whether a file has the bytes of a name: all names of BTF stand in it. */
static int name(const char *path, const char *wanted)
{
	static char text[16 << 20];
	int fd = open(path, O_RDONLY);
	size_t used = 0;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && used < sizeof(text)) {
		n = read(fd, text + used, sizeof(text) - used);
		used += n > 0 ? (size_t)n : 0;
	}
	if (memmem(text, used, wanted, strlen(wanted) + 1))
		return printf("%s is in %s\n", wanted, path) < 0;
	printf("%s is not in %s\n", wanted, path);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "counter"))
		return counter();
	if (argc == 3 && !strcmp(argv[1], "helper"))
		return helper(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "open"))
		return answer("open", open(argv[2], O_RDONLY));
	if (argc == 3 && !strcmp(argv[1], "name"))
		return name("/sys/kernel/btf/vmlinux", argv[2]);
	return 2;
}
