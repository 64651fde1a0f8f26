/* elf_file.c - read ELF files of any class and byte order, from bytes.
 *
 * Nothing is trusted: every offset is checked against the file's size before use, names against the end of their string
 * table, entry sizes against what the class needs.  A fuzzer may call elf_parse() and all that follows on any bytes.
 * Fields are read by offset instead of through the C structs, so that both classes and byte orders are one path. */
#define _GNU_SOURCE
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "util.h"

uint16_t elf_u16(const struct elf_file *elf, const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return elf->swap ? __builtin_bswap16(v) : v;
}

uint32_t elf_u32(const struct elf_file *elf, const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return elf->swap ? __builtin_bswap32(v) : v;
}

uint64_t elf_u64(const struct elf_file *elf, const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return elf->swap ? __builtin_bswap64(v) : v;
}

bool elf_contains(const struct elf_file *elf, uint64_t offset, uint64_t size)
{
	return offset <= elf->size && size <= elf->size - offset;
}

/* A word of the class's size: at `off64` of a 64-bit record, at `off32` of a 32-bit one. */
static uint64_t word(const struct elf_file *elf, const uint8_t *record, size_t off64, size_t off32)
{
	return elf->is64 ? elf_u64(elf, record + off64) : elf_u32(elf, record + off32);
}

/* A record of a table, or NULL if it is not in the file. */
static const uint8_t *record_at(const struct elf_file *elf, uint64_t table, uint64_t index, uint32_t entry, size_t need)
{
	uint64_t offset;

	if (entry < need || __builtin_mul_overflow(index, entry, &offset) || __builtin_add_overflow(offset, table, &offset))
		return NULL;
	return elf_contains(elf, offset, need) ? elf->data + offset : NULL;
}

static const uint8_t *section_record(const struct elf_file *elf, uint32_t index)
{
	size_t need = elf->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);

	return elf->shoff ? record_at(elf, elf->shoff, index, elf->shentsize, need) : NULL;
}

