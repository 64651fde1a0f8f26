/* sys_bpf.c - bpf(2).
 *
 * One attribute struct per command, as long as the newest member that this program uses: kernels ignore a longer
 * attribute whose unknown tail is zero, so every function here works on 5.10 as long as it is not given what 5.10
 * lacks.  No function retries but for EAGAIN (a signal during verification); logs are the caller's business. */
#include "sys_bpf.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

enum {
	CMD_MAP_CREATE = 0, CMD_MAP_LOOKUP = 1, CMD_MAP_UPDATE = 2, CMD_MAP_DELETE = 3, CMD_MAP_NEXT = 4, CMD_PROG_LOAD = 5,
	CMD_OBJ_PIN = 6, CMD_MAP_FREEZE = 22, CMD_TEST_RUN = 10, CMD_RAW_TP_OPEN = 17, CMD_BTF_LOAD = 18, CMD_MAP_LOOKUP_BATCH = 24,
	CMD_LINK_CREATE = 28, CMD_ITER_CREATE = 33,
};

#define LOAD_RETRIES 5
#define NAME_SIZE 16

struct attr_map_create {
	uint32_t type, key_size, value_size, max_entries, flags, inner_fd, numa_node;
	char name[NAME_SIZE];
};

struct attr_map_elem {
	uint32_t fd, pad;
	uint64_t key, value, flags;
};

struct attr_map_batch {
	uint64_t in, out, keys, values;
	uint32_t count, fd;
	uint64_t elem_flags, flags;
};

struct attr_prog_load {
	uint32_t type, insn_count;
	uint64_t insns, license;
	uint32_t log_level, log_size;
	uint64_t log;
	uint32_t kern_version, flags;
	char name[NAME_SIZE];
	uint32_t ifindex, expected_attach_type, btf_fd, func_info_size;
	uint64_t func_info;
	uint32_t func_count, line_info_size;
	uint64_t line_info;
	uint32_t line_count, attach_btf_id, attach_btf_obj_fd, pad;
};

struct attr_btf_load {
	uint64_t data, log;
	uint32_t size, log_size, log_level, pad;
};

struct attr_test_run {
	uint32_t fd, retval, data_in_size, data_out_size;
	uint64_t data_in, data_out;
	uint32_t repeat, duration, ctx_in_size, ctx_out_size;
	uint64_t ctx_in, ctx_out;
	uint32_t flags, cpu, batch_size, pad;
};

struct attr_link_create {
	uint32_t prog_fd, target_fd, attach_type, flags;
	union {
		struct { uint64_t cookie; } perf_event;
		struct { uint32_t flags, count; uint64_t symbols, addresses, cookies; } kprobe_multi;
		struct { uint64_t path, offsets, ref_ctr_offsets, cookies; uint32_t count, flags, pid, pad; } uprobe_multi;
		struct { uint32_t btf_id, pad; uint64_t cookie; } tracing;
	};
};

static uint64_t ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static int sys_bpf(int cmd, const void *attr, size_t size)
{
	long ret = syscall(SYS_bpf, cmd, attr, size);

	return ret < 0 ? -errno : (int)ret;
}

/* The kernel wants letters, digits, '_' and '.', at most 15 of them. */
static void name_set(char out[NAME_SIZE], const char *name)
{
	size_t n = 0;

	for (; name && *name && n < NAME_SIZE - 1; name++) {
		bool good = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			    (*name >= '0' && *name <= '9') || *name == '.';

		if (n || *name != '@')
			out[n++] = good ? *name : '_';
	}
}

int bpf_map_new(const struct map_spec *spec)
{
	struct attr_map_create attr = {
		.type = spec->type, .key_size = spec->key_size, .value_size = spec->value_size,
		.max_entries = spec->max_entries, .flags = spec->flags,
	};

	name_set(attr.name, spec->name);
	return sys_bpf(CMD_MAP_CREATE, &attr, sizeof(attr));
}

static int map_command(int cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	struct attr_map_elem attr = { .fd = (uint32_t)fd, .key = ptr(key), .value = ptr(value), .flags = flags };

	return sys_bpf(cmd, &attr, sizeof(attr));
}

int bpf_map_lookup(int fd, const void *key, void *value)
{
	return map_command(CMD_MAP_LOOKUP, fd, key, value, 0);
}

int bpf_map_update(int fd, const void *key, const void *value, uint64_t flags)
{
	return map_command(CMD_MAP_UPDATE, fd, key, value, flags);
}

int bpf_map_freeze(int fd)
{
	return sys_bpf(CMD_MAP_FREEZE, &fd, sizeof(fd));
}

int bpf_map_delete(int fd, const void *key)
{
	return map_command(CMD_MAP_DELETE, fd, key, NULL, 0);
}

int bpf_map_next(int fd, const void *key, void *next)
{
	return map_command(CMD_MAP_NEXT, fd, key, next, 0);
}

int bpf_map_lookup_batch(int fd, const void *in, void *out, void *keys, void *values, uint32_t *count)
{
	struct attr_map_batch attr = {
		.in = ptr(in), .out = ptr(out), .keys = ptr(keys), .values = ptr(values), .count = *count,
		.fd = (uint32_t)fd,
	};
	int ret = sys_bpf(CMD_MAP_LOOKUP_BATCH, &attr, sizeof(attr));

	*count = ret && ret != -ENOENT ? 0 : attr.count;
	return ret;
}

