/* info.h - --info: what this kernel offers. */
#ifndef BTAOT_INFO_H
#define BTAOT_INFO_H

#include "env.h"

int info_print(struct env *env);

#endif
