/* run.h - one run of the script, from the loaded programs to the printed maps. */
#ifndef BTAOT_RUN_H
#define BTAOT_RUN_H

#include "env.h"
#include "target.h"

/* Run until exit(), a signal, the end of the target; returns 0 or -errno (reported).  All programs are loaded. */
int run(struct env *env, struct target *target);

#endif
