/* What imported C may hold: maps, data of every kind, functions of functions, callbacks, kernel functions and types. */
#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define KSYM __attribute__((section(".ksyms")))
#define WEAK __attribute__((weak))
#define NOINLINE __attribute__((noinline))
#define NUMBER(name, value) int(*name)[value]
#define TYPE(name, type) typeof(type) *name
#define CORE __attribute__((preserve_access_index))

static void *(*lookup)(void *map, const void *key) = (void *)1;
static long (*update)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static long (*read_kernel)(void *dst, __u32 size, const void *src) = (void *)113;
static struct task_struct *(*current)(void) = (void *)158;
static long (*loop)(__u32 count, void *body, void *context, __u64 flags) = (void *)181;

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, 16);
	TYPE(key, __u32);
	TYPE(value, __u64);
} seen SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, 4);
	NUMBER(key_size, 4);
	NUMBER(value_size, 8);
} slots SEC(".maps");

int counter = 5;
static long total;
__u64 zeroes[4];
const volatile int limit = 7;
static const char words[3][8] = { "one", "two", "three" };
char _license[] SEC("license") = "GPL";

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *real_parent;
	int of_no_kernel;
} CORE;

extern void bpf_rcu_read_lock(void) WEAK KSYM;
extern void bpf_rcu_read_unlock(void) WEAK KSYM;
extern void bpf_no_such_function(void) WEAK KSYM;
extern const void vfs_read KSYM;

int next(void) { return counter++; }
long add(long x) { return total += x; }

__u64 bump(__u32 i)
{
	if (i < 4)
		zeroes[i]++;
	return zeroes[i & 3];
}

int get_limit(void) { return limit; }
int letter(unsigned i, unsigned j) { return i < 3 && j < 8 ? words[i][j] : -1; }

static NOINLINE __u64 *entry(__u32 key)
{
	__u64 one = 1, *value = lookup(&seen, &key);

	if (value) {
		*value += 1;
		return value;
	}
	update(&seen, &key, &one, 0);
	return lookup(&seen, &key);
}

__u64 times(__u32 key)
{
	__u64 *value = entry(key);

	return value ? *value : 0;
}

__u64 slot(__u32 i, __u64 amount)
{
	__u64 *value = lookup(&slots, &i);

	return value ? *value += amount : 0;
}

int task_tgid(struct task_struct *task)
{
	int tgid = 0;

	read_kernel(&tgid, sizeof(tgid), &task->tgid);
	return tgid;
}

int parent_tgid(struct task_struct *task)
{
	struct task_struct *parent = 0;

	read_kernel(&parent, sizeof(parent), &task->real_parent);
	return task_tgid(parent);
}

int direct_tgid(void) { return current()->tgid; }

int fields(void)
{
	struct task_struct *task = 0;

	return __builtin_preserve_field_info(task->pid, 2) * 10 + __builtin_preserve_field_info(task->of_no_kernel, 2);
}

int comm_size(void)
{
	struct task_struct *task = 0;

	return __builtin_preserve_field_info(task->comm, 1);
}

unsigned task_size(void) { return __builtin_preserve_type_info(*(struct task_struct *)0, 1); }

static long step(__u32 i, long *sum)
{
	*sum += i;
	return 0;
}

long sum_to(__u32 count)
{
	long sum = 0;

	loop(count, step, &sum, 0);
	return sum;
}

int locked(void)
{
	if (bpf_no_such_function) {
		bpf_no_such_function();
		return -1;
	}
	if (bpf_rcu_read_lock && bpf_rcu_read_unlock) {
		bpf_rcu_read_lock();
		bpf_rcu_read_unlock();
	}
	return 1;
}

unsigned long address(void) { return (unsigned long)&vfs_read; }
