/* elf_file.h - read ELF files of any class and byte order, from bytes. */
#ifndef BTAOT_ELF_FILE_H
#define BTAOT_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of an ELF file in memory; nothing in it is trusted. */
struct elf_file {
	const uint8_t *data;
	size_t size;
	uint64_t base;                  /* of the view in its file: that of a member of an archive, else 0 */
	bool is64, swap;                /* swap: other byte order than ours */
	uint16_t type, machine;
	uint64_t phoff, shoff;
	uint32_t phnum, phentsize, shnum, shentsize, shstrndx;
};

struct elf_section {
	const char *name;               /* "" if it has none */
	uint32_t type, link;
	uint64_t address, offset, size, entsize;
	bool compressed;
};

struct elf_symbol {
	const char *name;
	uint64_t value, size;
	uint8_t type, bind;             /* STT_*, STB_* */
	uint16_t section;
};

/* 0, or -ENOEXEC if the bytes are no ELF file that this reader understands. */
int elf_parse(struct elf_file *elf, const void *data, size_t size);
/* Fill in section `index`; false if there is none or it does not lie in the file (SHT_NOBITS has no bytes and is fine). */
bool elf_section(const struct elf_file *elf, uint32_t index, struct elf_section *out);
/* The first section with this name. */
bool elf_section_find(const struct elf_file *elf, const char *name, struct elf_section *out);
/* File offset of a virtual address by the PT_LOAD segments; false if no segment has it in the file.  `executable`: only
 * segments that may be executed. */
bool elf_address_to_offset(const struct elf_file *elf, uint64_t address, bool executable, uint64_t *offset);
/* The other way round. */
bool elf_offset_to_address(const struct elf_file *elf, uint64_t offset, uint64_t *address);
/* Visit all defined symbols of .dynsym and .symtab (with names as far as the '@' of a version); stops at a value that
 * is not 0 and returns it. */
int elf_symbols(const struct elf_file *elf, int (*visit)(void *arg, const struct elf_symbol *symbol), void *arg);
/* Build id: its bytes and their number, or NULL. */
const uint8_t *elf_build_id(const struct elf_file *elf, uint32_t *size);

/* The file of a binary: "app.apk!/lib/x.so" lies in app.apk. */
const char *binary_file(const char *path);
/* Map a binary for reading: 0 or -errno; unmap with elf_unmap(). */
int elf_map(struct elf_file *elf, const char *path);
void elf_unmap(struct elf_file *elf);

/* Numbers of the file's byte order at a place that the caller has checked. */
uint16_t elf_u16(const struct elf_file *elf, const void *p);
uint32_t elf_u32(const struct elf_file *elf, const void *p);
uint64_t elf_u64(const struct elf_file *elf, const void *p);
/* Whether `size` bytes at `offset` lie in the file. */
bool elf_contains(const struct elf_file *elf, uint64_t offset, uint64_t size);

#endif
