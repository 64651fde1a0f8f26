// Maps a part of a file and calls the function at its beginning: mapped FILE OFFSET.  As Android runs libraries in an .apk.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long page = sysconf(_SC_PAGESIZE), offset = argc == 3 ? atol(argv[2]) : 0, start = offset / page * page;
	int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
	char *code = mmap(0, 2 * page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, start);

	if (code == MAP_FAILED)
		return 1;
	return ((int (*)(int))(code + offset - start))(41) != 42;
}
