/* bytes.c - copies, fills, lengths and comparisons of bytes, in place of the C library's.
 *
 * Copies and fills take eight bytes at a time, for the sake of the output.  The compiler must not see in these loops the
 * functions that they are.  glibc keeps its own functions. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#ifndef __GLIBC__
#if defined(__clang__)
#define BARE __attribute__((no_builtin, noinline))
#else
#define BARE __attribute__((optimize("no-tree-loop-distribute-patterns"), noinline))
#endif

struct word {
	uint64_t v;
} __attribute__((packed, may_alias));

BARE void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	char *p = to;
	const char *q = from;

	for (; size >= 8; p += 8, q += 8, size -= 8)
		*(struct word *)(void *)p = *(const struct word *)(const void *)q;
	while (size--)
		*p++ = *q++;
	return to;
}

BARE void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	while (size--)
		((char *)to)[size] = ((const char *)from)[size];
	return to;
}

BARE void *memset(void *to, int byte, size_t size)
{
	char *p = to;
	uint64_t v = UINT64_MAX / 255 * (unsigned char)byte;

	for (; size >= 8; p += 8, size -= 8)
		((struct word *)(void *)p)->v = v;
	while (size--)
		*p++ = (char)byte;
	return to;
}

BARE int memcmp(const void *one, const void *two, size_t size)
{
	const unsigned char *p = one, *q = two;

	for (; size && *p == *q; size--)
		p++, q++;
	return size ? *p - *q : 0;
}

/* What compilers call where only equality matters. */
int bcmp(const void *one, const void *two, size_t size)
{
	return memcmp(one, two, size);
}

BARE size_t strnlen(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && text[n])
		n++;
	return n;
}

BARE size_t strlen(const char *text)
{
	return strnlen(text, SIZE_MAX);
}

BARE int strncmp(const char *one, const char *two, size_t most)
{
	for (; most && *one && *one == *two; most--)
		one++, two++;
	return most ? (unsigned char)*one - (unsigned char)*two : 0;
}

BARE int strcmp(const char *one, const char *two)
{
	return strncmp(one, two, SIZE_MAX);
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

int strcasecmp(const char *one, const char *two)
{
	for (; *one && lower(*one) == lower(*two); one++)
		two++;
	return lower(*one) - lower(*two);
}
#endif
