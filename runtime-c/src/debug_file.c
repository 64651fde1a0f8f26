/* debug_file.c - the file that the symbols and debug information of another were split off to.
 *
 * The two have the same build id; of files without one, .gnu_debuglink tells the checksum (CRC 32) of the other. */
#include "debug_file.h"

#include <string.h>

#include "str.h"

#define DEBUG_DIRECTORY "/usr/lib/debug"

/* What .gnu_debuglink says. */
struct link {
	const char *name;
	uint32_t checksum;
};

static uint32_t checksum(const struct elf_file *elf)
{
	uint32_t sum = UINT32_MAX;

	for (size_t i = 0; i < elf->size; i++) {
		sum ^= elf->data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
	}
	return ~sum;
}

static bool belongs(const struct elf_file *debug, const struct elf_file *elf, const struct link *link)
{
	uint32_t size, other_size;
	const uint8_t *id = elf_build_id(elf, &size), *other = elf_build_id(debug, &other_size);

	if (id)
		return other && other_size == size && !memcmp(id, other, size);
	return link && checksum(debug) == link->checksum;
}

static bool try_file(struct elf_file *debug, const struct elf_file *elf, const char *path, const struct link *link, const char *wanted)
{
	struct elf_section s;

	if (elf_map(debug, path))
		return false;
	if (elf_section_find(debug, wanted, &s) && belongs(debug, elf, link))
		return true;
	elf_unmap(debug);
	return false;
}

static bool read_link(const struct elf_file *elf, struct link *link)
{
	struct elf_section s;

	if (!elf_section_find(elf, ".gnu_debuglink", &s) || s.type != 1 /* SHT_PROGBITS */ || s.size < 8)
		return false;
	link->name = (const char *)elf->data + s.offset;
	link->checksum = elf_u32(elf, link->name + s.size - 4);
	return strnlen(link->name, s.size - 4) < s.size - 4;
}

bool debug_file_open(struct elf_file *debug, const struct elf_file *elf, const char *root, const char *path, const char *wanted)
{
	static const struct {
		char before[sizeof(DEBUG_DIRECTORY)], behind[8];
	} places[] = { { "", "" }, { "", "/.debug" }, { DEBUG_DIRECTORY, "" } };
	const char *slash = strrchr(path, '/');
	char name[4200];
	const uint8_t *id;
	struct link link;
	uint32_t size;
	int n;

	id = elf_build_id(elf, &size);
	if (id && size > 1 && size < 64) {
		n = str_printf(name, sizeof(name), "%s" DEBUG_DIRECTORY "/.build-id/%02x/", root, id[0]);
		for (uint32_t i = 1; i < size; i++)
			n += str_printf(name + n, sizeof(name) - (size_t)n, i + 1 < size ? "%02x" : "%02x.debug", id[i]);
		if (try_file(debug, elf, name, NULL, wanted))
			return true;
	}
	if (!slash || !read_link(elf, &link))
		return false;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		str_printf(name, sizeof(name), "%s%s%.*s%s/%s", root, places[i].before, (int)(slash - path), path, places[i].behind,
			   link.name);
		if (try_file(debug, elf, name, &link, wanted))
			return true;
	}
	return false;
}

int binary_symbols(const struct elf_file *elf, const char *path, int (*visit)(void *arg, const struct elf_symbol *symbol), void *arg)
{
	struct elf_section symbols;
	struct elf_file debug;
	int ret = elf_symbols(elf, visit, arg);

	if (ret || elf_section_find(elf, ".symtab", &symbols) || !debug_file_open(&debug, elf, "", path, ".symtab"))
		return ret;
	ret = elf_symbols(&debug, visit, arg);
	elf_unmap(&debug);
	return ret;
}
