/* kernel_functions.h - which functions of the kernel match a pattern. */
#ifndef BTAOT_KERNEL_FUNCTIONS_H
#define BTAOT_KERNEL_FUNCTIONS_H

#include "env.h"

struct kernel_function {
	const char *name, *module;      /* module: "" for the kernel itself */
	uint64_t address;               /* 0 if it was not read or is hidden */
};

/* Functions that match both patterns and can be traced as far as the host tells, sorted by name, each name (and module)
 * once.  `module`: "" any, "vmlinux" the kernel itself.  With `addresses` their addresses are read, too.  The array is
 * malloc'ed, the strings stay for the run.  The host's list is read once; -errno if it cannot be. */
int kernel_functions_find(struct env *env, const char *module, const char *pattern, bool addresses,
			  struct kernel_function **list, size_t *count);

/* Take a line of available_filter_functions ("vfs_read", "foo [mod]") or of kallsyms ("ffff... t foo\t[mod]") apart;
 * false if it is no function.  Changes the line. */
bool kernel_function_parse(char *line, bool kallsyms, struct kernel_function *out);

/* Whether a symbol looks like a function but has no entry that can be probed, or should not be. */
bool kernel_function_is_untraceable(const char *name);

#endif
