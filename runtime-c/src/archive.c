/* archive.c - find an uncompressed member of a zip archive: Android maps libraries from inside of an .apk.
 *
 * The bytes are not trusted.  Archives beyond 4 GB (zip64) are not read. */
#include "archive.h"

#include <string.h>

static uint32_t u16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) | u16(p + 2) << 16;
}

uint64_t archive_member(const uint8_t *data, size_t size, const char *name)
{
	const uint8_t *p = data + size, *end = p;
	size_t length = strlen(name), at;

	do {  /* the end of the directory; a comment may follow it */
		if (p-- == data)
			return 0;
	} while (end - p < 22 || memcmp(p, "PK\5\6", 4));
	at = u32(p + 16);
	while (at < size && size - at > 46 + length && !memcmp(data + at, "PK\1\2", 4)) {
		p = data + at;
		at += 46 + u16(p + 28) + u16(p + 30) + u16(p + 32);
		if (u16(p + 28) != length || memcmp(p + 46, name, length))
			continue;
		at = u32(p + 42);
		if (u16(p + 10) || size < 30 || at > size - 30)
			return 0;  /* compressed, or damaged */
		at += 30 + u16(data + at + 26) + u16(data + at + 28);
		return at < size ? at : 0;
	}
	return 0;
}