int elf_parse(struct elf_file *elf, const void *data, size_t size)
{
	const uint8_t *h = data, *first;
	static const uint16_t one = 1;
	bool little = *(const uint8_t *)&one == 1;

	memset(elf, 0, sizeof(*elf));
	elf->data = data;
	elf->size = size;
	if (size < sizeof(Elf32_Ehdr) || memcmp(h, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if ((h[EI_CLASS] != ELFCLASS32 && h[EI_CLASS] != ELFCLASS64) ||
	    (h[EI_DATA] != ELFDATA2LSB && h[EI_DATA] != ELFDATA2MSB))
		return -ENOEXEC;
	elf->is64 = h[EI_CLASS] == ELFCLASS64;
	elf->swap = (h[EI_DATA] == ELFDATA2LSB) != little;
	if (elf->is64 && size < sizeof(Elf64_Ehdr))
		return -ENOEXEC;
	elf->type = elf_u16(elf, h + 16);
	elf->machine = elf_u16(elf, h + 18);
	elf->phoff = word(elf, h, 32, 28);
	elf->shoff = word(elf, h, 40, 32);
	h += elf->is64 ? 54 : 42;  /* e_phentsize */
	elf->phentsize = elf_u16(elf, h);
	elf->phnum = elf_u16(elf, h + 2);
	elf->shentsize = elf_u16(elf, h + 4);
	elf->shnum = elf_u16(elf, h + 6);
	elf->shstrndx = elf_u16(elf, h + 8);
	first = section_record(elf, 0);
	if (first && !elf->shnum)  /* more sections than 16 bits can count */
		elf->shnum = (uint32_t)word(elf, first, 32, 20);
	if (first && elf->shstrndx == SHN_XINDEX)
		elf->shstrndx = elf_u32(elf, first + (elf->is64 ? 40 : 24));
	return 0;
}

/* A NUL-terminated string of a string table, or "" if it does not end inside. */
static const char *string_at(const struct elf_file *elf, const struct elf_section *strings, uint64_t offset)
{
	const char *s;

	if (strings->type != SHT_STRTAB || offset >= strings->size)
		return "";
	s = (const char *)elf->data + strings->offset + offset;
	return memchr(s, 0, strings->size - offset) ? s : "";
}

static bool section_no_name(const struct elf_file *elf, uint32_t index, struct elf_section *out, uint32_t *name)
{
	const uint8_t *s = index < elf->shnum ? section_record(elf, index) : NULL;

	if (!s)
		return false;
	*name = elf_u32(elf, s);
	out->name = "";
	out->type = elf_u32(elf, s + 4);
	out->compressed = word(elf, s, 8, 8) & SHF_COMPRESSED;
	out->address = word(elf, s, 16, 12);
	out->offset = word(elf, s, 24, 16);
	out->size = word(elf, s, 32, 20);
	out->link = elf_u32(elf, s + (elf->is64 ? 40 : 24));
	out->entsize = word(elf, s, 56, 36);
	return out->type == SHT_NOBITS || elf_contains(elf, out->offset, out->size);
}

bool elf_section(const struct elf_file *elf, uint32_t index, struct elf_section *out)
{
	struct elf_section strings;
	uint32_t name, unused;

	if (!section_no_name(elf, index, out, &name))
		return false;
	if (section_no_name(elf, elf->shstrndx, &strings, &unused))
		out->name = string_at(elf, &strings, name);
	return true;
}

bool elf_section_find(const struct elf_file *elf, const char *name, struct elf_section *out)
{
	for (uint32_t i = 0; i < elf->shnum && section_record(elf, i); i++)
		if (elf_section(elf, i, out) && !strcmp(out->name, name))
			return true;
	return false;
}

struct segment {
	uint32_t type, flags;
	uint64_t offset, address, file_size;
};

static bool segment_at(const struct elf_file *elf, uint32_t index, struct segment *out)
{
	size_t need = elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const uint8_t *p = index < elf->phnum ? record_at(elf, elf->phoff, index, elf->phentsize, need) : NULL;

	if (!p)
		return false;
	out->type = elf_u32(elf, p);
	out->flags = elf_u32(elf, p + (elf->is64 ? 4 : 24));
	out->offset = word(elf, p, 8, 4);
	out->address = word(elf, p, 16, 8);
	out->file_size = word(elf, p, 32, 16);
	return true;
}

bool elf_address_to_offset(const struct elf_file *elf, uint64_t address, bool executable, uint64_t *offset)
{
	struct segment s;

	for (uint32_t i = 0; segment_at(elf, i, &s); i++) {
		if (s.type != PT_LOAD || address < s.address || address - s.address >= s.file_size)
			continue;
		if (executable && !(s.flags & PF_X))
			continue;
		*offset = address - s.address + s.offset + elf->base;
		return true;
	}
	return false;
}

bool elf_offset_to_address(const struct elf_file *elf, uint64_t offset, uint64_t *address)
{
	struct segment s;

	offset -= elf->base;
	for (uint32_t i = 0; segment_at(elf, i, &s); i++) {
		if (s.type != PT_LOAD || offset < s.offset || offset - s.offset >= s.file_size)
			continue;
		*address = offset - s.offset + s.address;
		return true;
	}
	return false;
}

static int visit_table(const struct elf_file *elf, const struct elf_section *table,
		       int (*visit)(void *arg, const struct elf_symbol *symbol), void *arg)
{
	size_t need = elf->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct elf_section strings;
	struct elf_symbol symbol;
	uint32_t unused;
	uint8_t info;
	int ret = 0;

	if (table->entsize < need || table->entsize > 1024 || !section_no_name(elf, table->link, &strings, &unused))
		return 0;
	for (uint64_t i = 0; i < table->size / table->entsize && !ret; i++) {
		const uint8_t *s = elf->data + table->offset + i * table->entsize;

		symbol.name = string_at(elf, &strings, elf_u32(elf, s));
		symbol.value = word(elf, s, 8, 4);
		symbol.size = word(elf, s, 16, 8);
		info = s[elf->is64 ? 4 : 12];
		symbol.type = info & 15;
		symbol.bind = info >> 4;
		symbol.section = elf_u16(elf, s + (elf->is64 ? 6 : 14));
		if (symbol.section != SHN_UNDEF && *symbol.name)
			ret = visit(arg, &symbol);
	}
	return ret;
}

int elf_symbols(const struct elf_file *elf, int (*visit)(void *arg, const struct elf_symbol *symbol), void *arg)
{
	struct elf_section table;
	uint32_t i, unused;
	int ret = 0;

	for (i = 0; i < elf->shnum && section_record(elf, i) && !ret; i++)
		if (section_no_name(elf, i, &table, &unused) && (table.type == SHT_DYNSYM || table.type == SHT_SYMTAB))
			ret = visit_table(elf, &table, visit, arg);
	return ret;
}

const uint8_t *elf_build_id(const struct elf_file *elf, uint32_t *size)
{
	struct elf_section note;
	const uint8_t *p;
	uint32_t name_size;

	if (!elf_section_find(elf, ".note.gnu.build-id", &note) || note.type != SHT_NOTE || note.size < 16)
		return NULL;
	p = elf->data + note.offset;
	name_size = elf_u32(elf, p);
	*size = elf_u32(elf, p + 4);
	if (name_size != 4 || memcmp(p + 12, "GNU", 4) || *size > note.size - 16)
		return NULL;
	return p + 16;
}

const char *binary_file(const char *path)
{
	const char *member = strstr(path, "!/");

	return member ? arena_printf("%.*s", (int)(member - path), path) : path;
}

int elf_map(struct elf_file *elf, const char *path)
{
	const char *file = binary_file(path);
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;
	uint64_t base = 0;
	struct stat st;
	void *data;

	if (fd < 0)
		return -errno;
	ret = fstat(fd, &st) ? -errno : !S_ISREG(st.st_mode) || !st.st_size ? -ENOEXEC : 0;
	data = ret ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!ret && data == MAP_FAILED)
		ret = -errno;
	close(fd);
	if (ret)
		return ret;
	if (file != path)
		base = archive_member(data, (size_t)st.st_size, path + strlen(file) + 2);
	ret = file != path && !base ? -ENOENT : elf_parse(elf, (uint8_t *)data + base, (size_t)st.st_size - base);
	if (ret)
		munmap(data, (size_t)st.st_size);
	elf->base = base;
	return ret;
}

void elf_unmap(struct elf_file *elf)
{
	if (elf->data)
		munmap((void *)(uintptr_t)(elf->data - elf->base), elf->size + elf->base);
	memset(elf, 0, sizeof(*elf));
}
