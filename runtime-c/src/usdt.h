/* usdt.h - static probes of user programs: the notes that describe them and the specifications of their arguments. */
#ifndef BTAOT_USDT_H
#define BTAOT_USDT_H

#include "elf_file.h"

/* One place of a probe, from a note in .note.stapsdt. */
struct usdt_note {
	const char *provider, *name, *args; /* strings inside the file */
	uint64_t address;               /* virtual address of the nop */
	uint64_t offset;                /* the same in the file */
	uint64_t semaphore;             /* offset in the file of its counter; 0: none */
};

/* Call `visit` for every note that can be probed, in the order of the file; stops at a value that is not 0. */
int usdt_notes(const struct elf_file *elf, int (*visit)(void *arg, const struct usdt_note *note), void *arg);

enum usdt_place { USDT_CONSTANT, USDT_REGISTER, USDT_MEMORY };

struct usdt_argument {
	enum usdt_place place;
	int32_t base, index;            /* offsets in pt_regs; index: -1 if there is none */
	uint32_t scale;
	int64_t offset;                 /* or the constant */
	uint32_t size;                  /* bytes: 1, 2, 4, 8 */
	bool is_signed;
	const char *symbol;             /* the offset counts from this symbol, and base is the program counter; not terminated */
	uint32_t symbol_length;
};

/* Parse argument `n` (0-based) of a specification such as "-4@%eax 8@8(%rbp,%rax,4) 4@$5", "8@[sp, 16]" or "-4@w0".
 * -ENOENT: there is no such argument; -EINVAL: a form that is not known (floating point, other registers). */
int usdt_argument_parse(const char *args, uint32_t n, struct usdt_argument *out);

#endif
