/* feature.c - what this kernel can do, found by loading tiny programs.
 *
 * Helpers: a program that only calls the helper is loaded; the verifier refuses its missing arguments, unless the
 * helper itself is unknown or not allowed for the type, which its log then says.  Callbacks need a JIT and BTF for the
 * program, so they are really loaded.  A test costs 0.03-0.1 ms and happens only for what the script asks for. */
#include "feature.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "btf.h"
#include "sys_bpf.h"
#include "util.h"

#define LOG_SIZE 4096
#define CACHE_SIZE 64

struct feature_cache {
	uint32_t count;
	struct { uint32_t feature, type, attach_type; bool has; } entries[CACHE_SIZE];
};

enum { HELPER_LOOP = 181, HELPER_FOR_EACH = 164 };

static const struct { uint16_t feature, helper; } helpers[] = {
	{ BTAOT_FEATURE_ATTACH_COOKIE, 174 },
	{ BTAOT_FEATURE_GET_FUNC_IP, 173 },
	{ BTAOT_FEATURE_GET_CURRENT_TASK_BTF, 158 },
	{ BTAOT_FEATURE_KTIME_GET_TAI_NS, 208 },
	{ BTAOT_FEATURE_KTIME_GET_BOOT_NS, 125 },
	{ BTAOT_FEATURE_PROBE_READ_KERNEL, 113 },
	{ BTAOT_FEATURE_JIFFIES64, 118 },
	{ BTAOT_FEATURE_GET_NS_CURRENT_PID_TGID, 120 },
	{ BTAOT_FEATURE_D_PATH, 147 },
	{ BTAOT_FEATURE_STRNCMP, 182 },
	{ BTAOT_FEATURE_MAP_LOOKUP_PERCPU, 195 },
	{ BTAOT_FEATURE_OVERRIDE_RETURN, 58 },
	{ BTAOT_FEATURE_GET_SOCKET_COOKIE, 46 },
	{ BTAOT_FEATURE_SKB_OUTPUT, 111 },
};

static const char *const names[BTAOT_FEATURE_LIMIT] = {
	[BTAOT_FEATURE_FETCHING_ATOMICS] = "fetching atomics", [BTAOT_FEATURE_BPF_LOOP] = "bpf_loop",
	[BTAOT_FEATURE_FOR_EACH_MAP_ELEM] = "bpf_for_each_map_elem", [BTAOT_FEATURE_ATTACH_COOKIE] = "bpf_get_attach_cookie",
	[BTAOT_FEATURE_GET_FUNC_IP] = "bpf_get_func_ip", [BTAOT_FEATURE_GET_CURRENT_TASK_BTF] = "bpf_get_current_task_btf",
	[BTAOT_FEATURE_KTIME_GET_TAI_NS] = "bpf_ktime_get_tai_ns", [BTAOT_FEATURE_KTIME_GET_BOOT_NS] = "bpf_ktime_get_boot_ns",
	[BTAOT_FEATURE_PROBE_READ_KERNEL] = "bpf_probe_read_kernel", [BTAOT_FEATURE_JIFFIES64] = "bpf_jiffies64",
	[BTAOT_FEATURE_GET_NS_CURRENT_PID_TGID] = "bpf_get_ns_current_pid_tgid", [BTAOT_FEATURE_D_PATH] = "bpf_d_path",
	[BTAOT_FEATURE_STRNCMP] = "bpf_strncmp", [BTAOT_FEATURE_MAP_LOOKUP_PERCPU] = "bpf_map_lookup_percpu_elem",
	[BTAOT_FEATURE_OVERRIDE_RETURN] = "bpf_override_return (CONFIG_BPF_KPROBE_OVERRIDE)",
	[BTAOT_FEATURE_GET_SOCKET_COOKIE] = "bpf_get_socket_cookie", [BTAOT_FEATURE_SKB_OUTPUT] = "bpf_skb_output",
};

const char *feature_name(uint32_t feature)
{
	return feature < BTAOT_FEATURE_LIMIT && names[feature] ? names[feature] : "(new feature)";
}

/* BTF of a program with one callback: two functions that take nothing and return an int. */
static int callback_btf_load(void)
{
	static const struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t header_size, type_off, type_size, str_off, str_size;
		uint32_t types[4 + 3 + 3 + 3];
		char strings[16];
	} btf = {
		0xeb9f, 1, 0, 24, 0, 52, 52, 16,
		{
			1, 1u << 24, 4, 1u << 24 | 32,  /* [1] int: 4 bytes, signed */
			0, 13u << 24, 1,                /* [2] int (void) */
			5, 12u << 24, 2,                /* [3] static main */
			10, 12u << 24, 2,               /* [4] static call */
		},
		"\0int\0main\0call",
	};

	return bpf_btf_load(&btf, 24 + 52 + 16, NULL, 0);
}

