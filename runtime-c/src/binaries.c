/* binaries.c - which file a script means by "bash", "libc", "./a.out" or "/usr/bin/p*".
 *
 * The order is bpftrace's: a name that begins with "lib" is first looked up as a library (ld.so.cache, then the standard
 * directories), then the name itself as a path, then in the directories of PATH.  Only ELF files count: executables need
 * the x bit, shared objects do not.  With a target process in another mount namespace every path is taken below
 * /proc/PID/root.  Nothing here depends on the kernel's version. */
#define _GNU_SOURCE
#include "binaries.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "path_glob.h"
#include "util.h"

static const char *const library_dirs[] = {
	"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib",
#if defined(__x86_64__)
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
#endif
};

/* Read the first bytes of an ELF file; 0 if it can be probed. */
static int read_head(const char *path, unsigned char head[20])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, head, 20);
	close(fd);
	return n == 20 && !memcmp(head, ELFMAG, SELFMAG) ? 0 : -ENOEXEC;
}

static bool is_binary(const char *path)
{
	unsigned char head[20];
	struct stat st;
	unsigned int type;

	if (read_head(path, head))
		return false;
	type = head[EI_DATA] == ELFDATA2LSB ? head[16] | head[17] << 8 : head[17] | head[16] << 8;
	return type == ET_DYN || (type == ET_EXEC && !stat(path, &st) && (st.st_mode & S_IXUSR));
}

/* A library of the class and machine of this program: what "libc" means where several are installed. */
static bool is_native(const char *path)
{
	unsigned char head[20], own[20];

	return !read_head(path, head) && !read_head("/proc/self/exe", own) && head[EI_CLASS] == own[EI_CLASS] &&
	       !memcmp(head + 18, own + 18, 2);
}

/* Below another root the path is checked later. */
static bool is_any(const char *path)
{
	return *path == '/';
}

/* "/proc/PID/root" if that process sees other mounts than we do, else "". */
static const char *root_of(pid_t pid, char buf[64])
{
	struct stat ours, theirs;

	buf[0] = 0;
	if (pid <= 0)
		return buf;
	str_printf(buf, 64, "/proc/%d/ns/mnt", pid);
	if (stat("/proc/self/ns/mnt", &ours) || stat(buf, &theirs) || (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev))
		buf[0] = 0;
	else
		str_printf(buf, 64, "/proc/%d/root", pid);
	return buf;
}

/* Hand a path on if it is a binary. */
static int offer(const char *root, const char *path, int (*found)(void *arg, const char *path), void *arg)
{
	char full[PATH_MAX];

	if (*root && strncmp(path, root, strlen(root)))
		str_printf(full, sizeof(full), "%s%s%s", root, *path == '/' ? "" : "/", path);
	else
		str_printf(full, sizeof(full), "%s", path);
	return strstr(full, "!/") || is_binary(full) ? found(arg, full) : 0;
}

struct offering {
	const char *root;
	int (*found)(void *arg, const char *path);
	void *arg;
};

static int offer_match(void *arg, const char *path)
{
	const struct offering *o = arg;

	return offer(o->root, path, o->found, o->arg);
}

static int offer_pattern(const char *root, const char *pattern, int (*found)(void *arg, const char *path), void *arg)
{
	struct offering o = { root, found, arg };
	char full[PATH_MAX];

	if (!strpbrk(pattern, "*?["))
		return offer(root, pattern, found, arg);
	str_printf(full, sizeof(full), "%s%s%s", root, *root && *pattern != '/' ? "/" : "", pattern);
	return path_glob(full, offer_match, &o);
}

static int take_native(void *arg, const char *path)
{
	if (!is_native(path))
		return 0;
	memcpy(arg, path, strlen(path) + 1);
	return 1;
}

static const char *find_library(const char *root, const char *name, char path[PATH_MAX])
{
	char pattern[PATH_MAX], *cache;
	const char *hit = NULL;
	ssize_t size;

	str_printf(path, PATH_MAX, "%s/etc/ld.so.cache", root);
	size = host_read_file(AT_FDCWD, path, &cache);
	if (size >= 0) {
		hit = ld_cache_find(cache, (size_t)size, name, *root ? is_any : is_native);
		if (hit)
			str_printf(path, PATH_MAX, "%s", hit);
		free(cache);
	}
	for (size_t i = 0; i < ARRAY_SIZE(library_dirs) && !hit; i++) {
		str_printf(pattern, sizeof(pattern), "%s%s/%s%s", root, library_dirs[i], name, strstr(name, ".so") ? "*" : ".so*");
		if (path_glob(pattern, take_native, path))
			hit = path;
	}
	return hit ? path : NULL;
}

