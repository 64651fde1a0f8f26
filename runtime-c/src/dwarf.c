/* dwarf.c - what readers of debug information have in common: its sections, and the forms of values (DWARF 2 to 5). */
#include "dwarf.h"

#include <elf.h>
#include <string.h>

#include "elf_file.h"
#include "inflate.h"
#include "util.h"

#define UNPACKED_MAX (1u << 30)

/* How the size of a value is found, where it is not a number of bytes. */
enum { WIDE = 17, ADDRESS, LEB, TEXT, BLOCK_LEB, BLOCK_1, BLOCK_2, BLOCK_4, NONE };

static const uint8_t sizes[] = {
	[FORM_ADDR] = ADDRESS, [0x03] = BLOCK_2, BLOCK_4, 2, 4, 8, TEXT, BLOCK_LEB, BLOCK_1, 1, 1, LEB, WIDE, LEB, WIDE, 1, 2, 4, 8,
	LEB, NONE, WIDE, BLOCK_LEB, 0, LEB, LEB, 4, WIDE, 16, WIDE, 8, 0, LEB, LEB, 8, 1, 2, 3, 4, 1, 2, 3, 4,
};
_Static_assert(sizeof(sizes) == FORM_ADDRX4 + 1, "forms");

/* The bytes of a section, unpacked if it is compressed. */
static struct cursor section(const struct elf_file *elf, const char *name)
{
	struct elf_section s;
	const uint8_t *head;
	uint64_t size;
	uint8_t *out;

	if (!elf_section_find(elf, name, &s) || s.type == SHT_NOBITS)
		return (struct cursor){0};
	head = elf->data + s.offset;
	if (!s.compressed)
		return (struct cursor){head, head + s.size};
	if (!elf->is64 || s.size < sizeof(Elf64_Chdr) || elf_u32(elf, head) != ELFCOMPRESS_ZLIB)
		return (struct cursor){0};
	size = elf_u64(elf, head + offsetof(Elf64_Chdr, ch_size));
	if (size > UNPACKED_MAX)
		return (struct cursor){0};
	out = arena_alloc(size);
	if (!zlib_inflate(out, size, head + sizeof(Elf64_Chdr), s.size - sizeof(Elf64_Chdr)))
		return (struct cursor){0};
	return (struct cursor){out, out + size};
}

void dwarf_open(struct dwarf *d, const struct elf_file *elf)
{
	static const char names[][14] = {"line", "line_str", "str", "info", "abbrev", "ranges", "rnglists", "addr", "str_offsets"};
	struct cursor *out = &d->line;
	char name[32];

	_Static_assert(sizeof(*d) == ARRAY_SIZE(names) * sizeof(*out), "one name each, in this order");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		str_printf(name, sizeof(name), ".debug_%s", names[i]);
		out[i] = section(elf, name);
	}
}

uint64_t dwarf_length(struct cursor *c, unsigned *wide)
{
	uint64_t size = cursor_number(c, 4);

	*wide = 4;
	if (size != 0xffffffff)
		return size;
	*wide = 8;
	return cursor_number(c, 8);
}

static unsigned form_size(uint64_t form)
{
	switch (form) {
	case 0x1f01:  /* before DWARF 5: indexes of addresses and texts */
	case 0x1f02:
		return LEB;
	case 0x1f20:  /* references to a file that several share */
	case 0x1f21:
		return WIDE;
	default:
		return form < ARRAY_SIZE(sizes) ? sizes[form] : NONE;
	}
}

uint64_t form_read(struct cursor *c, uint64_t form, unsigned wide, unsigned address_size)
{
	unsigned size = form_size(form);

	switch (size) {
	case WIDE:
		return cursor_number(c, wide);
	case ADDRESS:
		return cursor_number(c, address_size);
	case LEB:
		return cursor_uleb(c);
	case TEXT:
		return (uintptr_t)cursor_string(c);
	case BLOCK_1:
	case BLOCK_2:
	case BLOCK_4:
		cursor_skip(c, cursor_number(c, 1u << (size - BLOCK_1)));
		return 0;
	case BLOCK_LEB:
		cursor_skip(c, cursor_uleb(c));
		return 0;
	case 16:
		cursor_skip(c, 16);
		return 0;
	default:  /* NONE: what follows cannot be read */
		return cursor_number(c, size);
	}
}

const char *form_text(const struct dwarf *d, uint64_t form, uint64_t number)
{
	struct cursor c = form == FORM_STRP ? d->str : d->line_str;

	if (form == FORM_STRING)
		return (const char *)(uintptr_t)number;
	if (form != FORM_STRP && form != FORM_LINE_STRP)
		return NULL;
	cursor_skip(&c, number);
	return cursor_string(&c);
}
