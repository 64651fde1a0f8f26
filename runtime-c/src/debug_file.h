/* debug_file.h - the file that the symbols and debug information of another were split off to. */
#ifndef BTAOT_DEBUG_FILE_H
#define BTAOT_DEBUG_FILE_H

#include "elf_file.h"

/* Find the debug file of `elf`, which is at `path` below `root` ("" or one of /proc/PID/root), and map it: by build id below
 * /usr/lib/debug, else by the name that the file gives.  It must have the section `wanted`.  False: there is none. */
bool debug_file_open(struct elf_file *debug, const struct elf_file *elf, const char *root, const char *path, const char *wanted);
/* Visit the symbols of a file, then, if it was stripped, of its debug file (elf_symbols()). */
int binary_symbols(const struct elf_file *elf, const char *path, int (*visit)(void *arg, const struct elf_symbol *symbol), void *arg);

#endif
