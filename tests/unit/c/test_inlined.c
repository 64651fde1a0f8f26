/* Inlined functions: test_inlined FILE prints "name@file:line" for each of them at each address on standard input, the
 * outermost first, in one line; test_inlined FILE SEED reads damaged copies of the sections instead. */
#include <stdio.h>
#include <stdlib.h>

#include "damage.h"
#include "elf_file.h"
#include "inlined.h"

int main(int argc, char **argv)
{
	struct inlined found[INLINED_MAX];
	struct textbuf lines = {0}, units = {0};
	unsigned long long address;
	struct source line;
	struct elf_file elf;
	struct dwarf d;

	if (argc < 2 || elf_map(&elf, argv[1]))
		return 2;
	dwarf_open(&d, &elf);
	if (argc > 2) {
		srand((unsigned)atoi(argv[2]));
		for (struct cursor *c = &d.line; c <= &d.str_offsets; c++)
			damage(c);
	}
	lines_index(&d, &lines);
	inlined_index(&d, &units);
	while (scanf("%llx", &address) == 1) {
		unsigned count = lines_find(&d, &lines, address, &line) ? inlined_find(&d, &units, address, &line, found) : 0;

		if (argc > 2)
			continue;
		for (unsigned i = 0; i < count; i++)
			printf("%s%s@%s/%s:%u", i ? " " : "", found[i].name, found[i].call.base, found[i].call.file, found[i].call.line);
		puts("");
	}
	return 0;
}
