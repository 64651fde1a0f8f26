/* ksyms.h - names of kernel addresses. */
#ifndef BTAOT_KSYMS_H
#define BTAOT_KSYMS_H

#include <stdbool.h>
#include <stdint.h>

struct ksyms;

/* Get ready for look-ups; never fails: without rights addresses have no names. */
struct ksyms *ksyms_open(void);
/* The function that holds the address, without its module; NULL: not known.  Valid until the next call. */
const char *ksyms_find(struct ksyms *k, uint64_t addr, uint64_t *offset);
/* What the kernel's %pS prints, "name+0x1f/0x80 [module]": cut to the name; false if it is a bare address. */
bool ksyms_parse_ps(char *text, uint64_t *offset);

#endif
