/* cxx_names.c - print what each line of standard input stands for; with an argument, damage every line first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxx_name.h"

int main(int argc, char **argv)
{
	static char line[8192], out[4096];
	unsigned int runs = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;

	srand(1);
	while (fgets(line, sizeof(line), stdin)) {
		size_t n = strcspn(line, "\n");

		line[n] = 0;
		if (!runs)
			puts(cxx_name(line, out, sizeof(out)) ? out : "-");
		for (unsigned int i = 0; n > 2 && i < runs; i++) {
			line[2 + (size_t)rand() % (n - 2)] = "_019AEFIJKLMNOPRSTXZaivcCDUlt"[rand() % 29];
			cxx_name(line, out, (size_t)rand() % sizeof(out) + 1);
		}
	}
	return 0;
}