/* Load a program that passes a callback to bpf_loop or bpf_for_each_map_elem. */
static bool callback_works(uint32_t helper)
{
	struct map_spec ms = { BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, "probe" };
	int btf = callback_btf_load(), map = bpf_map_new(&ms), prog = -1;
	bool loop = helper == HELPER_LOOP;
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = loop ? 0 : SYS_PSEUDO_MAP_FD, .imm = loop ? 1 : map },
		{ 0 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 2, .src_reg = SYS_PSEUDO_FUNC, .imm = 6 },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = (int32_t)helper },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static const struct btaot_func_info funcs[] = { { 0, 3 }, { 9, 4 } };
	struct prog_spec ps = {
		.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = insns, .insn_count = ARRAY_SIZE(insns), .license = "GPL",
		.btf_fd = btf, .func_info = funcs, .func_count = 2,
	};

	if (btf >= 0 && map >= 0)
		prog = bpf_prog_load_raw(&ps);
	for (int i = 0, fds[] = { btf, map, prog }; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return prog >= 0;
}

static bool atomics_work(void)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 0, .off = -8 },
		{ .code = BPF_STX | 0xc0 | BPF_DW, .dst_reg = 10, .src_reg = 0, .off = -8, .imm = 0xf1 /* cmpxchg */ },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct prog_spec ps = {
		.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = insns, .insn_count = ARRAY_SIZE(insns), .license = "GPL",
	};
	int fd = bpf_prog_load_raw(&ps);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Also for the kernel's functions (kfuncs), by BTF id. */
static bool helper_works(struct env *env, int helper, bool kfunc, uint32_t type, uint32_t attach_type)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .src_reg = kfunc ? SYS_PSEUDO_KFUNC_CALL : 0, .imm = helper },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char log[LOG_SIZE] = "";
	struct prog_spec ps = {
		.type = type, .expected_attach_type = attach_type, .insns = insns, .insn_count = ARRAY_SIZE(insns),
		.license = "GPL", .log = log, .log_size = sizeof(log), .log_level = 1,
	};
	int fd;

	if (type == SYS_PROG_TYPE_TRACING) {
		/* Such a program cannot be loaded without a function; the first one is made for tests and always there. */
		int id = btf_func_id(env, attach_type == SYS_ATTACH_TRACE_ITER ? "bpf_iter_task" :
					  attach_type == SYS_ATTACH_TRACE_RAW_TP ? "btf_trace_sched_switch" :
					  "bpf_fentry_test1");

		if (id < 0)
			return false;
		ps.attach_btf_id = (uint32_t)id;
		ps.expected_attach_type = attach_type ? attach_type : SYS_ATTACH_TRACE_FENTRY;
	} else if (type == SYS_PROG_TYPE_SYSCALL) {
		ps.flags = SYS_F_SLEEPABLE;
	}
	fd = bpf_prog_load_raw(&ps);
	if (fd >= 0)
		close(fd);
	if (fd >= 0)
		return true;
	return log[0] && !strstr(log, "unknown func") && !strstr(log, "invalid func") &&
	       !strstr(log, "cannot use helper") && !strstr(log, "not supported") && !strstr(log, "not allowed") &&
	       !strstr(log, "JIT") && !strstr(log, "reserved");
}

static bool feature_test(struct env *env, uint32_t feature, uint32_t type, uint32_t attach_type)
{
	if (feature & FEATURE_KFUNC)
		return helper_works(env, (int)(feature & ~FEATURE_KFUNC), true, type, attach_type);
	switch (feature) {
	case BTAOT_FEATURE_FETCHING_ATOMICS:
		return atomics_work();
	case BTAOT_FEATURE_BPF_LOOP:
		return callback_works(HELPER_LOOP);
	case BTAOT_FEATURE_FOR_EACH_MAP_ELEM:
		return callback_works(HELPER_FOR_EACH);
	}
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (helpers[i].feature == feature)
			return helper_works(env, helpers[i].helper, false, type, attach_type);
	return false;
}

bool feature_has(struct env *env, uint32_t feature, uint32_t prog_type, uint32_t expected_attach_type)
{
	struct feature_cache *cache = env->features;
	bool has;

	if (!cache)
		cache = env->features = arena_alloc(sizeof(*cache));
	if (feature <= BTAOT_FEATURE_FOR_EACH_MAP_ELEM)
		prog_type = expected_attach_type = 0;
	for (uint32_t i = 0; i < cache->count; i++)
		if (cache->entries[i].feature == feature && cache->entries[i].type == prog_type &&
		    cache->entries[i].attach_type == expected_attach_type)
			return cache->entries[i].has;
	has = feature_test(env, feature, prog_type, expected_attach_type);
	if (cache->count < CACHE_SIZE) {
		cache->entries[cache->count].feature = feature;
		cache->entries[cache->count].type = prog_type;
		cache->entries[cache->count].attach_type = expected_attach_type;
		cache->entries[cache->count++].has = has;
	}
	return has;
}
