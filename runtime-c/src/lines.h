/* lines.h - the source line of an address, from .debug_line (DWARF 2 to 5). */
#ifndef BTAOT_LINES_H
#define BTAOT_LINES_H

#include <stdbool.h>

#include "dwarf.h"
#include "textbuf.h"

/* A place in a source; texts lie in the sections.  A relative `dir` is in `base`, which is "" if it is not known. */
struct source {
	const char *base, *dir, *file;
	uint32_t line;
	uint64_t unit;                  /* place in .debug_line of the tables that have the file */
};

/* Note which part of .debug_line tells of which addresses, for lines_find(). */
void lines_index(const struct dwarf *s, struct textbuf *index);
/* False: there is none for this address. */
bool lines_find(const struct dwarf *s, const struct textbuf *index, uint64_t address, struct source *out);
/* Fill in file `number` of the unit `out->unit`. */
void lines_file(const struct dwarf *s, uint64_t number, struct source *out);

#endif
