/* verifier_log.h - what the kernel's verifier said, for people. */
#ifndef BTAOT_VERIFIER_LOG_H
#define BTAOT_VERIFIER_LOG_H

#include "env.h"

/* Marks an instruction that stands for something which the host lacks: a call of helper POISON + symbol. */
#define POISON 0x0bad0000

/* Report that loading a program failed: the useful end of the log and the line of the script; all of it with -v. */
void verifier_log_report(struct env *env, const struct btaot_program *program, const char *name, const char *log, int error,
			 uint16_t kind);
/* Symbol whose poisoned use the verifier found reachable, or BTAOT_NONE. */
uint32_t verifier_log_poison(const char *log);

#endif
