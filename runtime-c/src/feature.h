/* feature.h - what this kernel can do, found by loading tiny programs (never from its version). */
#ifndef BTAOT_FEATURES_H
#define BTAOT_FEATURES_H

#include "env.h"

/* Whether programs of this type can use a Feature (BTAOT_FEATURE_*).  Tested once per feature and type, then remembered. */
#define FEATURE_KFUNC 0x80000000u       /* instead of a feature: a kernel function, by the other bits, its BTF id */

bool feature_has(struct env *env, uint32_t feature, uint32_t prog_type, uint32_t expected_attach_type);

/* How the kernel calls it: "bpf_loop". */
const char *feature_name(uint32_t feature);

#endif
