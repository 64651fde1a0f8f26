/* A program without frame pointers: each argument is one action. */
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACED __attribute__((noinline, used, visibility("default")))

volatile int sink;

TRACED int leaf(int n)
{
	sink += n;
	return n;
}

TRACED int middle(int n)
{
	int r = leaf(n + 1);

	sink += r;
	return r + 1;
}

/* More of the stack than one byte of an offset can tell. */
TRACED int wide(int n)
{
	char room[4000];
	int r;

	room[n] = 1;
	sink += room[n];
	r = middle(n + 1);
	sink += r;
	return r + 1;
}

/* Its frame has no fixed size. */
TRACED int varied(int n)
{
	char *room = alloca((size_t)n * 16);
	int r;

	room[0] = (char)n;
	sink += room[0];
	r = wide(n + 1);
	sink += r;
	return r + room[0];
}

#ifdef __x86_64__
__attribute__((force_align_arg_pointer))
#endif
TRACED int aligned(int n)
{
	char room[64] __attribute__((aligned(64)));
	int r;

	room[n] = 1;
	sink += room[n];
	r = leaf(n);
	sink += r;
	return room[1] + r;
}

static int compare(const void *a, const void *b)
{
	sink += varied(3);
	return *(const int *)a - *(const int *)b;
}

TRACED int sorts(void)
{
	int numbers[2] = { 2, 1 };

	qsort(numbers, 2, sizeof(int), compare);
	return numbers[0];
}

static void handler(int number)
{
	leaf(number);
	sink++;
}

TRACED int raises(int n)
{
	raise(SIGUSR1);
	sink++;
	return n;
}

static void *thread(void *arg)
{
	leaf(2);
	sink++;
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t other;

	signal(SIGUSR1, handler);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "varied"))
			varied(2);
		else if (!strcmp(argv[i], "aligned"))
			aligned(1);
		else if (!strcmp(argv[i], "sorts"))
			sorts();
		else if (!strcmp(argv[i], "signal"))
			raises(1);
		else if (!strcmp(argv[i], "thread") && !pthread_create(&other, NULL, thread, NULL))
			pthread_join(other, NULL);
		else if (!strncmp(argv[i], "nap=", 4))
			usleep((useconds_t)atoi(argv[i] + 4) * 1000);
	}
	return 0;
}
