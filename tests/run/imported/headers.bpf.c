/* BPF C as it is written elsewhere: with the kernel's types and libbpf's names. */
#include <vmlinux.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} calls SEC(".maps");

extern struct task_struct *bpf_task_from_pid(s32 pid) __weak __ksym;
extern void bpf_no_such_function(void) __weak __ksym;

static struct task_struct *current_task(void) { return (struct task_struct *)bpf_get_current_task(); }

u64 times(u32 key)
{
	u64 one = 1, *value = bpf_map_lookup_elem(&calls, &key);

	if (value)
		return *value += 1;
	bpf_map_update_elem(&calls, &key, &one, BPF_ANY);
	return one;
}

pid_t parent(void) { return BPF_CORE_READ(current_task(), real_parent, tgid); }
u32 user(void) { return BPF_CORE_READ(current_task(), cred, uid.val); }

long program(char (*out)[16])
{
	const unsigned char *name = BPF_CORE_READ(current_task(), mm, exe_file, f_path.dentry, d_name.name);

	return bpf_probe_read_kernel_str(out, sizeof(*out), name);
}

long copy_comm(char (*out)[16]) { return BPF_CORE_READ_STR_INTO(out, current_task(), group_leader, comm); }
bool kernel_thread(void) { return BPF_CORE_READ(current_task(), mm) == NULL; }

int exist(void)
{
	return bpf_core_field_exists(struct task_struct, pid) * 1000 + bpf_core_type_exists(struct task_struct) * 100 +
	       bpf_core_enum_value_exists(enum pid_type, PIDTYPE_PGID) * 10 + bpf_ksym_exists(bpf_no_such_function);
}

int process_group(void) { return bpf_core_enum_value(enum pid_type, PIDTYPE_PGID); }
int bits(void) { return bpf_core_field_size(struct task_struct, pid) * 8; }
