/* Rules of .eh_frame: test_eh_frame FILE prints "address kind,register,offset ..." for each, "address -" behind a function;
 * test_eh_frame FILE SEED reads a damaged copy of the section and prints nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eh_frame.h"
#include "elf_file.h"

static void print_rule(void *arg, uint64_t begin, const uint32_t *words)
{
	if (arg)
		return;
	printf("%llx", (unsigned long long)begin);
	for (unsigned i = 0; words && i < UNWIND_WORDS; i++)
		printf(" %u,%u,%d", words[i] & 7, words[i] >> 3 & 31, (int)words[i] >> 8);
	puts(words ? "" : " -");
}

int main(int argc, char **argv)
{
	struct elf_section s;
	struct elf_file elf;
	uint8_t *copy;
	struct cursor c;

	if (argc < 2 || elf_map(&elf, argv[1]) || !elf_section_find(&elf, ".eh_frame", &s))
		return 2;
	copy = malloc(s.size);
	memcpy(copy, elf.data + s.offset, s.size);
	if (argc > 2) {
		srand((unsigned)atoi(argv[2]));
		for (int i = rand() % 64; i >= 0; i--)
			copy[(size_t)rand() % s.size] = (uint8_t)rand();
		if (rand() % 2)
			copy = realloc(copy, s.size -= (size_t)rand() % s.size);
	}
	c = (struct cursor){copy, copy + s.size};
	eh_frame_rules(&c, s.address, print_rule, argc > 2 ? &s : NULL);
	free(copy);
	return 0;
}
