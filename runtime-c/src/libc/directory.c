/* directory.c - reading of directories, in place of musl's.  glibc keeps its own functions. */
#include <errno.h>
#include <stdlib.h>

#ifndef __GLIBC__
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's entries are musl's: number, offset, length, type, name. */
struct __dirstream {
	int fd;
	unsigned int next, filled;
	_Alignas(8) char entries[4096];
};

DIR *fdopendir(int fd)
{
	DIR *dir = malloc(sizeof(*dir));

	if (dir) {
		dir->fd = fd;
		dir->next = dir->filled = 0;
	}
	return dir;
}

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *entry;
	long n;

	if (dir->next >= dir->filled) {
		n = syscall(SYS_getdents64, dir->fd, dir->entries, sizeof(dir->entries));
		if (n <= 0)
			return NULL;
		dir->next = 0;
		dir->filled = (unsigned int)n;
	}
	entry = (struct dirent *)(void *)(dir->entries + dir->next);
	dir->next += entry->d_reclen;
	return entry;
}

int closedir(DIR *dir)
{
	int fd = dir->fd;

	free(dir);
	return close(fd);
}
#endif
