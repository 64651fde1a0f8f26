/* symbol_address.c - addresses of kernel symbols and of symbols in files.
 *
 * Kernel symbols: a BPF_PROG_TYPE_SYSCALL program asks the kernel (5.16; 0.3 ms), because reading /proc/kallsyms takes
 * 50-110 ms; that file is the fallback.  Symbols of files come from the symbol table of the file that a probe is in; where
 * it lies in a process is known from the probe's place there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "debug_file.h"
#include "symbols.h"
#include "sys_bpf.h"
#include "util.h"

#define NAME_ROOM 512
#define HELPER_KALLSYMS_LOOKUP 179  /* bpf_kallsyms_lookup_name */

/* The value of the one entry of the map that the lookup program works on. */
struct lookup {
	uint64_t address;
	char name[NAME_ROOM];
};

/* r0 = bpf_kallsyms_lookup_name(entry->name, NAME_ROOM, 0, &entry->address) */
static int lookup_program_load(int map)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = SYS_PSEUDO_MAP_VALUE, .imm = map },
		{ .imm = offsetof(struct lookup, name) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = NAME_ROOM },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3 },
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 4, .src_reg = SYS_PSEUDO_MAP_VALUE, .imm = map },
		{ .imm = offsetof(struct lookup, address) },
		{ .code = BPF_JMP | BPF_CALL, .imm = HELPER_KALLSYMS_LOOKUP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct prog_spec spec = {
		.type = SYS_PROG_TYPE_SYSCALL, .flags = SYS_F_SLEEPABLE, .insns = insns, .insn_count = ARRAY_SIZE(insns),
		.license = "GPL", .name = "kaddr",
	};

	return bpf_prog_load_raw(&spec);
}

/* Ask the kernel.  -ENOENT: there is no such symbol; other errors: this way is closed. */
static int ask_kernel(const char *name, uint64_t *address)
{
	struct map_spec spec = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct lookup), 1, 0, "kaddr" };
	struct lookup entry = { 0 };
	uint32_t key = 0, result = 0;
	int map, prog, ret;

	if (strlen(name) >= NAME_ROOM)
		return -ENOENT;
	memcpy(entry.name, name, strlen(name));
	map = bpf_map_new(&spec);
	if (map < 0)
		return map;
	prog = lookup_program_load(map);
	ret = prog < 0 ? prog : bpf_map_update(map, &key, &entry, 0);
	if (!ret || (prog >= 0 && ret >= 0))
		ret = bpf_prog_test_run(prog, NULL, 0, &result);
	if (!ret)
		ret = bpf_map_lookup(map, &key, &entry);
	if (prog >= 0)
		close(prog);
	close(map);
	*address = entry.address;
	return ret ? -EIO : (int)result == -ENOENT ? -ENOENT : result ? -EIO : 0;
}

struct wanted_address {
	const char *name;
	uint64_t address;
};

/* "ffffffff81000000 T name [module]", with a tab before the module */
static int kallsyms_visit(void *arg, char *line)
{
	struct wanted_address *w = arg;
	char *end;
	uint64_t address = strtoull(line, &end, 16);

	if (*end != ' ' || !end[1] || end[2] != ' ')
		return 0;
	end[3 + strcspn(end + 3, "\t ")] = '\0';
	if (strcmp(end + 3, w->name))
		return 0;
	w->address = address;
	return 1;
}

static int scan_kallsyms(const char *name, uint64_t *address)
{
	struct wanted_address w = { name, 0 };
	int ret = file_lines(AT_FDCWD, "/proc/kallsyms", kallsyms_visit, &w);

	*address = w.address;
	if (ret == 1)
		return w.address ? 0 : -EPERM;  /* zeros are shown to those who may not see addresses */
	return ret ? ret : -ENOENT;
}

int symbol_kaddr(struct env *env, const struct btaot_symbol *s, uint64_t *value)
{
	const char *name = payload_str(&env->payload, s->a);
	int ret = ask_kernel(name, value);

	if (ret == -EIO || (ret && ret != -ENOENT))
		ret = scan_kallsyms(name, value);
	if (ret && ret != -ENOENT)
		err("%s: cannot find the address of '%s': %s (kernel.kptr_restrict may hide addresses)", symbol_place(env, s),
		    name, strerror(-ret));
	return ret;
}

struct wanted_symbol {
	const char *name;
	uint64_t value;
};

static int symbol_visit(void *arg, const struct elf_symbol *symbol)
{
	struct wanted_symbol *w = arg;

	if (strcmp(symbol->name, w->name))
		return 0;
	w->value = symbol->value;
	return 1;
}

int symbol_uaddr(struct env *env, const struct btaot_symbol *s, const struct instance *inst, uint64_t *value)
{
	struct wanted_symbol w = { .name = payload_str(&env->payload, s->b) };
	struct elf_file elf;
	uint64_t place;
	int ret = elf_map(&elf, inst->target);

	if (ret)
		return ret;
	ret = binary_symbols(&elf, inst->target, symbol_visit, &w) == 1 ? 0 : -ENOENT;
	*value = w.value;
	if (!ret && s->imm && elf_offset_to_address(&elf, inst->address, &place))
		*value -= place;
	elf_unmap(&elf);
	return ret;
}
