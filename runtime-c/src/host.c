/* host.c - reading of small host facts: online CPUs, PMU types, presence of multi-links.
 *
 * Everything is read lazily, because hello world must not pay for it.  Oldest kernel: 4.17 (kprobe and uprobe PMUs).
 * Presence of a feature is found by trying it, never from the kernel's version. */
#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys_bpf.h"
#include "util.h"

struct host *host_get(struct env *env)
{
	if (!env->host) {
		env->host = arena_alloc(sizeof(*env->host));
		env->host->kprobe_multi = HOST_UNKNOWN;
		env->host->uprobe_multi = HOST_UNKNOWN;
		env->host->first_cpu = HOST_UNKNOWN;
	}
	return env->host;
}

int host_read_text(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	buf[n] = 0;
	return (int)n;
}

ssize_t host_read_file(int dir, const char *path, char **data)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t room = 8192, used = 0;
	char *buf, *bigger;
	ssize_t n;

	*data = NULL;
	if (fd < 0)
		return -errno;
	buf = malloc(room);
	n = buf ? 1 : -ENOMEM;
	while (n > 0) {
		if (used + 4096 >= room) {
			bigger = realloc(buf, room * 2);
			if (!bigger) {
				n = -ENOMEM;
				break;
			}
			buf = bigger;
			room *= 2;
		}
		n = read(fd, buf + used, room - used - 1);
		if (n < 0)
			n = errno == EINTR ? 1 : -errno;
		else
			used += (size_t)n;
	}
	close(fd);
	if (n < 0) {
		free(buf);
		return n;
	}
	buf[used] = 0;
	*data = buf;
	return (ssize_t)used;
}

/* Parse "0-3,8" into host->online; a list that cannot be read means that CPU 0 is the only one we know. */
static void read_online(struct host *host)
{
	char *text, *p, *end;
	unsigned long first, last, cpu;

	host->online_words = 128;
	host->online = arena_alloc(host->online_words * sizeof(uint64_t));
	host->first_cpu = 0;
	if (host_read_file(AT_FDCWD, "/sys/devices/system/cpu/online", &text) < 0) {
		host->online[0] = 1;
		return;
	}
	for (p = text; *p >= '0' && *p <= '9'; p = *end == ',' ? end + 1 : end) {
		first = last = strtoul(p, &end, 10);
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (cpu = first; cpu <= last && cpu / 64 < host->online_words; cpu++)
			host->online[cpu / 64] |= 1ull << (cpu % 64);
		if (p == text)
			host->first_cpu = (int)first;
	}
	free(text);
}

int host_next_cpu(struct env *env, int cpu)
{
	struct host *host = host_get(env);

	if (host->first_cpu == HOST_UNKNOWN)
		read_online(host);
	for (; cpu < (int)host->online_words * 64; cpu++)
		if (host->online[cpu / 64] >> (cpu % 64) & 1)
			return cpu;
	return -1;
}

int host_probe_pmu(struct env *env, bool user, int *retbit)
{
	struct host *host = host_get(env);
	int *type = user ? &host->uprobe_pmu : &host->kprobe_pmu;
	int *bit = user ? &host->uprobe_retbit : &host->kprobe_retbit;
	const char *name = user ? "uprobe" : "kprobe";
	char path[80], text[64];
	int n;

	if (!*type) {
		str_printf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", name);
		n = host_read_text(AT_FDCWD, path, text, sizeof(text));
		*type = n > 0 ? atoi(text) : n < 0 ? n : -EINVAL;
		str_printf(path, sizeof(path), "/sys/bus/event_source/devices/%s/format/retprobe", name);
		n = host_read_text(AT_FDCWD, path, text, sizeof(text));
		*bit = n > 7 && !strncmp(text, "config:", 7) ? atoi(text + 7) : 0;
	}
	if (retbit)
		*retbit = *bit;
	return *type;
}

pid_t host_target_pid(const struct env *env)
{
	return env->child > 0 ? env->child : env->opt.pid;
}

/* A link with an unreadable list: a kernel that has the link type fails while reading it (EFAULT), or, for uprobes,
 * because the root directory is not a regular file (EBADF); one that has not, fails before (EINVAL, EOPNOTSUPP). */
static bool try_multi(bool user)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT },
	};
	struct prog_spec prog = { .type = BPF_PROG_TYPE_KPROBE, .insns = insns, .insn_count = 2, .license = "GPL" };
	struct link_spec link = { 0 };
	uint64_t offset = 0;
	int fd, ret;

	prog.expected_attach_type = user ? SYS_ATTACH_UPROBE_MULTI : SYS_ATTACH_KPROBE_MULTI;
	prog.name = "multi";
	fd = bpf_prog_load_raw(&prog);
	if (fd < 0)
		return false;
	link.prog_fd = fd;
	link.attach_type = prog.expected_attach_type;
	if (user) {
		link.uprobe_multi.path = "/";
		link.uprobe_multi.offsets = &offset;
		link.uprobe_multi.count = 1;
	} else {
		link.kprobe_multi.addresses = (const uint64_t *)(uintptr_t)8;
		link.kprobe_multi.count = 1;
	}
	ret = bpf_link_new(&link);
	if (ret >= 0)
		close(ret);
	close(fd);
	return ret == (user ? -EBADF : -EFAULT);
}

bool host_has_multi(struct env *env, bool user)
{
	struct host *host = host_get(env);
	int *known = user ? &host->uprobe_multi : &host->kprobe_multi;

	if (*known == HOST_UNKNOWN)
		*known = try_multi(user);
	return *known;
}
