/* load.h - from program templates to loaded programs. */
#ifndef BTAOT_LOAD_H
#define BTAOT_LOAD_H

#include "env.h"

/* Load a program for every instance (inst->prog_fd): one copy of a template for each distinct layout. */
int load_programs(struct env *env);

#endif
