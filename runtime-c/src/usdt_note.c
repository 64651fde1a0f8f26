/* usdt_note.c - read the notes of static probes (section .note.stapsdt, SystemTap's sdt.h, version 3).
 *
 * A note is: three words of the file's size (address of the probe, address of .stapsdt.base at link time, address of the
 * semaphore or 0), then three strings (provider, name, arguments).  If the file was prelinked, .stapsdt.base lies
 * elsewhere now, and all addresses moved with it.  Nothing is trusted: a fuzzer may call usdt_notes(). */
#include <elf.h>
#include <string.h>

#include "usdt.h"

#define NOTE_TYPE 3
#define ALIGN4(n) (((n) + 3) & ~(uint64_t)3)

static uint64_t note_word(const struct elf_file *elf, const uint8_t *desc, uint32_t n)
{
	return elf->is64 ? elf_u64(elf, desc + 8 * n) : elf_u32(elf, desc + 4 * n);
}

/* Cut the next string off [*p, end); NULL if it does not end there. */
static const char *cut_string(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *start = *p, *nul = start < end ? memchr(start, 0, (size_t)(end - start)) : NULL;

	if (!nul)
		return NULL;
	*p = nul + 1;
	return (const char *)start;
}

static bool parse_desc(const struct elf_file *elf, const uint8_t *desc, uint32_t size, struct usdt_note *out)
{
	uint32_t words = elf->is64 ? 24 : 12;
	const uint8_t *p = desc + words, *end = desc + size;
	struct elf_section base;
	uint64_t moved = 0, semaphore;

	if (size < words)
		return false;
	out->provider = cut_string(&p, end);
	out->name = out->provider ? cut_string(&p, end) : NULL;
	out->args = out->name ? cut_string(&p, end) : NULL;
	if (!out->args)
		return false;
	if (note_word(elf, desc, 1) && elf_section_find(elf, ".stapsdt.base", &base))
		moved = base.address - note_word(elf, desc, 1);
	out->address = note_word(elf, desc, 0) + moved;
	semaphore = note_word(elf, desc, 2);
	out->semaphore = 0;
	if (semaphore && !elf_address_to_offset(elf, semaphore + moved, false, &out->semaphore))
		return false;
	return elf_address_to_offset(elf, out->address, true, &out->offset);
}

int usdt_notes(const struct elf_file *elf, int (*visit)(void *arg, const struct usdt_note *note), void *arg)
{
	struct elf_section section;
	uint64_t at = 0, name_size, desc_size, desc;
	struct usdt_note note;
	const uint8_t *p;
	int ret = 0;

	if (!elf_section_find(elf, ".note.stapsdt", &section) || section.type != SHT_NOTE)
		return 0;
	while (!ret && at + 12 <= section.size) {
		p = elf->data + section.offset + at;
		name_size = elf_u32(elf, p);
		desc_size = elf_u32(elf, p + 4);
		desc = at + 12 + ALIGN4(name_size);
		if (desc > section.size || desc_size > section.size - desc)
			break;
		if (elf_u32(elf, p + 8) == NOTE_TYPE && name_size == 8 && !memcmp(p + 12, "stapsdt", 8) &&
		    parse_desc(elf, elf->data + section.offset + desc, (uint32_t)desc_size, &note))
			ret = visit(arg, &note);
		at = desc + ALIGN4(desc_size);
	}
	return ret;
}
