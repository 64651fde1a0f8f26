/* unwind.c - tables for dw_ustack: how to find the caller at each address of the traced processes.
 *
 * Each process gets its rows by absolute address, so that programs need no idea of files: they look for the last row that is
 * not behind (process, address).  Row 0 tells their number; each process begins with a row for address 0, so that one
 * that is not there is told from an address that is not.  Behind a function comes a row that knows nothing. */
#define _GNU_SOURCE
#include "unwind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "eh_frame.h"
#include "elf_file.h"
#include "maps.h"
#include "parts.h"
#include "textbuf.h"
#include "usyms.h"
#include "util.h"

struct row {
	uint64_t address;
	uint32_t pid, unused;
	uint32_t words[UNWIND_WORDS];
};

struct unwind {
	struct textbuf rows;
	uint32_t pid;
	const struct mapping *mapping;
	const struct elf_file *elf;
};

static void add_row(struct unwind *u, uint64_t address, const uint32_t *words)
{
	struct row r = {.address = address, .pid = u->pid};

	if (words)
		memcpy(r.words, words, sizeof(r.words));
	text_bytes(&u->rows, &r, sizeof(r));
}

static void visit_rule(void *arg, uint64_t begin, const uint32_t *words)
{
	struct unwind *u = arg;
	const struct mapping *m = u->mapping;
	uint64_t offset;

	if (elf_address_to_offset(u->elf, words ? begin : begin - 1, true, &offset) && offset >= m->offset &&
	    offset - m->offset < m->end - m->start)
		add_row(u, m->start + offset - m->offset + !words, words);
}

static int read_mapping(void *arg, char *line)
{
	struct unwind *u = arg;
	const char *p = line;
	struct elf_section s;
	struct elf_file elf;
	struct cursor section;
	struct mapping m;

	if (!mapping_parse(&p, line + strlen(line), &m) || mapping_open(&elf, u->pid, &m))
		return 0;
	if (elf_section_find(&elf, ".eh_frame", &s) && s.type != 8 /* SHT_NOBITS */) {
		u->mapping = &m;
		u->elf = &elf;
		section = (struct cursor){elf.data + s.offset, elf.data + s.offset + s.size};
		eh_frame_rules(&section, s.address, visit_rule, u);
	}
	if (m.path[0] == '/')
		elf_unmap(&elf);
	return 0;
}

/* A process that is not there has no rows. */
static void read_process(struct unwind *u, pid_t pid)
{
	char path[64];

	u->pid = (uint32_t)pid;
	add_row(u, 0, NULL);
	str_printf(path, sizeof(path), "/proc/%d/maps", pid);
	file_lines(AT_FDCWD, path, read_mapping, u);
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return !!x->words[UNWIND_CFA] - !!y->words[UNWIND_CFA];  /* the end of a function comes before the next one */
}

int unwind_read(struct env *env, struct target *target)
{
	struct unwind *u;
	int ret = 0;

	if (map_by_role(env, BTAOT_MAP_ROLE_UNWIND) == BTAOT_NONE)
		return 0;
	if (!HAS(UNWIND)) {
		err("dw_ustack is only available on x86_64");
		return -ENOTSUP;
	}
	if (!env->opt.pid && !env->opt.cmd && !env->opt.dwarf_pid_count) {
		err("dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.");
		return -EINVAL;
	}
	u = env->unwind = arena_alloc(sizeof(*u));
	add_row(u, 0, NULL);
	if (env->opt.cmd) {
		ret = target_run_to_entry(env, target);
		read_process(u, env->child);
	}
	if (env->opt.pid)
		read_process(u, env->opt.pid);
	for (uint32_t i = 0; i < env->opt.dwarf_pid_count; i++)
		read_process(u, env->opt.dwarf_pids[i]);
	items_sort(u->rows.data, u->rows.len / sizeof(struct row), sizeof(struct row), compare_rows);
	((struct row *)(void *)u->rows.data)->address = u->rows.len / sizeof(struct row) - 1;
	return ret;
}

uint32_t unwind_entries(const struct env *env)
{
	return (uint32_t)(env->unwind->rows.len / sizeof(struct row));
}

int unwind_store(struct env *env)
{
	const struct textbuf *rows;
	void *p;

	if (!HAS(UNWIND) || !env->unwind)
		return 0;
	rows = &env->unwind->rows;
	p = mmap(NULL, rows->len, PROT_READ | PROT_WRITE, MAP_SHARED, env->map_fds[map_by_role(env, BTAOT_MAP_ROLE_UNWIND)], 0);
	if (p == MAP_FAILED) {
		err("Cannot map the tables of dw_ustack: %s", strerror(errno));
		return -errno;
	}
	memcpy(p, rows->data, rows->len);
	munmap(p, rows->len);
	return 0;
}
