/* config.h - run-time configuration: defaults, then the script's config block, then BPFTRACE_* of the environment. */
#ifndef BTAOT_CONFIG_H
#define BTAOT_CONFIG_H

#include "env.h"

int config_load(struct env *env);

#endif
