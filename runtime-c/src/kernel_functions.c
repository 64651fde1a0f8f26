/* kernel_functions.c - which functions of the kernel match a pattern.
 *
 * tracefs' available_filter_functions lists exactly what ftrace can trace; it may be unreadable (lockdown, containers,
 * EPERM), then /proc/kallsyms serves, without the functions that are known to be untraceable, and attaching copes with
 * the rest.  Either is read only for patterns, and once: the kernel takes 50 ms and more to write it. */
#define _GNU_SOURCE
#include "kernel_functions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "tracefs.h"
#include "util.h"

bool kernel_function_is_untraceable(const char *name)
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
	for (end = name; *end > ' '; end++)
		;
	bracket = *end ? strchr(end, '[') : NULL;
	*end = 0;
	out->name = name;
	out->module = "";
	if (bracket) {
		out->module = bracket + 1;
		bracket[strcspn(bracket, "]")] = 0;
	}
	return *name && strcmp(out->module, "bpf") && strcmp(out->module, "__builtin__ftrace");
}

static bool module_matches(const char *pattern, const char *module)
{
	if (!*pattern)
		return true;
	return glob_match(pattern, *module ? module : "vmlinux");
}

/* The file that serves: length of its text, or -errno. */
static ssize_t read_text(struct env *env, bool addresses, char **text, bool *kallsyms)
{
	ssize_t n = -ENOENT;
	int dir;

	if (env->opt.traceable_path) {
		n = host_read_file(AT_FDCWD, env->opt.traceable_path, text);
		if (n < 0)
			err("--traceable-functions %s: %s", env->opt.traceable_path, strerror((int)-n));
		return n;
	}
	if (!addresses) {
		dir = tracefs_open(env);
		n = dir < 0 ? dir : host_read_file(dir, "available_filter_functions", text);
	}
	*kallsyms = n < 0;
	return n < 0 ? host_read_file(AT_FDCWD, "/proc/kallsyms", text) : n;
}

static int read_functions(struct env *env, bool addresses, struct kernel_functions *f)
{
	size_t lines = 1;
	bool kallsyms = false;
	char *text, *end;
	ssize_t n = read_text(env, addresses, &text, &kallsyms);

	if (n < 0)
		return (int)n;
	for (end = text; (end = strchr(end, '\n')); end++)
		lines++;
	f->list = malloc(lines * sizeof(*f->list));
	if (!f->list)
		return -ENOMEM;
	for (; text; text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = 0;
		f->count += kernel_function_parse(text, kallsyms, &f->list[f->count]);
	}
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
	struct kernel_functions *all = &host_get(env)->functions[addresses];
	struct kernel_function *found;
	size_t i, matches = 0, kept = 0;
	int ret = all->list ? 0 : read_functions(env, addresses, all);

	if (ret)
		return ret;
	found = malloc(all->count * sizeof(*found) + 1);
	if (!found)
		return -ENOMEM;
	for (i = 0; i < all->count; i++)
		if (glob_match(pattern, all->list[i].name) && module_matches(module, all->list[i].module) &&
		    !kernel_function_is_untraceable(all->list[i].name))
			found[matches++] = all->list[i];
	items_sort(found, matches, sizeof(*found), compare_functions);
	for (i = 0; i < matches; i++)
		if (!kept || compare_functions(&found[kept - 1], &found[i]))
			found[kept++] = found[i];
	*list = found;
	*count = kept;
	return 0;
}
