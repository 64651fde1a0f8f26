/* arch.c - look up registers in the tables of arch/NAME.h; the same code for every architecture. */
#include "arch.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arch_register {
	char name[10];
	uint16_t offset;
};

#define ENTRY(name, offset) { name, offset },
static const struct arch_register registers[] = { ARCH_REGISTERS(ENTRY) };
static const struct arch_register narrow_registers[] = { ARCH_NARROW_REGISTERS(ENTRY) };
static const char *const arguments[] = { ARCH_ARGUMENTS };
static const char *const syscall_arguments[] = { ARCH_SYSCALL_ARGUMENTS };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int find_register(const struct arch_register *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return list[i].offset;
	return -ENOENT;
}

int arch_register_offset(const char *name)
{
	return find_register(registers, COUNT(registers), name);
}

int arch_narrow_register_offset(const char *name)
{
	int offset = arch_register_offset(name);

	return offset < 0 ? find_register(narrow_registers, COUNT(narrow_registers), name) : offset;
}

/* The number behind a prefix, or -1. */
static long number_after(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	char *end;
	long n;

	if (strncmp(name, prefix, length) || name[length] < '0' || name[length] > '9')
		return -1;
	n = strtol(name + length, &end, 10);
	return *end ? -1 : n;
}

int arch_symbol_offset(const char *name)
{
	long n;

	if ((n = number_after(name, "arg")) >= 0)
		return n < (long)COUNT(arguments) ? arch_register_offset(arguments[n]) : -ENOENT;
	if ((n = number_after(name, "sysarg")) >= 0)
		return n < (long)COUNT(syscall_arguments) ? arch_register_offset(syscall_arguments[n]) : -ENOENT;
	if (number_after(name, "sarg") >= 0)
		return arch_register_offset(ARCH_SP);
	if (!strcmp(name, "retval"))
		return arch_register_offset(ARCH_RETURN_VALUE);
	if (!strcmp(name, "func"))
		return arch_register_offset(ARCH_PC);
	return arch_register_offset(name);
}

int arch_stack_argument(unsigned int n)
{
	return ARCH_STACK_ARGUMENT + (int)(n * sizeof(long));
}

bool arch_watch_mode_ok(const char *mode)
{
	const char *p = ARCH_WATCH_MODES;
	size_t length = strlen(mode);

	for (; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, mode, length) && (!p[length] || p[length] == ','))
			return length > 0;
	return false;
}

const char *arch_watch_modes(void)
{
	return ARCH_WATCH_MODES;
}
