/* Lines of a file: test_lines FILE prints "base|dir|file:line" for each address on standard input; test_lines FILE SEED
 * reads damaged copies of its sections instead. */
#include <stdio.h>
#include <stdlib.h>

#include "damage.h"
#include "elf_file.h"
#include "lines.h"

int main(int argc, char **argv)
{
	struct dwarf s;
	struct textbuf index = {0};
	struct source line;
	struct elf_file elf;
	unsigned long long address;

	if (argc < 2 || elf_map(&elf, argv[1]))
		return 2;
	dwarf_open(&s, &elf);
	if (argc > 2) {
		srand((unsigned)atoi(argv[2]));
		damage(&s.line);
		damage(&s.line_str);
	}
	lines_index(&s, &index);
	while (scanf("%llx", &address) == 1) {
		bool found = lines_find(&s, &index, address, &line);

		if (argc > 2)
			continue;
		if (found)
			printf("%s|%s|%s:%u\n", line.base, line.dir, line.file, line.line);
		else
			puts("?");
	}
	return 0;
}
