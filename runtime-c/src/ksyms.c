/* ksyms.c - names of kernel addresses.
 *
 * Role: /proc/kallsyms takes 50-110 ms to read, so it is the last resort.  From Linux 5.14 a BPF program of type
 * SYSCALL asks the kernel itself: bpf_snprintf("%pS") costs 0.24 ms to set up and some microseconds per address, and knows
 * modules and BPF programs.  Answers are kept in a hash table, because stacks repeat their frames.
 * Where such programs are missing, the text symbols of kallsyms are read once, the first time one is needed. */
#include "ksyms.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ksyms_table.h"
#include "sys_bpf.h"
#include "textbuf.h"

#define QUERY_SIZE 256
#define FIRST_SLOTS 256
#define CMD_MAP_FREEZE 22
#define MAP_RDONLY_PROG (1u << 7)
#define HELPER_SNPRINTF 165

/* Shared with the program: it reads the address and writes the text. */
struct query {
	uint64_t addr;
	char text[QUERY_SIZE - 8];
};

struct answer {
	uint64_t addr, offset;
	uint32_t name;                  /* in names; 0: no name */
	bool used;
};

struct ksyms {
	int prog_fd;
	struct query *query;
	struct ksyms_table *table;      /* kallsyms, if there is no program */
	bool table_tried;
	struct answer *slots;
	uint32_t slot_count, used;
	struct textbuf names;
};

static int map_freeze(int fd)
{
	uint32_t attr[32] = {(uint32_t)fd};

	return (int)syscall(SYS_bpf, CMD_MAP_FREEZE, attr, sizeof(attr));
}

/* A frozen read-only map with the format: where bpf_snprintf() wants it. */
static int format_map(void)
{
	struct map_spec spec = {BPF_MAP_TYPE_ARRAY, 4, 8, 1, MAP_RDONLY_PROG, "ksym_format"};
	char format[8] = "%pS";
	int fd = bpf_map_new(&spec);

	if (fd >= 0 && (bpf_map_update(fd, &(uint32_t){0}, format, 0) < 0 || map_freeze(fd) < 0)) {
		close(fd);
		fd = -EPERM;
	}
	return fd;
}

#define LOAD_MAP_VALUE(reg, fd, off) \
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (reg), .src_reg = SYS_PSEUDO_MAP_VALUE, .imm = (fd)}, {.imm = (off)}
#define LOAD_CONST(reg, value) {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value)}

static int load_program(int query_fd, int format_fd)
{
	const struct bpf_insn insns[] = {
		LOAD_MAP_VALUE(BPF_REG_1, query_fd, 8),
		LOAD_CONST(BPF_REG_2, QUERY_SIZE - 8),
		LOAD_MAP_VALUE(BPF_REG_3, format_fd, 0),
		LOAD_MAP_VALUE(BPF_REG_4, query_fd, 0),
		LOAD_CONST(BPF_REG_5, 8),
		{.code = BPF_JMP | BPF_CALL, .imm = HELPER_SNPRINTF},
		LOAD_CONST(BPF_REG_0, 0),
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct prog_spec spec = {
		.type = SYS_PROG_TYPE_SYSCALL, .flags = SYS_F_SLEEPABLE, .insns = insns,
		.insn_count = ARRAY_SIZE(insns), .name = "ksym", .license = "GPL",
	};

	return bpf_prog_load_raw(&spec);
}

/* Load the program that asks the kernel; k->prog_fd stays negative if that is not possible here. */
static void open_program(struct ksyms *k)
{
	struct map_spec spec = {BPF_MAP_TYPE_ARRAY, 4, QUERY_SIZE, 1, SYS_F_MMAPABLE, "ksym_query"};
	int query_fd = bpf_map_new(&spec), format_fd = format_map();

	if (query_fd >= 0 && format_fd >= 0) {
		void *p = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, query_fd, 0);

		if (p != MAP_FAILED) {
			k->query = p;
			k->prog_fd = load_program(query_fd, format_fd);
		}
	}
	if (query_fd >= 0)
		close(query_fd);
	if (format_fd >= 0)
		close(format_fd);
}

struct ksyms *ksyms_open(void)
{
	struct ksyms *k = arena_alloc(sizeof(*k));

	k->prog_fd = -1;
	open_program(k);
	text_char(&k->names, '\0');  /* so that 0 is no name */
	return k;
}

bool ksyms_parse_ps(char *text, uint64_t *offset)
{
	char *plus = strstr(text, "+0x"), *end;

	if (!plus || plus == text)
		return false;
	*offset = strtoull(plus + 3, &end, 16);
	if (*end != '/')
		return false;
	*plus = '\0';
	return true;
}

static struct answer *find_slot(struct ksyms *k, uint64_t addr)
{
	uint64_t hash = addr * 0x9e3779b97f4a7c15u;
	uint32_t i = (uint32_t)(hash >> 40) & (k->slot_count - 1);

	while (k->slots[i].used && k->slots[i].addr != addr)
		i = (i + 1) & (k->slot_count - 1);
	return &k->slots[i];
}

static void grow_slots(struct ksyms *k)
{
	struct answer *old = k->slots;
	uint32_t count = k->slot_count;

	k->slot_count = count ? count * 2 : FIRST_SLOTS;
	k->slots = calloc(k->slot_count, sizeof(*k->slots));
	if (!k->slots) {
		err("out of memory for kernel symbols");
		_exit(1);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (old[i].used)
			*find_slot(k, old[i].addr) = old[i];
	}
	free(old);
}

/* Ask the kernel or kallsyms; the name is added to k->names. */
static void resolve(struct ksyms *k, struct answer *a)
{
	const char *name = NULL;

	if (k->prog_fd >= 0) {
		k->query->addr = a->addr;
		k->query->text[0] = '\0';
		if (bpf_prog_test_run(k->prog_fd, NULL, 0, NULL) == 0 && ksyms_parse_ps(k->query->text, &a->offset))
			name = k->query->text;
	} else {
		if (!k->table_tried) {
			k->table = ksyms_table_read("/proc/kallsyms");
			k->table_tried = true;
		}
		name = ksyms_table_find(k->table, a->addr, &a->offset);
	}
	if (!name)
		return;
	a->name = (uint32_t)k->names.len;
	text_bytes(&k->names, name, strlen(name) + 1);
}

const char *ksyms_find(struct ksyms *k, uint64_t addr, uint64_t *offset)
{
	struct answer *a;

	if (k->used * 4 >= k->slot_count * 3)
		grow_slots(k);
	a = find_slot(k, addr);
	if (!a->used) {
		a->used = true;
		a->addr = addr;
		k->used++;
		resolve(k, a);
	}
	*offset = a->offset;
	return a->name ? k->names.data + a->name : NULL;
}
