/* load.c - the load of the benchmarks: N system calls without a pause, on the CPU that it is pinned to. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (long n = argc > 1 ? atol(argv[1]) : 0; n > 0; n--)
		syscall(SYS_getppid);
	return 0;
}
