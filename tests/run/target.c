/* A program to be traced: each action of its command line calls known functions with known arguments. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TRACED __attribute__((noinline, used, visibility("default")))

struct point {
	int x;
	unsigned char flags;
	short y;
	long big;
	char name[16];
	struct point *next;
};

struct shape {
	int a : 3;
	unsigned int b : 5;
	union {
		int number;
		unsigned char bytes[4];
	};
	struct {
		long deep;
	} named;
	int grid[4];
	enum color { RED = 3, GREEN } color;
	struct shape *next;
	struct {
		short low;
	};
	unsigned long long big : 40;
};

int counter = 42;  /* read by its name */

TRACED long add(int a, int b)
{
	__asm__ volatile("");
	return (long)a + b;
}

TRACED long six(long a, long b, long c, long d, long e, long f)
{
	__asm__ volatile("");
	return a + b + c + d + e + f;
}

TRACED long ten(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j)
{
	__asm__ volatile("" ::: "memory");
	return a + b + c + d + e + f + g + h + i + j;
}

TRACED const char *greet(const char *name)
{
	__asm__ volatile("" ::: "memory");
	return name[0] ? "hello" : "nobody";
}

TRACED int look(const struct point *p)
{
	__asm__ volatile("" ::: "memory");
	return p->x + counter;
}

TRACED int see(const struct shape *s)
{
	__asm__ volatile("" ::: "memory");
	return s->number;
}

TRACED unsigned char narrow(unsigned char c)
{
	__asm__ volatile("");
	return c;
}

TRACED int inner(int depth)
{
	__asm__ volatile("" ::: "memory");
	return depth;
}

TRACED int middle(int depth)
{
	int r = inner(depth + 1);

	__asm__ volatile("" ::: "memory");
	return r + 1;
}

TRACED int outer(int depth)
{
	int r = middle(depth + 1);

	__asm__ volatile("" ::: "memory");
	return r + 1;
}

static void flood(long n)
{
	while (n-- > 0)
		syscall(SYS_getppid);
}

static void points(void)
{
	struct point second = { -7, 0x81, -300, -5000000000L, "second", NULL };
	struct point first = { 11, 0xff, 12345, 1L << 40, "first", &second };

	look(&first);
}

static void shapes(void)
{
	struct shape second = { .number = 99 };
	struct shape first = {
		.a = -2, .b = 17, .number = 0x04030201, .named = { 1L << 40 }, .grid = { 10, 20, 30, 40 },
		.color = GREEN, .next = &second, .low = -7, .big = 0xabcdef1234,
	};

	see(&first);
}

/* Bitfields that cross the words of their types, as only packed structs have them. */
static void packed(void)
{
	struct {
		unsigned char flag : 4, seven : 7;
		unsigned int wide : 31;
		int below : 18;
		unsigned long all : 64;
		_Bool yes;
	} __attribute__((packed)) bits = {9, 0x55, 0x7eadbeef, -70000, 0x123456789abcdef0, 1};

	see((const void *)&bits);
}

static char letter = 'x';

static void text(size_t length)
{
	char *s = malloc(length + 1);

	memset(s, letter, length);
	s[length] = 0;
	greet(s);
	free(s);
}

static void nap(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void spin(long ms)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do
		clock_gettime(CLOCK_MONOTONIC, &b);
	while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
}

/* A socket of IPv4 on a port of this machine, with a buffer size of its own. */
static void udp(int port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 9000;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)))
		exit(98);
	close(fd);
}

/* Actions: name or name=argument. */
static void act(const char *action)
{
	const char *arg = strchr(action, '=');
	size_t n = arg ? (size_t)(arg - action) : strlen(action);
	long value = arg ? atol(arg + 1) : 0;

#define IS(name) (n == strlen(name) && !memcmp(action, name, n))
	if (IS("add"))
		add((int)value, 1);
	else if (IS("six"))
		six(1, -2, 3, -4, 5, -6);
	else if (IS("ten"))
		ten(1, 2, 3, 4, 5, 6, 77, -88, 99, -1010);
	else if (IS("greet"))
		greet(arg ? arg + 1 : "");
	else if (IS("text"))
		text((size_t)value);
	else if (IS("letter"))
		letter = arg[1];
	else if (IS("texts"))
		while (value--)
			text(1000);
	else if (IS("points"))
		points();
	else if (IS("shapes"))
		shapes();
	else if (IS("packed"))
		packed();
	else if (IS("narrow"))
		narrow((unsigned char)value);
	else if (IS("outer"))
		outer(0);
	else if (IS("flood"))
		flood(value);
	else if (IS("open"))
		syscall(SYS_openat, AT_FDCWD, arg + 1, O_RDONLY);
	else if (IS("udp"))
		udp((int)value);
	else if (IS("name"))
		prctl(PR_SET_NAME, arg + 1);
	else if (IS("nap"))
		nap(value);
	else if (IS("spin"))
		spin(value);
	else if (IS("exit"))
		exit((int)value);
	else if (IS("say"))
		puts(arg + 1);
	else {
		fprintf(stderr, "unknown action: %s\n", action);
		exit(99);
	}
}

int main(int argc, char **argv)
{
	*(volatile int *)&counter = 42;  /* a page that was not touched yet cannot be read by a program */
	for (int i = 1; i < argc; i++)
		act(argv[i]);
	return 0;
}
