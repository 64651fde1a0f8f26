/* fuzz_host.c - the readers of what a host's files say, on damaged bytes.
 *
 * fuzz_host elf|archive|ldcache|format|text FILE RUNS SEED: change the file's bytes at random, RUNS times, and read it each time.
 * AddressSanitizer is the judge; reading must never touch a byte outside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binaries.h"
#include "archive.h"
#include "elf_file.h"
#include "kernel_functions.h"
#include "tracefs.h"
#include "usdt.h"

static unsigned long long state;

static unsigned int next_random(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33);
}

static unsigned long touched;

static int visit_symbol(void *arg, const struct elf_symbol *symbol)
{
	uint64_t offset;

	touched += strlen(symbol->name);
	return elf_address_to_offset(arg, symbol->value, false, &offset) && offset == 1;
}

static int visit_note(void *arg, const struct usdt_note *note)
{
	struct usdt_argument argument;

	(void)arg;
	touched += strlen(note->provider) + strlen(note->name);
	for (uint32_t n = 0; n < 12; n++)
		touched += (unsigned long)(usdt_argument_parse(note->args, n, &argument) == 0);
	return 0;
}

static void read_elf(const char *data, size_t size)
{
	struct elf_section section;
	struct elf_file elf;
	uint32_t length;

	if (elf_parse(&elf, data, size))
		return;
	for (uint32_t i = 0; i < 64; i++)
		if (elf_section(&elf, i, &section))
			touched += strlen(section.name);
	elf_symbols(&elf, visit_symbol, &elf);
	usdt_notes(&elf, visit_note, NULL);
	if (elf_build_id(&elf, &length))
		touched += length;
}

static bool usable(const char *path)
{
	touched += strlen(path);
	return false;
}

static void read_text(char *text)
{
	struct kernel_function function;
	struct usdt_argument argument;
	char *copy = strdup(text), *line, *save = NULL;

	for (uint32_t n = 0; n < 12; n++)
		touched += (unsigned long)(usdt_argument_parse(text, n, &argument) == 0);
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		touched += kernel_function_parse(line, line[0] & 1, &function);
	free(copy);
}

static void read_format(const char *text)
{
	struct event_field fields[64];
	struct event_format format = { .fields = fields };
	uint32_t count = event_format_parse(text, &format.id, fields, 64);

	format.count = count < 64 ? count : 64;
	for (uint32_t i = 0; i < format.count; i++)
		touched += fields[i].name_length + (unsigned char)fields[i].name[0];
	touched += event_field_find(&format, "comm") != NULL;
}

static void read_as(const char *kind, char *data, size_t size)
{
	if (!strcmp(kind, "elf"))
		read_elf(data, size);
	else if (!strcmp(kind, "archive"))
		touched += archive_member((const uint8_t *)data, size, "member") != 0;
	else if (!strcmp(kind, "ldcache"))
		ld_cache_find(data, size, "libc", usable);
	else if (!strcmp(kind, "format"))
		read_format(data);
	else
		read_text(data);
}

/* Change some bytes, most of them near the start, where the headers are; sometimes cut the end off. */
static size_t damage(char *data, size_t size)
{
	static const unsigned char loud[] = { 0, 1, 0x7f, 0x80, 0xff };

	for (unsigned int n = next_random() % 8 + 1; n; n--) {
		size_t at = next_random() % (next_random() % 2 ? size : size < 256 ? size : 256);

		data[at] = next_random() % 2 ? (char)loud[next_random() % sizeof(loud)] : (char)next_random();
	}
	return next_random() % 4 ? size : next_random() % size + 1;
}

int main(int argc, char **argv)
{
	static char original[1 << 20];
	size_t size, cut;
	FILE *f = argc == 5 ? fopen(argv[2], "rb") : NULL;

	if (!f || !(size = fread(original, 1, sizeof(original), f)))
		return 2;
	fclose(f);
	state = strtoull(argv[4], NULL, 0);
	for (long run = strtol(argv[3], NULL, 0); run; run--) {
		char *copy = malloc(size + 1);

		memcpy(copy, original, size);
		cut = run == 1 ? size : damage(copy, size);
		copy = realloc(copy, cut + 1);  /* so that a byte too far is seen; text readers need the NUL */
		copy[cut] = 0;
		read_as(argv[1], copy, cut);
		free(copy);
	}
	printf("%lu touched\n", touched);
	return !touched;
}
