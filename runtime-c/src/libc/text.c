/* text.c - numbers and searches in text, in place of the C library's (which are made for speed, or for every locale).
 *
 * Numbers that do not fit become the largest that does.  Long lines are searched with memchr(), so it takes eight bytes
 * at a time.  glibc keeps its own functions. */
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef __GLIBC__
/* As a digit of base 36; more for what is none. */
static unsigned int digit_value(char c)
{
	unsigned int letter = (unsigned char)(c | 32);

	return c >= '0' && c <= '9' ? (unsigned int)c - '0' : letter >= 'a' && letter <= 'z' ? letter - 'a' + 10 : 36;
}

static unsigned long parse(const char *text, char **end, unsigned int base, bool *minus)
{
	const char *p = text + strspn(text, " \t\n\v\f\r"), *first;
	unsigned long value = 0;

	*minus = *p == '-';
	p += *p == '-' || *p == '+';
	if (p[0] == '0' && (p[1] | 32) == 'x' && (base == 0 || base == 16) && digit_value(p[2]) < 16) {
		p += 2;
		base = 16;
	} else if (base == 0) {
		base = *p == '0' ? 8 : 10;
	}
	for (first = p; digit_value(*p) < base; p++)
		if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit_value(*p), &value))
			value = ULONG_MAX;
	if (end)
		*end = (char *)(uintptr_t)(p == first ? text : p);
	return value;
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
	bool minus;
	unsigned long value = parse(text, end, (unsigned int)base, &minus);

	return minus ? -value : value;
}

long strtol(const char *restrict text, char **restrict end, int base)
{
	bool minus;
	unsigned long value = parse(text, end, (unsigned int)base, &minus), most = (unsigned long)LONG_MAX + minus;

	value = value > most ? most : value;
	return (long)(minus ? -value : value);
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
	return strtoul(text, end, base);
}

long long strtoll(const char *restrict text, char **restrict end, int base)
{
	return strtol(text, end, base);
}

int atoi(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

int isalnum(int c)
{
	return digit_value((char)c) < 36;
}

char *strstr(const char *text, const char *wanted)
{
	size_t length = strlen(wanted);

	for (; strncmp(text, wanted, length); text++)
		if (!*text)
			return NULL;
	return (char *)(uintptr_t)text;
}

char *strtok_r(char *restrict text, const char *restrict separators, char **restrict rest)
{
	text = text ? text : *rest;
	text += strspn(text, separators);
	if (!*text)
		return NULL;
	*rest = text + strcspn(text, separators);
	if (**rest)
		*(*rest)++ = '\0';
	return text;
}

void *memchr(const void *data, int wanted, size_t size)
{
	const unsigned char *p = data, *end = p + size;
	const uint64_t ones = UINT64_MAX / 255;

	for (uint64_t v; size >= 8; p += 8, size -= 8) {
		memcpy(&v, p, 8);
		v ^= ones * (unsigned char)wanted;
		if ((v - ones) & ~v & ones << 7)
			break;
	}
	for (; p < end; p++)
		if (*p == (unsigned char)wanted)
			return (void *)(uintptr_t)p;
	return NULL;
}

char *strchr(const char *text, int wanted)
{
	for (; *text != (char)wanted; text++)
		if (!*text)
			return NULL;
	return (char *)(uintptr_t)text;
}

void *memrchr(const void *data, int wanted, size_t size)
{
	const char *p = data;

	while (size--)
		if (p[size] == (char)wanted)
			return (void *)(uintptr_t)(p + size);
	return NULL;
}

char *strrchr(const char *text, int wanted)
{
	return memrchr(text, wanted, strlen(text) + 1);
}

size_t strspn(const char *text, const char *set)
{
	size_t n = 0;

	while (text[n] && strchr(set, text[n]))
		n++;
	return n;
}

size_t strcspn(const char *text, const char *set)
{
	size_t n = 0;

	while (text[n] && !strchr(set, text[n]))
		n++;
	return n;
}

char *strpbrk(const char *text, const char *set)
{
	text += strcspn(text, set);
	return *text ? (char *)(uintptr_t)text : NULL;
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : copy;
}

char *strncpy(char *restrict to, const char *restrict text, size_t size)
{
	size_t length = strnlen(text, size);

	memcpy(to, text, length);
	memset(to + length, 0, size - length);
	return to;
}

extern char **environ;

char *getenv(const char *name)
{
	size_t length = strlen(name);

	for (char **e = environ; e && *e; e++)
		if (!strncmp(*e, name, length) && (*e)[length] == '=')
			return *e + length + 1;
	return NULL;
}
#endif
