/* inlined.h - the calls at an address that the compiler put in the place of the call, from .debug_info (DWARF 2 to 5). */
#ifndef BTAOT_INLINED_H
#define BTAOT_INLINED_H

#include "lines.h"

#define INLINED_MAX 32

/* A function without a frame of its own. */
struct inlined {
	const char *name;
	struct source call;             /* where it is called */
};

/* Note which part of .debug_info belongs to which of .debug_line, for inlined_find(). */
void inlined_index(const struct dwarf *d, struct textbuf *index);
/* The functions inlined at an address whose line lines_find() gave, the outermost first: at most INLINED_MAX.  Before DWARF 5
 * only this section knows the directory that paths are relative to: it is filled in. */
unsigned inlined_find(const struct dwarf *d, const struct textbuf *index, uint64_t address, struct source *line, struct inlined *out);

#endif
