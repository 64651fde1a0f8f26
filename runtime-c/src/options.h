/* options.h - the command line of a compiled script. */
#ifndef BTAOT_OPTIONS_H
#define BTAOT_OPTIONS_H

#include "env.h"

/* 0: run; 1: done (--help, --version); -errno: wrong, reported. */
int options_parse(struct env *env, int argc, char **argv);

#endif
