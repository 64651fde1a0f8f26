/* sys_bpf.h - bpf(2), without a library.
 *
 * The attribute structs are this project's own copies of the kernel's ABI, because the headers of the C compiler may
 * be older than the kernel that runs the program.  All functions return a descriptor or 0, or -errno. */
#ifndef BTAOT_SYS_BPF_H
#define BTAOT_SYS_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What old <linux/bpf.h> lack, under names of our own. */
enum {
	SYS_PROG_TYPE_TRACING = 26, SYS_PROG_TYPE_SYSCALL = 31,
	SYS_ATTACH_TRACE_FENTRY = 24, SYS_ATTACH_TRACE_FEXIT = 25, SYS_ATTACH_TRACE_RAW_TP = 23, SYS_ATTACH_TRACE_ITER = 28,
	SYS_ATTACH_PERF_EVENT = 41, SYS_ATTACH_KPROBE_MULTI = 42, SYS_ATTACH_UPROBE_MULTI = 48, SYS_ATTACH_KPROBE_SESSION = 56,
	SYS_ATTACH_UPROBE_SESSION = 57,
	SYS_MAP_TYPE_RINGBUF = 27,
	SYS_F_NO_PREALLOC = 1, SYS_F_RDONLY_PROG = 1 << 7, SYS_F_MMAPABLE = 1 << 10, SYS_F_SLEEPABLE = 1 << 4,
	SYS_PSEUDO_MAP_FD = 1, SYS_PSEUDO_MAP_VALUE = 2, SYS_PSEUDO_FUNC = 4, SYS_PSEUDO_KFUNC_CALL = 2,
	SYS_F_KPROBE_MULTI_RETURN = 1, SYS_F_UPROBE_MULTI_RETURN = 1,
};

struct map_spec {
	uint32_t type, key_size, value_size, max_entries, flags;
	const char *name;               /* cut and cleaned to what the kernel accepts */
};

struct prog_spec {
	uint32_t type, expected_attach_type, flags;
	const struct bpf_insn *insns;
	uint32_t insn_count;
	const char *name, *license;
	uint32_t attach_btf_id;
	int attach_btf_obj_fd;          /* 0: the kernel itself */
	int btf_fd;                     /* of func_info and line_info; 0: none */
	const void *func_info, *line_info;
	uint32_t func_count, line_count; /* entries of struct btaot_func_info, struct btaot_line_info */
	char *log;
	uint32_t log_size, log_level;
};

/* BPF_LINK_CREATE; `flags` and the members of the union as the attach type needs them. */
struct link_spec {
	int prog_fd, target_fd;
	uint32_t attach_type, flags;
	union {
		struct { uint64_t cookie; } perf_event;
		struct {
			uint32_t flags, count;
			const char *const *symbols;
			const uint64_t *addresses, *cookies;
		} kprobe_multi;
		struct {
			const char *path;
			const uint64_t *offsets, *ref_ctr_offsets, *cookies;
			uint32_t count, flags;
			pid_t pid;
		} uprobe_multi;
		struct { uint32_t btf_id; uint64_t cookie; } tracing;
	};
};

int bpf_map_new(const struct map_spec *spec);
int bpf_map_lookup(int fd, const void *key, void *value);
int bpf_map_update(int fd, const void *key, const void *value, uint64_t flags);
int bpf_map_freeze(int fd);
int bpf_map_delete(int fd, const void *key);
int bpf_map_next(int fd, const void *key, void *next);  /* key NULL: the first; -ENOENT after the last */
/* One step of BPF_MAP_LOOKUP_BATCH: *count is room on entry, entries on return; `in` NULL at the start.  -ENOENT with
 * *count > 0 means: these are the last. */
int bpf_map_lookup_batch(int fd, const void *in, void *out, void *keys, void *values, uint32_t *count);
int bpf_prog_load_raw(const struct prog_spec *spec);
int bpf_btf_load(const void *data, uint32_t size, char *log, uint32_t log_size);
int bpf_link_new(const struct link_spec *spec);
/* name NULL: fentry, fexit, tp_btf.  Kernels before 6.10 take no cookie but 0 (EINVAL). */
int bpf_raw_tracepoint_open(const char *name, int prog_fd, uint64_t cookie);
/* BPF_PROG_TEST_RUN with a context (may be NULL); *retval is the program's return value (may be NULL). */
int bpf_prog_test_run(int prog_fd, const void *ctx, uint32_t ctx_size, uint32_t *retval);
/* The same for a networking program, `repeat` times on an empty packet; *duration: average in ns. */
int bpf_prog_test_run_packet(int prog_fd, uint32_t repeat, uint32_t *retval, uint32_t *duration);
int bpf_iter_new(int link_fd);
int bpf_obj_pin(int fd, const char *path);

#endif
