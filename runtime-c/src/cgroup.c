/* cgroup.c - cgroup_path(): from the id of a cgroup to its path in every mounted hierarchy.
 *
 * Role: the id is the inode of the cgroup's directory, which is searched below the mount points of
 * /proc/mounts.  Text: "unified:/path" for cgroup v2, "memory:/path" for v1, joined with commas, v2 first. */
#include <fcntl.h>
#include <dirent.h>
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

struct search {
	struct textbuf *out;
	uint64_t id;
	const char *filter;
	bool v2, *any;
};

/* device root type options ... */
static int mount_visit(void *arg, char *line)
{
	struct search *s = arg;
	char *root = strchr(line, ' '), *type = root ? strchr(root + 1, ' ') : NULL;
	const char *name;

	if (!type)
		return 0;
	*type++ = '\0';
	type[strcspn(type, " ")] = '\0';
	if (strcmp(type, s->v2 ? "cgroup2" : "cgroup"))
		return 0;
	name = s->v2 ? "unified" : strrchr(root + 1, '/');
	name = !name ? root + 1 : *name == '/' ? name + 1 : name;
	if (!*s->filter || glob_match(s->filter, name))
		put_hierarchy(s->out, root + 1, name, s->id, s->any);
	return 0;
}

static void put_version(struct textbuf *b, uint64_t id, const char *filter, bool v2, bool *any)
{
	file_lines(AT_FDCWD, "/proc/mounts", mount_visit, &(struct search){b, id, filter, v2, any});
}

void cgroup_text(struct textbuf *b, uint64_t id, const char *filter)
{
	bool any = false;

	put_version(b, id, filter, true, &any);
	put_version(b, id, filter, false, &any);
}