/* PATH of the process whose mounts are used, else our own. */
static char *search_path(const char *root, pid_t pid)
{
	const char *own = getenv("PATH");
	char name[64], *data, *p, *copy = NULL;
	ssize_t size;

	if (!*root)
		return strdup(own ? own : "");
	str_printf(name, sizeof(name), "/proc/%d/environ", pid);
	size = host_read_file(AT_FDCWD, name, &data);
	if (size < 0)
		return strdup("");
	for (p = data; p < data + size; p += strlen(p) + 1)
		if (!strncmp(p, "PATH=", 5))
			copy = strdup(p + 5);
	free(data);
	return copy ? copy : strdup("");
}

static int search_in_path(const char *root, const char *target, pid_t pid,
			  int (*found)(void *arg, const char *path), void *arg)
{
	char *dirs = search_path(root, pid), *save = NULL, *dir, path[PATH_MAX];
	int ret = 0;

	if (!dirs)
		return -ENOMEM;
	for (dir = strtok_r(dirs, ":", &save); dir && !ret; dir = strtok_r(NULL, ":", &save)) {
		str_printf(path, sizeof(path), "%s/%s", dir, target);
		ret = offer_pattern(root, path, found, arg);
	}
	free(dirs);
	return ret;
}

/* The files that a process has mapped executable, each once. */
static int mapped_files(const char *root, pid_t pid, int (*found)(void *arg, const char *path), void *arg)
{
	char name[64], *maps, *line, *save = NULL, *path, last[PATH_MAX] = "";
	ssize_t size;
	int ret = 0;

	str_printf(name, sizeof(name), "/proc/%d/maps", pid);
	size = host_read_file(AT_FDCWD, name, &maps);
	if (size < 0)
		return (int)size;
	for (line = strtok_r(maps, "\n", &save); line && !ret; line = strtok_r(NULL, "\n", &save)) {
		path = strchr(line, '/');
		if (!path || !strchr(line, ' ') || strchr(line, ' ')[3] != 'x' || !strcmp(path, last))
			continue;
		str_printf(last, sizeof(last), "%s", path);
		ret = offer(root, path, found, arg);
	}
	free(maps);
	return ret;
}

/* Files that were handed on already, by device and inode: processes share most of what they map. */
struct seen {
	int (*found)(void *arg, const char *path);
	void *arg;
	const char *pattern;
	uint64_t (*files)[2];
	size_t count, room;
};

static int offer_once(void *arg, const char *path)
{
	struct seen *seen = arg;
	uint64_t (*bigger)[2];
	struct stat st;

	if (!glob_match(seen->pattern, path) || stat(path, &st))
		return 0;
	for (size_t i = 0; i < seen->count; i++)
		if (seen->files[i][0] == st.st_dev && seen->files[i][1] == st.st_ino)
			return 0;
	if (seen->count == seen->room) {
		seen->room = seen->room ? seen->room * 2 : 64;
		bigger = realloc(seen->files, seen->room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		seen->files = bigger;
	}
	seen->files[seen->count][0] = st.st_dev;
	seen->files[seen->count++][1] = st.st_ino;
	return seen->found(seen->arg, path);
}

/* What process `pid` has mapped, or, if that is 0, what any process has, if the pattern matches. */
static int all_mapped_files(const char *pattern, pid_t pid, int (*found)(void *arg, const char *path), void *arg)
{
	struct seen seen = { .found = found, .arg = arg, .pattern = pattern };
	DIR *proc = pid > 0 ? NULL : opendir("/proc");
	struct dirent *entry;
	char root[64];
	int ret = 0;

	if (pid > 0)
		ret = mapped_files(root_of(pid, root), pid, offer_once, &seen);
	while (proc && !ret && (entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		pid = atoi(entry->d_name);
		ret = mapped_files(root_of(pid, root), pid, offer_once, &seen);
		if (ret == -ENOENT || ret == -EACCES || ret == -ESRCH)
			ret = 0;  /* gone, or not ours to see */
	}
	if (proc)
		closedir(proc);
	free(seen.files);
	return ret;
}

int binaries_find(const char *target, pid_t pid, int (*found)(void *arg, const char *path), void *arg)
{
	char root_buf[64], path[PATH_MAX], link[64];
	const char *root = root_of(pid, root_buf), *library;
	ssize_t n;
	int ret;

	if (pid > 0 && !*target) {
		str_printf(link, sizeof(link), "/proc/%d/exe", pid);
		n = readlink(link, path, sizeof(path) - 1);
		if (n < 0)
			return -errno;
		path[n] = 0;
		return offer(root, path, found, arg);
	}
	if (*target == '*' && (pid > 0 || !target[1]))
		return all_mapped_files(target, pid, found, arg);
	if (!strncmp(target, "lib", 3) && !strpbrk(target, "*?[/")) {
		library = find_library(root, target, path);
		if (library)
			return offer(root, library, found, arg);
	}
	ret = offer_pattern(root, target, found, arg);
	if (!ret && !strchr(target, '/'))
		ret = search_in_path(root, target, pid, found, arg);
	return ret;
}
