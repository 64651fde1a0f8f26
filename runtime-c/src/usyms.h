/* usyms.h - names of user-space addresses. */
#ifndef BTAOT_USYMS_H
#define BTAOT_USYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inlined.h"

struct env;
struct file;
struct usyms;

struct usym {
	const char *name;               /* NULL: the address is not inside a known function */
	uint64_t offset;
	const char *module;             /* path of the mapped file; NULL: not in a file */
	struct file *file;              /* for usyms_places() */
	uint64_t place;                 /* offset in it */
};

struct usyms *usyms_open(const struct env *env);
/* Find an address of a process.  The texts stay valid for the run. */
struct usym usyms_find(struct usyms *u, uint32_t pid, uint64_t addr);

/* Where an address is in the sources. */
struct place {
	struct place *next;
	const struct file *file;
	uint64_t offset;
	bool found;
	struct source line;             /* of the innermost of the inlined functions, if there are any */
	unsigned count;
	struct inlined inlined[];       /* the outermost first */
};

/* The place of what usyms_find() gave; NULL: there is no debug information of it.  The texts stay valid. */
const struct place *usyms_place(struct usyms *u, const struct usym *sym);

/* A new stack begins: look whether its process still runs the same program. */
void usyms_recheck(struct usyms *u);

/* One executable mapping of /proc/PID/maps. */
struct mapping {
	uint64_t start, end, offset, inode;
	uint32_t major, minor;
	const char *path;
	size_t path_len;
};

/* Parse the line at *text (moved behind it); false if it is no mapping or not executable.  For fuzzers, too. */
bool mapping_parse(const char **text, const char *end, struct mapping *m);

/* The file of a mapping, opened as its process sees it; that of "[vdso]" is a copy, not to be unmapped.  0 or -errno. */
struct elf_file;
int mapping_open(struct elf_file *elf, uint32_t pid, const struct mapping *m);

#endif
