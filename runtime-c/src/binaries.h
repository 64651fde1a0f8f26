/* binaries.h - which file a script means by "bash", "libc", "./a.out" or "/usr/bin/p*". */
#ifndef BTAOT_BINARIES_H
#define BTAOT_BINARIES_H

#include "env.h"

/* Call `found` for every executable or shared object that `target` names, best first, until it returns a value that is
 * not 0 (which is then returned).  Names without '/' are looked for as libraries ("libc", "libc.so.6": ld.so.cache and
 * the standard directories) and in PATH; `*` and `?` are expanded.  With `pid`, paths are those of its mount namespace if
 * that is another than ours (/proc/PID/root/...), "" means its executable, and "*" the files that it has mapped;
 * without, "*" means what any process has mapped. */
int binaries_find(const char *target, pid_t pid, int (*found)(void *arg, const char *path), void *arg);

/* Find a library in the bytes of an ld.so.cache: the first path whose name is `name`, or begins with it and goes on with
 * ".so", whose file is for `machine_ok`; NULL if none.  For fuzzers, too. */
const char *ld_cache_find(const char *data, size_t size, const char *name, bool (*usable)(const char *path));

#endif
