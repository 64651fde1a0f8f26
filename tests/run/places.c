/* A program with places that may be probed, and places that may not. */
#define TRACED __attribute__((noinline, used, visibility("default")))

TRACED int counter = 1;

TRACED int plain(int n)
{
	return n + counter;
}

/* Nobody says how long it is. */
extern int unsized(void);
#if defined(__x86_64__)
__asm__(".text\n.balign 16\n.globl unsized\n.type unsized, @function\nunsized: mov $7, %eax\nret\n.balign 16\n");
#else
__asm__(".text\n.balign 16\n.globl unsized\n.type unsized, %function\nunsized: mov w0, #7\nret\n.balign 16\n");
#endif

int main(void)
{
	return plain(unsized()) == 8 ? 0 : 1;
}
