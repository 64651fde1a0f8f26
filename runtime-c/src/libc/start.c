/* start.c - how the process starts, in place of the C library's way.
 *
 * The stub is linked without a C library: the files of this folder define what it uses of musl's headers.  Nothing needs
 * thread-local storage, so that none is set up.  glibc keeps its own start. */
#include <errno.h>

#ifndef __GLIBC__
#include <sys/auxv.h>
#include <unistd.h>

#include "arch.h"

int main(int argc, char **argv);
void start_process(long *stack);

char **environ;

/* The vector stands behind the environment. */
unsigned long getauxval(unsigned long type)
{
	char **end = environ;
	const unsigned long *aux;

	while (*end)
		end++;
	for (aux = (const unsigned long *)(end + 1); *aux; aux += 2)
		if (*aux == type)
			return aux[1];
	return 0;
}

/* There is one thread, so errno needs no thread-local storage, and nothing is to be prepared for it. */
int *__errno_location(void)
{
	static int number;

	return &number;
}

/* The kernel starts the process with argc, argv, the environment and the vector on the stack. */
__attribute__((used)) void start_process(long *stack)
{
	char **argv = (char **)(stack + 1);

	environ = argv + *stack + 1;
	_exit(main((int)*stack, argv));
}

ARCH_START(start_process);
#endif
