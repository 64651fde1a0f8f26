/* target.h - the process that is traced: a running one (-p) or a command of our own (-c). */
#ifndef BTAOT_TARGET_H
#define BTAOT_TARGET_H

#include <stdbool.h>

#include "env.h"

struct target {
	int pidfd;              /* readable once the process ended; -1: no target */
	int go;                 /* pipe: a byte lets the child run its command; -1: running */
	int result;             /* pipe: closed by a successful exec, else errno */
	bool at_entry;          /* the command is stopped at its first instruction, and we trace it */
};

/* Open the process of -p, or fork the command of -c: it waits, with env->child set. */
int target_open(struct env *env, struct target *target);
/* Let the command run; an error if it cannot be executed. */
int target_start(struct env *env, struct target *target);
/* A descriptor of a process that is readable once it has ended, or -errno. */
int pidfd_open_raw(pid_t pid);
/* Ask the command to end, then make it. */
void target_close(struct env *env, struct target *target);

/* Run the command of -c to its first instruction, where its libraries are mapped, and leave it stopped there. */
int target_run_to_entry(struct env *env, struct target *target);

#endif
