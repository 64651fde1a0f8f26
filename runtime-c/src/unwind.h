/* unwind.h - tables for dw_ustack: how to find the caller at each address of the traced processes. */
#ifndef BTAOT_UNWIND_H
#define BTAOT_UNWIND_H

#include "env.h"
#include "target.h"

/* Read the tables of all processes asked for, if the script wants them; the command of -c is run to its first instruction
 * for that, so that its libraries are there.  Comes before maps are made. */
int unwind_read(struct env *env, struct target *target);
/* Elements of the map of role UNWIND. */
uint32_t unwind_entries(const struct env *env);
/* Give the tables to the map. */
int unwind_store(struct env *env);

#endif
