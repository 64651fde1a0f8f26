/* A program whose stacks are taken: each argument is one action. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TRACED __attribute__((noinline, used, visibility("default")))
#define BARRIER() __asm__ volatile("" ::: "memory")

volatile int counter = 42;  /* read by their names */
volatile long big = 1L << 40;

TRACED int leaf(int n)
{
	BARRIER();
	return n;
}

TRACED int middle(int n)
{
	int r = leaf(n + 1);

	BARRIER();
	return r + 1;
}

TRACED int outer(int n)
{
	int r = middle(n + 1);

	BARRIER();
	return r + 1;
}

static inline __attribute__((always_inline)) int within(int n)
{
	int r = middle(n + 1);

	counter = r;  /* what comes behind the call is of this function, too */
	return r;
}

static inline __attribute__((always_inline)) int around(int n)
{
	BARRIER();
	return within(n + 1);
}

TRACED int inliner(int n)
{
	int r = around(n + 1);

	BARRIER();
	return r + 1;
}

TRACED int asks(void)
{
	int r = (int)syscall(SYS_getppid);

	BARRIER();
	return r + 1;
}

TRACED int asker(void)
{
	int r = asks();

	BARRIER();
	return r + 1;
}

TRACED int path(unsigned turns, int length);

TRACED int other_path(unsigned turns, int length)
{
	int r = path(turns >> 1, length - 1);

	BARRIER();
	return r + 1;
}

/* Every number makes another stack of `length` calls. */
TRACED int path(unsigned turns, int length)
{
	int r = !length ? leaf(0) : turns & 1 ? other_path(turns, length) : path(turns >> 1, length - 1);

	BARRIER();
	return r + 1;
}

static void paths(unsigned count)
{
	while (count--)
		path(count, 13);
}

static void clocks(long ms)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do
		clock_gettime(CLOCK_MONOTONIC, &b);
	while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
}

int main(int argc, char **argv)
{
	if (counter < 0 || big < 0)
		return 98;  /* now their page is there: programs of the kernel cannot wait for it */
	for (int i = 1; i < argc; i++) {
		const char *arg = strchr(argv[i], '=');

		if (!strcmp(argv[i], "outer"))
			outer(0);
		else if (!strcmp(argv[i], "inliner"))
			inliner(0);
		else if (!strcmp(argv[i], "ask"))
			asker();
		else if (!strcmp(argv[i], "leave"))
			unlink(argv[0]);
		else if (arg && !strncmp(argv[i], "nap=", 4))
			usleep((useconds_t)atoi(arg + 1) * 1000);
		else if (arg && !strncmp(argv[i], "paths=", 6))
			paths((unsigned)atoi(arg + 1));
		else if (arg && !strncmp(argv[i], "clocks=", 7))
			clocks(atoi(arg + 1));
		else if (arg && !strncmp(argv[i], "exec=", 5))
			execl(arg + 1, arg + 1, "outer", (char *)NULL);
		else
			return 99;
	}
	return 0;
}
