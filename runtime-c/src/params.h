/* params.h - the script's own parameters: positional ($1) and named (getopt). */
#ifndef BTAOT_PARAMS_H
#define BTAOT_PARAMS_H

#include "env.h"

/* Index of a named parameter in the payload, BTAOT_NONE if the script has no such. */
uint32_t param_find(const struct payload *p, const char *name, size_t length);
/* Check the texts given for named parameters against their types. */
int params_check(struct env *env);
/* Put positional parameters into the texts of attach points that name them: uprobe:$1:main.  One that was not given is
 * empty. */
void params_into_attach_points(struct env *env);
/* Write the strings into the parameters map. */
int params_store(struct env *env);

#endif
