/* verifier_log.c - the end of the verifier's log and the line of the script that it is about.
 *
 * The log ends with the instruction that was refused, the reason, and a line of statistics.  The last
 * instruction number gives the line by the program's line_info; the whole log is for -v. */
#include "verifier_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rights.h"
#include "util.h"

#define TAIL_LINES 6

/* Number of the last instruction that the log shows ("12: (85) call ..."), -1 if none. */
static long last_insn(const char *log)
{
	long insn = -1;

	for (const char *line = log; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		char *end;
		long n = strtol(line, &end, 10);

		if (end != line && !strncmp(end, ": (", 3))
			insn = n;
	}
	return insn;
}

/* Line of the script that an instruction belongs to; that of the block if the program carries no line_info. */
static uint32_t script_line(const struct env *env, const struct btaot_program *program, long insn)
{
	uint32_t line = program->line;

	for (uint32_t i = 0; i < program->line_count && insn >= 0; i++) {
		const struct btaot_line_info *li = &env->payload.line_infos[program->line_first + i];

		if (li->insn_off > (uint32_t)insn)
			break;
		if (li->line_col >> 10)
			line = li->line_col >> 10;
	}
	return line;
}

/* The last lines that say something: not the statistics. */
static const char *useful_end(const char *log, size_t *length)
{
	const char *end = strstr(log, "\nprocessed "), *start;
	int lines = 0;

	end = end ? end : log + strlen(log);
	while (end > log && end[-1] == '\n')
		end--;
	for (start = end; start > log; start--)
		if (start[-1] == '\n' && ++lines == TAIL_LINES)
			break;
	*length = (size_t)(end - start);
	return start;
}

uint32_t verifier_log_poison(const char *log)
{
	const char *at = strstr(log, "unknown#");
	unsigned long helper;

	if (!at)
		return BTAOT_NONE;
	helper = strtoul(at + 8, NULL, 10);
	return helper >= POISON && helper < POISON + 0x10000 ? (uint32_t)(helper - POISON) : BTAOT_NONE;
}

void verifier_log_report(struct env *env, const struct btaot_program *program, const char *name, const char *log, int error,
			 uint16_t kind)
{
	const char *script = payload_str(&env->payload, env->payload.header->script);
	uint32_t line = script_line(env, program, last_insn(log));
	const char *end;
	size_t length;

	if (!*log) {
		err("%s:%u: cannot load the program of %s: %s%s", script, line, name, strerror(-error),
		    error == -EPERM ? rights_explain(kind) : "");
		return;
	}
	if (strstr(log, "bpf_probe_read_") && (strstr(log, "cannot use helper") || strstr(log, "unknown func"))) {
		err("%s:%u: %s reads the kernel's memory, which kernel lockdown (confidentiality) forbids", script, line, name);
		return;
	}
	err("%s:%u: the kernel refuses the program of %s: %s%s", script, line, name, strerror(-error),
	    env->opt.verbose ? ". Its whole log:" : ". The end of its log (all of it with -v):");
	if (env->opt.verbose) {
		write_all(STDERR_FILENO, log, strlen(log));
		return;
	}
	end = useful_end(log, &length);
	write_all(STDERR_FILENO, end, length);
	write_all(STDERR_FILENO, "\n", 1);
}
