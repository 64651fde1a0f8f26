/* tracefs.c - the host's tracefs, opened privately.
 *
 * Where it is mounted it is used as it is; otherwise fsopen(2) and fsmount(2) (5.2) give a mount that is attached
 * nowhere, so that no other process sees it and it is gone with the descriptor.  Everything is read with openat(2)
 * below one directory descriptor.  Expansion of wildcards reads directories, single tracepoints only their own files. */
#define _GNU_SOURCE
#include "tracefs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "util.h"

#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
enum { FSCONFIG_CREATE = 6, FSOPEN_CLOEXEC_FLAG = 1, FSMOUNT_CLOEXEC_FLAG = 1 };

/* The directory if it has tracepoints, else the error.  (access(2) would ask for the rights of the real user.) */
static int check_events(int dir, int error)
{
	int events = openat(dir, "events", O_PATH | O_CLOEXEC);

	close(events < 0 ? dir : events);
	return events < 0 ? error : dir;
}

static int open_mounted(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? -errno : check_events(dir, -ENOENT);
}

static int open_private(void)
{
	int fs, mount;

	fs = (int)syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC_FLAG);
	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CREATE, NULL, NULL, 0)) {
		mount = -errno;
	} else {
		mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC_FLAG, 0);
		mount = mount < 0 ? -errno : check_events(mount, -EPERM);  /* empty: lockdown */
	}
	close(fs);
	return mount;
}

int tracefs_open(struct env *env)
{
	struct host *host = host_get(env);

	if (!host->tracefs_tried) {
		host->tracefs_tried = true;
		host->tracefs = open_mounted("/sys/kernel/tracing");
		if (host->tracefs < 0)
			host->tracefs = open_mounted("/sys/kernel/debug/tracing");
		if (host->tracefs < 0)
			host->tracefs = open_private();
	}
	return host->tracefs;
}

/* Path of a file of a tracepoint; false if the names cannot be parts of a path. */
static bool event_path(char *path, size_t size, const char *category, const char *event, const char *file)
{
	if (!*category || !*event || strchr(category, '/') || strchr(event, '/') || *category == '.' || *event == '.')
		return false;
	return (size_t)str_printf(path, size, "events/%s/%s/%s", category, event, file) < size;
}

int tracefs_event_id(struct env *env, const char *category, const char *event)
{
	char path[256], text[32];
	int dir = tracefs_open(env), n;

	if (dir < 0)
		return dir;
	if (!event_path(path, sizeof(path), category, event, "id"))
		return -ENOENT;
	n = host_read_text(dir, path, text, sizeof(text));
	return n < 0 ? n : atoi(text);
}

int tracefs_event_format(struct env *env, const char *category, const char *event, struct event_format *out)
{
	char path[256], *text;
	int dir = tracefs_open(env);
	ssize_t n;

	if (dir < 0)
		return dir;
	if (!event_path(path, sizeof(path), category, event, "format"))
		return -ENOENT;
	n = host_read_file(dir, path, &text);
	if (n < 0)
		return (int)n;
	out->text = arena_strdup(text);
	free(text);
	out->count = event_format_parse(out->text, &out->id, NULL, 0);
	out->fields = arena_alloc((out->count + 1) * sizeof(*out->fields));
	event_format_parse(out->text, &out->id, out->fields, out->count);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the subdirectories of `path` that match, sorted; the caller frees each and the array. */
static ssize_t list_matching(int dir, const char *path, const char *pattern, char ***names)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	char **list = NULL, **bigger;
	size_t count = 0, room = 0;
	struct dirent *entry;

	*names = NULL;
	if (!stream)
		return -errno;
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.' || entry->d_type == DT_REG || !glob_match(pattern, entry->d_name))
			continue;
		if (count == room) {
			room = room ? room * 2 : 64;
			bigger = realloc(list, room * sizeof(*list));
			if (!bigger)
				break;
			list = bigger;
		}
		if ((list[count] = strdup(entry->d_name)))
			count++;
	}
	closedir(stream);
	items_sort(list, count, sizeof(*list), compare_names);
	*names = list;
	return (ssize_t)count;
}

static void free_names(char **names, ssize_t count)
{
	for (ssize_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int visit_category(int dir, const char *category, const char *event,
			  int (*found)(void *arg, const char *category, const char *event), void *arg)
{
	char path[256], **events;
	ssize_t count, i;
	int ret = 0;

	str_printf(path, sizeof(path), "events/%s", category);
	count = list_matching(dir, path, event, &events);
	if (count < 0)
		return 0;  /* a module went away while we looked */
	for (i = 0; i < count && !ret; i++) {
		/* ftrace's own records are described there too, but cannot be attached to: they have no id of a tracepoint. */
		if (strcmp(category, "ftrace"))
			ret = found(arg, category, events[i]);
	}
	free_names(events, count);
	return ret;
}

int tracefs_events(struct env *env, const char *category, const char *event,
		   int (*found)(void *arg, const char *category, const char *event), void *arg)
{
	int dir = tracefs_open(env), ret = 0;
	char **categories;
	ssize_t count, i;

	if (dir < 0)
		return dir;
	count = list_matching(dir, "events", category, &categories);
	if (count < 0)
		return (int)count;
	for (i = 0; i < count && !ret; i++)
		ret = visit_category(dir, categories[i], event, found, arg);
	free_names(categories, count);
	return ret;
}
