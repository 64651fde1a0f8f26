/* ld_cache.c - find a library in /etc/ld.so.cache (glibc's format, "glibc-ld.so.cache1.1").
 *
 * An old-format header ("ld.so-1.7.0") may precede it.  The bytes are not trusted: a fuzzer may call ld_cache_find().
 * musl systems have no such file; there the standard directories are enough. */
#include <string.h>

#include "binaries.h"

#define OLD_MAGIC "ld.so-1.7.0"
#define NEW_MAGIC "glibc-ld.so.cache1.1"

struct cache_header {           /* of the new format; strings are offsets from its start */
	char magic[20];
	uint32_t count, strings_size, unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t name, path, os_version;
	uint64_t hwcap;
};

/* Whether the file name of a library is what a script means by `name`: "libc" or "libc.so" mean libc.so.6. */
static bool names_library(const char *file, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(file, name, length))
		return false;
	return !file[length] || !strncmp(file + length, ".so", 3) ||
	       (length > 3 && !strcmp(name + length - 3, ".so") && file[length] == '.');
}

const char *ld_cache_find(const char *data, size_t size, const char *name, bool (*usable)(const char *path))
{
	struct cache_header header;
	struct cache_entry entry;
	const char *base = data, *end = data + size, *file, *path;
	uint32_t old_count;

	if (size >= 16 && !memcmp(data, OLD_MAGIC, sizeof(OLD_MAGIC) - 1)) {
		memcpy(&old_count, data + 12, sizeof(old_count));
		if (old_count > size / 12)
			return NULL;
		base += (16 + (size_t)old_count * 12 + 7) & ~(size_t)7;
	}
	if (base > end || (size_t)(end - base) < sizeof(header))
		return NULL;
	memcpy(&header, base, sizeof(header));
	size = (size_t)(end - base);
	if (memcmp(header.magic, NEW_MAGIC, sizeof(header.magic)) || header.count > (size - sizeof(header)) / sizeof(entry))
		return NULL;
	for (uint32_t i = 0; i < header.count; i++) {
		memcpy(&entry, base + sizeof(header) + i * sizeof(entry), sizeof(entry));
		if (entry.name >= size || entry.path >= size)
			continue;
		file = base + entry.name;
		path = base + entry.path;
		if (!memchr(file, 0, size - entry.name) || !memchr(path, 0, size - entry.path))
			continue;
		if (names_library(file, name) && usable(path))
			return path;
	}
	return NULL;
}
