/* trials.h - the test: and bench: probes of a script (--test, --bench). */
#ifndef BTAOT_TRIALS_H
#define BTAOT_TRIALS_H

#include "env.h"

/* Run all probes of the kind that the options ask for; 0, or -errno if one cannot be run.  A test that fails sets
 * env->exit_code. */
int trials_run(struct env *env);

#endif
