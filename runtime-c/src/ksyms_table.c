/* ksyms_table.c - /proc/kallsyms as a sorted table, for kernels that cannot be asked (before Linux 5.14).
 *
 * Role: fallback of ksyms.c.  The file is streamed through a small buffer; of 200,000 lines only text symbols are
 * kept, as an address and the place of the name: about 7 MB, and only if a kernel address must be printed. */
#include "ksyms_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "textbuf.h"
#include "util.h"

struct entry {
	uint64_t addr;
	uint32_t name;
};

struct ksyms_table {
	struct textbuf entries, names;
};

struct ksyms_table *ksyms_table_new(void)
{
	return calloc(1, sizeof(struct ksyms_table));
}

void ksyms_table_free(struct ksyms_table *t)
{
	if (!t)
		return;
	text_free(&t->entries);
	text_free(&t->names);
	free(t);
}

int ksyms_table_line(void *table, char *line)
{
	struct ksyms_table *t = table;
	struct entry e = {0, (uint32_t)t->names.len};
	char *p;

	e.addr = strtoull(line, &p, 16);
	if (!e.addr || *p != ' ' || !p[1] || !strchr("tTwW", p[1]) || p[2] != ' ')
		return 0;
	p += 3;
	text_bytes(&t->names, p, strcspn(p, "\t "));
	text_char(&t->names, '\0');
	text_bytes(&t->entries, &e, sizeof(e));
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static size_t entry_count(const struct ksyms_table *t)
{
	return t->entries.len / sizeof(struct entry);
}

void ksyms_table_sort(struct ksyms_table *t)
{
	if (t->entries.len)
		items_sort(t->entries.data, entry_count(t), sizeof(struct entry), compare_entries);
}

struct ksyms_table *ksyms_table_read(const char *path)
{
	struct ksyms_table *t = ksyms_table_new();

	if (t)
		file_lines(AT_FDCWD, path, ksyms_table_line, t);
	if (t && !entry_count(t)) {
		ksyms_table_free(t);
		return NULL;
	}
	if (t)
		ksyms_table_sort(t);
	return t;
}

const char *ksyms_table_find(const struct ksyms_table *t, uint64_t addr, uint64_t *offset)
{
	const struct entry *e;
	size_t low = 0, high;

	if (!t)
		return NULL;
	e = (const struct entry *)(const void *)t->entries.data;
	high = entry_count(t);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	/* Of several names for one address the first in the file. */
	while (low > 1 && e[low - 2].addr == e[low - 1].addr)
		low--;
	*offset = addr - e[low - 1].addr;
	return t->names.data + e[low - 1].name;
}
