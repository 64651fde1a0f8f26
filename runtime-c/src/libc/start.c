/* start.c - how the process starts, in place of musl's way.
 *
 * What the stub uses of musl needs no thread-local storage, so that none is set up: errno is a variable.  glibc keeps its
 * own start. */
#include <errno.h>

#ifndef __GLIBC__
#include <sys/auxv.h>
#include <unistd.h>

extern char **environ;
int *___errno_location(void);
int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv);

static char **start_environ;

/* The vector stands behind the environment. */
unsigned long getauxval(unsigned long type)
{
	char **end = start_environ;
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

/* musl's own name of it. */
int *___errno_location(void)
{
	return __errno_location();
}

/* Called by the code of the C compiler that the process starts with. */
int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv)
{
	environ = start_environ = argv + argc + 1;
	_exit(start(argc, argv, environ));
}
#endif
