/* dwarf.h - what readers of debug information have in common: its sections, and the forms of values. */
#ifndef BTAOT_DWARF_H
#define BTAOT_DWARF_H

#include "cursor.h"

struct elf_file;

/* Sections of a file; empty where there is none. */
struct dwarf {
	struct cursor line, line_str, str, info, abbrev, ranges, rnglists, addr, str_offsets;
};

/* Find them; those that are compressed are unpacked into memory that stays. */
void dwarf_open(struct dwarf *d, const struct elf_file *elf);

/* DW_FORM_... */
enum {
	FORM_ADDR = 0x01, FORM_STRING = 0x08, FORM_STRP = 0x0e, FORM_REF_ADDR = 0x10, FORM_REF_UDATA = 0x15, FORM_STRX = 0x1a,
	FORM_ADDRX = 0x1b, FORM_LINE_STRP = 0x1f, FORM_IMPLICIT = 0x21, FORM_RNGLISTX = 0x23, FORM_STRX1 = 0x25, FORM_STRX4 = 0x28,
	FORM_ADDRX1 = 0x29, FORM_ADDRX4 = 0x2c,
};

/* The length of a unit, and how many bytes an offset in it has. */
uint64_t dwarf_length(struct cursor *c, unsigned *wide);
/* Read a value of a form: a number; of FORM_STRING the address of its text; of blocks nothing. */
uint64_t form_read(struct cursor *c, uint64_t form, unsigned wide, unsigned address_size);
/* The text that a value stands for; NULL: it is none, or one of another file. */
const char *form_text(const struct dwarf *d, uint64_t form, uint64_t number);

#endif
