/* section.h - find a named section of an ELF file of this machine's class and byte order. */
#ifndef BTAOT_SECTION_H
#define BTAOT_SECTION_H

#include <stdbool.h>
#include <stdint.h>

struct section_place {
	const char *name;       /* wanted, set by the caller */
	uint64_t offset, size;  /* place in the file */
	void *content;          /* for the caller */
	bool found, compressed; /* compressed: begins with an ElfN_Chdr */
};

/* Fill `wanted`.  0, -errno of reading, -ENOEXEC: no ELF file of this machine's class, or damaged. */
int sections_find(int fd, struct section_place *wanted, uint32_t count);

#endif
