/* btf_types.c - types for fuzz_btf.c; compiled for BPF, which gives BTF. */
struct inner {
	int a;
	union {
		long b;
		struct {
			unsigned f1 : 3, f2 : 9;
			char c;
		};
	};
};

enum e { A = 1, B = -2 };

typedef struct {
	int arr[4];
	struct inner in[2];
} outer_t;

struct task_struct {
	int pid;
	char comm[16];
	outer_t o;
	const struct inner *p;
	enum e en;
	unsigned long long x;
	struct {
		int counter;
	};
};

struct task_struct task;

int vfs_read(struct task_struct *p)
{
	return p->pid;
}
