/* damage.h - damaged copies of a section, for readers that must do no harm with them. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

/* Let `c` stand for a copy of its bytes with up to eight of them changed, sometimes cut; AddressSanitizer knows its end. */
static void damage(struct cursor *c)
{
	size_t size = (size_t)(c->end - c->p);
	uint8_t *copy = malloc(size + 1);

	if (size)
		memcpy(copy, c->p, size);
	for (int i = rand() % 8; size && i >= 0; i--)
		copy[(size_t)rand() % size] = (uint8_t)rand();
	if (size && rand() % 4 == 0)
		size = (size_t)rand() % size;
	copy = realloc(copy, size + !size);
	c->p = copy;
	c->end = copy + size;
}
