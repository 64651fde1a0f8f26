/* output.h - from records and maps to text: stdout (or -o FILE), text or JSON, as bpftrace prints it. */
#ifndef BTAOT_OUTPUT_H
#define BTAOT_OUTPUT_H

#include "env.h"

/* Open the output as the options say.  No symbol table is read before it is needed. */
int output_open(struct env *env);
/* Handle one ring buffer record (docs/architecture.md); `size` is the record's size.  Records that are no action of
 * the payload, or too short for their action, are dropped. */
void output_event(struct env *env, const void *record, size_t size);
/* Whether an exit() action was handled: what is in the ring buffer behind it is not printed (events_drain). */
bool output_exited(const struct env *env);
/* "Attached N probes" on stderr, or as JSON; nothing with -q. */
void output_attached(struct env *env, uint32_t count);
/* Print all maps of the script that are not empty, ordered by name (end of the run, SIGUSR1). */
void output_maps(struct env *env);
/* End of the events: the total of lost events (a warning on stderr) and, in text, the two empty lines that stand
 * before the maps.  Call it once, after the events of `end` and before output_maps(), whether maps are printed or not. */
void output_end(struct env *env);
/* Report what was lost since the last call (globals: ring buffer, scratch, stacks, full maps), on stderr / as JSON. */
void output_losses(struct env *env);
/* Write what is buffered; -errno once writing failed (EPIPE ends the run: env->stop is set, too). */
int output_flush(struct env *env);
/* The events have run dry: write complete lines, unless -B full asks for full buffers. */
int output_idle(struct env *env);
void output_close(struct env *env);
/* A signal ends the run: stop, and start no command of system() half a second from now. */
void async_hurry(struct env *env);

#endif
