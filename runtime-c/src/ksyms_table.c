/* ksyms_table.c - /proc/kallsyms as a sorted table, for kernels that cannot be asked (before Linux 5.14).
 *
 * Role: fallback of ksyms.c.  The file is streamed through a small buffer; of 200,000 lines only text symbols are
 * kept, as an address and the place of the name: about 7 MB, and only if a kernel address must be printed. */
#define _GNU_SOURCE

#include "ksyms_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "textbuf.h"

#define READ_SIZE 65536

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

/* "ffffffff81000000 T _stext" and perhaps "\t[module]". */
static void add_line(struct ksyms_table *t, const char *p, const char *end)
{
	struct entry e = {0, (uint32_t)t->names.len};
	const char *name;

	for (; p < end && *p != ' '; p++) {
		int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;

		if (digit < 0)
			return;
		e.addr = e.addr << 4 | (uint64_t)digit;
	}
	if (end - p < 4 || p[2] != ' ' || !strchr("tTwW", p[1]) || !e.addr)
		return;
	for (name = p += 3; p < end && *p != '\t' && *p != ' '; p++)
		;
	text_bytes(&t->names, name, (size_t)(p - name));
	text_char(&t->names, '\0');
	text_bytes(&t->entries, &e, sizeof(e));
}

void ksyms_table_add(struct ksyms_table *t, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			return;
		add_line(t, text, newline);
		text = newline + 1;
	}
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

static void read_lines(struct ksyms_table *t, int fd)
{
	char *buf = malloc(READ_SIZE);
	size_t used = 0;
	ssize_t n;

	while (buf && (n = read(fd, buf + used, READ_SIZE - used)) > 0) {
		const char *last;

		used += (size_t)n;
		last = memrchr(buf, '\n', used);
		if (!last) {
			if (used == READ_SIZE)
				break;
			continue;
		}
		ksyms_table_add(t, buf, (size_t)(last + 1 - buf));
		used -= (size_t)(last + 1 - buf);
		memmove(buf, last + 1, used);
	}
	free(buf);
}

struct ksyms_table *ksyms_table_read(const char *path)
{
	struct ksyms_table *t = ksyms_table_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (t && fd >= 0)
		read_lines(t, fd);
	if (fd >= 0)
		close(fd);
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
