/* eh_frame.h - how a function's caller is found at each of its addresses, from .eh_frame. */
#ifndef BTAOT_EH_FRAME_H
#define BTAOT_EH_FRAME_H

#include "cursor.h"

/* What each word of a rule is about. */
enum { UNWIND_CFA, UNWIND_IP, UNWIND_BP, UNWIND_BX, UNWIND_WORDS };
/* A word: kind, register << 3 (numbers of x86_64's DWARF, 17 the CFA), signed offset << 8. */
enum {
	UNWIND_UNKNOWN,                 /* cannot be expressed here */
	UNWIND_SAME,                    /* the value of the frame below */
	UNWIND_UNDEFINED,               /* for the instruction pointer: there is no caller */
	UNWIND_VALUE,                   /* register + offset */
	UNWIND_MEMORY,                  /* what is in memory there */
	UNWIND_PLT,                     /* register + offset + 8 in the second part of an entry of 16 bytes */
};
#define UNWIND_RULE_CFA 17

/* Visit the rules of all functions of a section that the file has at `address`: each holds from `begin` on; NULL behind a
 * function.  The order is that of the section. */
void eh_frame_rules(const struct cursor *section, uint64_t address,
		    void (*visit)(void *arg, uint64_t begin, const uint32_t *words), void *arg);

#endif