int bpf_prog_load_raw(const struct prog_spec *s)
{
	struct attr_prog_load attr = {
		.type = s->type, .insn_count = s->insn_count, .insns = ptr(s->insns), .license = ptr(s->license),
		.log_level = s->log_level, .log_size = s->log_level ? s->log_size : 0,
		.log = s->log_level ? ptr(s->log) : 0, .flags = s->flags,
		.expected_attach_type = s->expected_attach_type, .attach_btf_id = s->attach_btf_id,
		.attach_btf_obj_fd = (uint32_t)s->attach_btf_obj_fd,
	};
	int ret = -EAGAIN;

	if (s->btf_fd > 0) {
		attr.btf_fd = (uint32_t)s->btf_fd;
		attr.func_info_size = 8;
		attr.func_info = ptr(s->func_info);
		attr.func_count = s->func_count;
		attr.line_info_size = 16;
		attr.line_info = ptr(s->line_info);
		attr.line_count = s->line_count;
	}
	name_set(attr.name, s->name);
	for (int i = 0; i < LOAD_RETRIES && ret == -EAGAIN; i++)
		ret = sys_bpf(CMD_PROG_LOAD, &attr, sizeof(attr));
	return ret;
}

int bpf_btf_load(const void *data, uint32_t size, char *log, uint32_t log_size)
{
	struct attr_btf_load attr = {
		.data = ptr(data), .size = size, .log = ptr(log), .log_size = log_size, .log_level = log ? 1 : 0,
	};

	return sys_bpf(CMD_BTF_LOAD, &attr, sizeof(attr));
}

int bpf_link_new(const struct link_spec *s)
{
	struct attr_link_create attr;

	memset(&attr, 0, sizeof(attr));  /* all of the union, whatever the compiler takes an initializer for */
	attr.prog_fd = (uint32_t)s->prog_fd;
	attr.target_fd = (uint32_t)s->target_fd;
	attr.attach_type = s->attach_type;
	attr.flags = s->flags;
	switch (s->attach_type) {
	case SYS_ATTACH_PERF_EVENT:
		attr.perf_event.cookie = s->perf_event.cookie;
		break;
	case SYS_ATTACH_KPROBE_MULTI:
	case SYS_ATTACH_KPROBE_SESSION:
		attr.kprobe_multi.flags = s->kprobe_multi.flags;
		attr.kprobe_multi.count = s->kprobe_multi.count;
		attr.kprobe_multi.symbols = ptr(s->kprobe_multi.symbols);
		attr.kprobe_multi.addresses = ptr(s->kprobe_multi.addresses);
		attr.kprobe_multi.cookies = ptr(s->kprobe_multi.cookies);
		break;
	case SYS_ATTACH_UPROBE_MULTI:
	case SYS_ATTACH_UPROBE_SESSION:
		attr.uprobe_multi.path = ptr(s->uprobe_multi.path);
		attr.uprobe_multi.offsets = ptr(s->uprobe_multi.offsets);
		attr.uprobe_multi.ref_ctr_offsets = ptr(s->uprobe_multi.ref_ctr_offsets);
		attr.uprobe_multi.cookies = ptr(s->uprobe_multi.cookies);
		attr.uprobe_multi.count = s->uprobe_multi.count;
		attr.uprobe_multi.flags = s->uprobe_multi.flags;
		attr.uprobe_multi.pid = (uint32_t)s->uprobe_multi.pid;
		break;
	default:
		attr.tracing.btf_id = s->tracing.btf_id;
		attr.tracing.cookie = s->tracing.cookie;
	}
	return sys_bpf(CMD_LINK_CREATE, &attr, sizeof(attr));
}

int bpf_raw_tracepoint_open(const char *name, int prog_fd, uint64_t cookie)
{
	struct { uint64_t name; uint32_t fd, pad; uint64_t cookie; } attr = {
		.name = ptr(name), .fd = (uint32_t)prog_fd, .cookie = cookie,
	};

	return sys_bpf(CMD_RAW_TP_OPEN, &attr, sizeof(attr));
}

int bpf_prog_test_run(int prog_fd, const void *ctx, uint32_t ctx_size, uint32_t *retval)
{
	struct attr_test_run attr = { .fd = (uint32_t)prog_fd, .ctx_in = ptr(ctx), .ctx_in_size = ctx_size };
	int ret = sys_bpf(CMD_TEST_RUN, &attr, sizeof(attr));

	if (!ret && retval)
		*retval = attr.retval;
	return ret;
}

int bpf_prog_test_run_packet(int prog_fd, uint32_t repeat, uint32_t *retval, uint32_t *duration)
{
	char packet[64] = "";  /* an Ethernet header is asked for, and room that no kernel finds too small */
	struct attr_test_run attr = {
		.fd = (uint32_t)prog_fd, .data_in = ptr(packet), .data_in_size = sizeof(packet), .repeat = repeat,
	};
	int ret;

	do
		ret = sys_bpf(CMD_TEST_RUN, &attr, sizeof(attr));
	while (ret == -EINTR);
	*retval = attr.retval;
	*duration = attr.duration;
	return ret;
}

int bpf_iter_new(int link_fd)
{
	struct { uint32_t fd, flags; } attr = { .fd = (uint32_t)link_fd };

	return sys_bpf(CMD_ITER_CREATE, &attr, sizeof(attr));
}

int bpf_obj_pin(int fd, const char *path)
{
	struct { uint64_t path; uint32_t fd, flags; } attr = { .path = ptr(path), .fd = (uint32_t)fd };

	return sys_bpf(CMD_OBJ_PIN, &attr, sizeof(attr));
}
