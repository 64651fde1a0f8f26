/* ksyms_table.h - /proc/kallsyms as a sorted table. */
#ifndef BTAOT_KSYMS_TABLE_H
#define BTAOT_KSYMS_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct ksyms_table;

/* The text symbols of a file in the format of /proc/kallsyms; NULL if it cannot be read or shows no addresses. */
struct ksyms_table *ksyms_table_read(const char *path);
/* Add the symbol of a line to a table; what is no line of kallsyms is passed over.  Always 0. */
int ksyms_table_line(void *table, char *line);
void ksyms_table_sort(struct ksyms_table *t);
/* The symbol with the highest address up to `addr`, or NULL. */
const char *ksyms_table_find(const struct ksyms_table *t, uint64_t addr, uint64_t *offset);
struct ksyms_table *ksyms_table_new(void);
void ksyms_table_free(struct ksyms_table *t);

#endif
