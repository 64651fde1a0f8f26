/* kernel_functions.c - which functions of the kernel match a pattern.
 *
 * tracefs' available_filter_functions lists exactly what ftrace can trace; it may be unreadable (lockdown, containers,
 * EPERM), then /proc/kallsyms serves, without the functions that are known to be untraceable, and attaching copes with
 * the rest.  Both are read in a stream and only for patterns: kallsyms alone takes 50 ms and more. */
#define _GNU_SOURCE
#include "kernel_functions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tracefs.h"
#include "util.h"

struct search {
	const char *module, *pattern;
	bool kallsyms;
	struct kernel_function *list;
	size_t count, room;
};

/* Symbols that look like functions but have no entry that can be probed, or should not be. */
static bool is_untraceable(const char *name)
{
	static const char *const prefixes[] = {
		"__pfx_", "__cfi_", "__ftrace_invalid_address__", "__kstrtab", "$",
		/* as in bpftrace: probing these makes kernels unstable */
		"rcu_", "arch_cpu_idle", "default_idle", "bpf_dispatcher_xdp_func",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return strstr(name, ".part.") || strstr(name, ".cold");
}

bool kernel_function_parse(char *line, bool kallsyms, struct kernel_function *out)
{
	char *name = line, *end, *bracket;

	out->address = 0;
	if (kallsyms) {
		out->address = strtoull(line, &end, 16);
		if (end == line || *end != ' ' || !end[1] || !strchr("tTwW", end[1]) || end[2] != ' ')
			return false;
		name = end + 3;
	}
	end = name + strcspn(name, " \t");
	bracket = *end ? strchr(end, '[') : NULL;
	*end = 0;
	out->name = name;
	out->module = "";
	if (bracket) {
		out->module = bracket + 1;
		bracket[strcspn(bracket, "]")] = 0;
	}
	return *name && strcmp(out->module, "bpf") && strcmp(out->module, "__builtin__ftrace") && !is_untraceable(name);
}

static bool module_matches(const char *pattern, const char *module)
{
	if (!*pattern)
		return true;
	return glob_match(pattern, *module ? module : "vmlinux");
}

static int take_line(void *arg, char *line)
{
	struct search *s = arg;
	struct kernel_function f, *bigger;

	if (!kernel_function_parse(line, s->kallsyms, &f) || !module_matches(s->module, f.module) ||
	    !glob_match(s->pattern, f.name))
		return 0;
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 256;
		bigger = realloc(s->list, s->room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		s->list = bigger;
	}
	f.name = arena_strdup(f.name);
	f.module = *f.module ? arena_strdup(f.module) : "";
	s->list[s->count++] = f;
	return 0;
}

static int compare_functions(const void *a, const void *b)
{
	const struct kernel_function *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->module, y->module);
}

int kernel_functions_find(struct env *env, const char *module, const char *pattern, bool addresses,
			  struct kernel_function **list, size_t *count)
{
	struct search s = { .module = module, .pattern = pattern };
	int ret = -ENOENT, dir;
	size_t i, kept = 0;

	if (env->opt.traceable_path) {
		ret = file_lines(AT_FDCWD, env->opt.traceable_path, take_line, &s);
		if (ret)
			err("--traceable-functions %s: %s", env->opt.traceable_path, strerror(-ret));
	} else if (!addresses) {
		dir = tracefs_open(env);
		ret = dir < 0 ? dir : file_lines(dir, "available_filter_functions", take_line, &s);
	}
	if (ret && !env->opt.traceable_path) {
		s.kallsyms = true;
		s.count = 0;
		ret = file_lines(AT_FDCWD, "/proc/kallsyms", take_line, &s);
	}
	if (ret) {
		free(s.list);
		return ret;
	}
	if (s.count)
		items_sort(s.list, s.count, sizeof(*s.list), compare_functions);
	for (i = 0; i < s.count; i++)
		if (!kept || compare_functions(&s.list[kept - 1], &s.list[i]))
			s.list[kept++] = s.list[i];
	*list = s.list;
	*count = kept;
	return 0;
}
