/* test_host.c - readers of host files and specifications, one line of output per question.
 *
 * test_host format FILE | symbols FILE | notes FILE | usdt SPEC | register NAME | function LINE | kallsyms LINE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "elf_file.h"
#include "kernel_functions.h"
#include "tracefs.h"
#include "usdt.h"

static char buf[1 << 20];

static void show_format(const char *path)
{
	struct event_field fields[64];
	uint32_t id, count;
	FILE *f = fopen(path, "r");

	buf[f ? fread(buf, 1, sizeof(buf) - 1, f) : 0] = 0;
	count = event_format_parse(buf, &id, fields, 64);
	printf("id %u\n", id);
	for (uint32_t i = 0; i < count; i++)
		printf("%.*s %u %u %d %d\n", (int)fields[i].name_length, fields[i].name, fields[i].offset, fields[i].size,
		       fields[i].form, fields[i].is_signed);
}

static int show_symbol(void *arg, const struct elf_symbol *symbol)
{
	uint64_t offset = 0;

	elf_address_to_offset(arg, symbol->value, false, &offset);
	if (symbol->type == 2)
		printf("%s %llx %llu %llx\n", symbol->name, (unsigned long long)symbol->value, (unsigned long long)symbol->size,
		       (unsigned long long)offset);
	return 0;
}

static int show_note(void *arg, const struct usdt_note *note)
{
	(void)arg;
	printf("%s %s %llx %d %s\n", note->provider, note->name, (unsigned long long)note->offset, note->semaphore != 0, note->args);
	return 0;
}

static void show_elf(const char *path, bool notes)
{
	struct elf_file elf;
	int ret = elf_map(&elf, path);

	if (ret)
		printf("error %d\n", -ret);
	else if (notes)
		usdt_notes(&elf, show_note, NULL);
	else
		elf_symbols(&elf, show_symbol, &elf);
}

static void show_usdt(const char *spec)
{
	struct usdt_argument a;
	int ret;

	for (uint32_t n = 0; (ret = usdt_argument_parse(spec, n, &a)) != -2; n++) {
		if (ret) {
			printf("error\n");
			continue;
		}
		printf("%s%u %s", a.is_signed ? "s" : "u", a.size * 8, (const char *[]){ "const", "reg", "mem" }[a.place]);
		if (a.place)
			printf(" %d", a.base);
		if (a.index >= 0)
			printf(" + %d * %u", a.index, a.scale);
		printf(" %+lld %.*s\n", (long long)a.offset, (int)a.symbol_length, a.symbol ? a.symbol : "");
	}
}

static void show_function(char *line, bool kallsyms)
{
	struct kernel_function f;

	if (kernel_function_parse(line, kallsyms, &f) && !kernel_function_is_untraceable(f.name))
		printf("%s [%s] %llx\n", f.name, f.module, (unsigned long long)f.address);
	else
		printf("no\n");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (!strcmp(argv[1], "format"))
		show_format(argv[2]);
	else if (!strcmp(argv[1], "symbols") || !strcmp(argv[1], "notes"))
		show_elf(argv[2], argv[1][0] == 'n');
	else if (!strcmp(argv[1], "usdt"))
		show_usdt(argv[2]);
	else if (!strcmp(argv[1], "register"))
		printf("%d\n", arch_symbol_offset(argv[2]));
	else
		show_function(argv[2], !strcmp(argv[1], "kallsyms"));
	return 0;
}
