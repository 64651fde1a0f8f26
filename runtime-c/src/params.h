/* params.h - the script's own parameters: positional ($1) and named (getopt). */
#ifndef BTAOT_PARAMS_H
#define BTAOT_PARAMS_H

#include "env.h"

/* Index of a named parameter in the payload, BTAOT_NONE if the script has no such. */
uint32_t param_find(const struct payload *p, const char *name, size_t length);
/* Check the texts given for named parameters against their types. */
int params_check(struct env *env);
/* Put positional parameters into the texts of attach points and symbols that name them: uprobe:$1:main, kaddr(str($1)).
 * One that was not given is empty. */
void params_into_texts(struct env *env);

/* Put the values of parameters into the types of histograms that have them as bounds. */
int params_into_types(struct env *env);
/* Write the strings into the parameters map. */
int params_store(struct env *env);

#endif
