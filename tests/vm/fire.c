/* fire.c - causes countable events: N reads of 7 bytes, N calls of fire_user, N USDT probes, N writes to `watched`, N
 * page faults.  Prints nothing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 65536  /* the largest page of any architecture */

/* A USDT note: the address of the nop, the base for prelinked files, the semaphore, then three strings. */
#define USDT(provider, name, semaphore, spec, ...) \
	__asm__ volatile("990: nop\n" \
			 ".pushsection .note.stapsdt,\"\",%%note\n" \
			 ".balign 4\n" \
			 ".4byte 8, 993f-992f, 3\n" \
			 ".asciz \"stapsdt\"\n" \
			 "992: .8byte 990b, 0, " semaphore "\n" \
			 ".asciz \"" provider "\"\n.asciz \"" name "\"\n.asciz \"" spec "\"\n" \
			 "993: .balign 4\n" \
			 ".popsection\n" \
			 :: __VA_ARGS__)

/* On pages of its own: the kernel clears .bss, and QEMU counts writes to the rest of a watched page. */
struct {
	volatile int value;
	char rest[PAGE - sizeof(int)];
} watched __attribute__((aligned(PAGE))) = { -1, "" };
volatile int wide[4] = { 10, 20, 30, 40 };
__attribute__((section(".probes"), used)) volatile unsigned short fire_armed_semaphore;

__attribute__((noinline)) long fire_user(long i, const char *text)
{
	int local = (int)i - 100;

	USDT("fire", "shot", "0", "-8@%0 8@%1 -4@%2", "r"(i), "r"(text), "m"(local));
	return i * 2;
}

__attribute__((noinline)) void fire_twice(long i)
{
	if (fire_armed_semaphore)
		USDT("fire", "armed", "fire_armed_semaphore", "-4@%0 -4@$-7", "r"((int)-i));
	USDT("fire", "same", "0", "8@%0", "r"(i));
	USDT("fire", "same", "0", "8@%0", "r"(i + 1));
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1;
	int zero = open("/dev/zero", O_RDONLY);
	char *pages = mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char seven[7];

	for (long i = 0; i < n; i++) {
		if (read(zero, seven, sizeof(seven)) != sizeof(seven))
			return 1;
		if (fire_user(i, "text") != 2 * i)
			return 2;
		fire_twice(i);
		watched.value = (int)i;
		pages[i * PAGE] = 1;
	}
	return argc > 2 ? atoi(argv[2]) : 0;
}
