/* lines.h - the source line of an address, from .debug_line (DWARF 2 to 5). */
#ifndef BTAOT_LINES_H
#define BTAOT_LINES_H

#include <stdbool.h>

#include "cursor.h"
#include "textbuf.h"

/* What is read of a file's debug information; empty where there is none. */
struct line_sections {
	struct cursor line, line_str, str;
};

/* A place in a source; texts lie in the sections.  A relative `dir` is in `base`, which is "" if it is not known. */
struct source {
	const char *base, *dir, *file;
	uint32_t line;
};

/* Note which part of .debug_line tells of which addresses, for lines_find(). */
void lines_index(const struct line_sections *s, struct textbuf *index);
/* False: there is none for this address. */
bool lines_find(const struct line_sections *s, const struct textbuf *index, uint64_t address, struct source *out);

#endif
