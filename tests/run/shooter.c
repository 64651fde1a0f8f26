/* A program with static probes, and, with -DLIBRARY, its library.  Each line of its input fires all of them; its output
 * says whether the semaphores were set (to how much depends on how often the file's page is mapped). */
#include <stdio.h>
#include <unistd.h>

/* A note: the address of the nop, the base for prelinked files, the semaphore, then three strings. */
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

#define SEMAPHORE __attribute__((section(".probes"), visibility("hidden"), used)) volatile unsigned short

#ifdef LIBRARY
SEMAPHORE lib_armed_semaphore;

int library_shoot(long n)
{
	USDT("lib", "shot", "0", "-8@%0", "r"(n));
	if (lib_armed_semaphore)
		USDT("lib", "armed", "lib_armed_semaphore", "-8@%0", "r"(n));
	return lib_armed_semaphore > 0;
}
#else
SEMAPHORE main_armed_semaphore;
int library_shoot(long n);

int main(void)
{
	long n = 0;
	int c, library;

	while ((c = getchar()) != EOF) {
		if (c != '\n')
			continue;
		n++;
		USDT("main", "shot", "0", "-8@%0 -4@$7", "r"(n));
		USDT("main", "shot", "0", "-8@%0 -4@$8", "r"(n * 10));
		USDT("other", "shot", "0", "-8@%0", "r"(n));
		if (main_armed_semaphore)
			USDT("main", "armed", "main_armed_semaphore", "-8@%0", "r"(n));
		library = library_shoot(n);
		printf("%d %d\n", main_armed_semaphore > 0, library);
		fflush(stdout);
	}
	return 0;
}
#endif
