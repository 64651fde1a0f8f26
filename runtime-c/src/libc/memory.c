/* memory.c - malloc() in place of musl's: lists of free blocks by power of two, fed from the arena.
 *
 * Each block has a header with its size.  Blocks above the limit are mapped alone and unmapped when freed.
 * One thread; glibc (and with it the sanitizers) keeps its own. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#ifndef __GLIBC__
#define LARGE 17                /* log2 of the first size that is mapped alone */
#define SMALL 5

struct block {
	size_t size;            /* header included */
	struct block *next;     /* while it is free */
};

static struct block *free_blocks[LARGE];

static unsigned int size_class(size_t size)
{
	return size <= 1u << SMALL ? SMALL : 64 - (unsigned int)__builtin_clzll(size - 1);
}

void *malloc(size_t size)
{
	struct block *b = NULL;
	unsigned int class;

	size += sizeof(*b);
	class = size_class(size);
	if (size < sizeof(*b) || size > SIZE_MAX / 4) {
		;
	} else if (class >= LARGE) {
		b = pages_alloc(size);
	} else if ((b = free_blocks[class])) {
		free_blocks[class] = b->next;
	} else {
		b = arena_alloc(1ul << class);
	}
	if (!b) {
		errno = ENOMEM;
		return NULL;
	}
	b->size = class >= LARGE ? size : 1ul << class;
	return b + 1;
}

void free(void *p)
{
	struct block *b;
	unsigned int class;

	if (!p)
		return;
	b = (struct block *)p - 1;
	class = size_class(b->size);
	if (class >= LARGE) {
		pages_free(b, b->size);
		return;
	}
	b->next = free_blocks[class];
	free_blocks[class] = b;
}

void *calloc(size_t count, size_t size)
{
	void *p;

	if (__builtin_mul_overflow(count, size, &size))
		size = SIZE_MAX;
	p = malloc(size);
	return p ? memset(p, 0, size) : p;
}

void *realloc(void *p, size_t size)
{
	size_t room = p ? ((struct block *)p)[-1].size - sizeof(struct block) : 0;
	void *bigger = p;

	if (p && size <= room)
		return p;
	bigger = malloc(size);
	if (bigger && p) {
		memcpy(bigger, p, room);
		free(p);
	}
	return bigger;
}
#endif
