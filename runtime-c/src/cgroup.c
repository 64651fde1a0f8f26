/* cgroup.c - cgroup_path(): from the id of a cgroup to its path in every mounted hierarchy.
 *
 * Role: the id is the inode of the cgroup's directory, which is searched below the mount points of
 * /proc/mounts.  Text: "unified:/path" for cgroup v2, "memory:/path" for v1, joined with commas, v2 first. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "output_internal.h"

#define PATH_SIZE 4096
#define MAX_DEPTH 64

/* Find the directory with this inode below path; path then names it. */
static bool find_inode(char *path, size_t len, uint64_t inode, unsigned depth)
{
	DIR *dir = depth < MAX_DEPTH ? opendir(path) : NULL;
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);
		struct stat st;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || len + n + 2 > PATH_SIZE)
			continue;
		path[len] = '/';
		memcpy(path + len + 1, entry->d_name, n + 1);
		found = (stat(path, &st) == 0 && st.st_ino == inode) || find_inode(path, len + 1 + n, inode, depth + 1);
	}
	closedir(dir);
	if (!found)
		path[len] = '\0';
	return found;
}

static void put_hierarchy(struct textbuf *b, const char *root, const char *name, uint64_t id, bool *any)
{
	char path[PATH_SIZE];
	size_t len = strlen(root);
	struct stat st;

	if (len >= sizeof(path))
		return;
	memcpy(path, root, len + 1);
	if (stat(root, &st) == 0 && st.st_ino == id)
		memcpy(path + len, "/", 2);
	else if (!find_inode(path, len, id, 0))
		return;
	text_printf(b, "%s%s:%s", *any ? "," : "", name, path + len);
	*any = true;
}

static void put_version(struct textbuf *b, uint64_t id, const char *filter, bool v2, bool *any)
{
	FILE *mounts = fopen("/proc/mounts", "re");
	char line[PATH_SIZE], root[PATH_SIZE], type[32];

	if (!mounts)
		return;
	while (fgets(line, sizeof(line), mounts)) {
		const char *name;

		if (sscanf(line, "%*s %4095s %31s", root, type) != 2 || strcmp(type, v2 ? "cgroup2" : "cgroup"))
			continue;
		name = strrchr(root, '/');
		name = v2 ? "unified" : name ? name + 1 : root;
		if (!*filter || glob_match(filter, name))
			put_hierarchy(b, root, name, id, any);
	}
	fclose(mounts);
}

void cgroup_text(struct textbuf *b, uint64_t id, const char *filter)
{
	bool any = false;

	put_version(b, id, filter, true, &any);
	put_version(b, id, filter, false, &any);
}
