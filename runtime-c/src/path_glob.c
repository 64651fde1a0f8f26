/* path_glob.c - glob(3) without its tilde expansion, which brings the user database and its cache's sockets along.
 *
 * Directories are read one after the other, names sorted; hidden files match only patterns that begin with a dot. */
#include "path_glob.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

struct walk {
	char path[PATH_MAX];
	int (*visit)(void *arg, const char *path);
	void *arg;
};

struct names {
	char **list;
	size_t count, room;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
}

static int names_add(struct names *n, const char *name)
{
	if (n->count == n->room) {
		size_t room = n->room ? n->room * 2 : 32;
		char **list = realloc(n->list, room * sizeof(*list));

		if (!list)
			return -1;
		n->list = list;
		n->room = room;
	}
	n->list[n->count] = strdup(name);
	if (!n->list[n->count])
		return -1;
	n->count++;
	return 0;
}

static void names_read(struct names *n, const char *path, const char *pattern)
{
	DIR *dir = opendir(*path ? path : ".");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if ((entry->d_name[0] != '.' || pattern[0] == '.') && glob_match(pattern, entry->d_name) &&
		    names_add(n, entry->d_name))
			break;
	if (dir)
		closedir(dir);
	items_sort(n->list, n->count, sizeof(*n->list), compare_names);
}

static int walk_pattern(struct walk *w, size_t length, const char *pattern);

/* Append a name to the path and go on with the rest of the pattern. */
static int walk_name(struct walk *w, size_t length, const char *name, size_t size, const char *rest)
{
	if (length + size + 2 > sizeof(w->path))
		return 0;
	memcpy(w->path + length, name, size);
	length += size;
	w->path[length] = '\0';
	if (*rest == '/')
		w->path[length++] = '/';
	w->path[length] = '\0';
	rest += strspn(rest, "/");
	if (*rest)
		return walk_pattern(w, length, rest);
	return access(w->path, F_OK) ? 0 : w->visit(w->arg, w->path);
}

static int walk_pattern(struct walk *w, size_t length, const char *pattern)
{
	size_t size = strcspn(pattern, "/");
	char part[NAME_MAX + 1];
	struct names names = { 0 };
	int ret = 0;

	if (size > NAME_MAX)
		return 0;
	memcpy(part, pattern, size);
	part[size] = '\0';
	if (!strpbrk(part, "*?["))
		return walk_name(w, length, part, size, pattern + size);
	names_read(&names, w->path, part);
	for (size_t i = 0; i < names.count && !ret; i++) {
		w->path[length] = '\0';
		ret = walk_name(w, length, names.list[i], strlen(names.list[i]), pattern + size);
	}
	names_free(&names);
	return ret;
}

int path_glob(const char *pattern, int (*visit)(void *arg, const char *path), void *arg)
{
	struct walk w = { .visit = visit, .arg = arg };

	return walk_pattern(&w, 0, pattern);
}
