/* output.h - from records and maps to text: stdout (or -o FILE), text or JSON, as bpftrace prints it. */
#ifndef BTAOT_OUTPUT_H
#define BTAOT_OUTPUT_H

#include "env.h"

/* Open the output as the options say.  No symbol table is read before it is needed. */
int output_open(struct env *env);
/* Handle one ring buffer record (docs/architecture.md); `size` is the record's size. */
void output_event(struct env *env, const void *record, size_t size);
/* "Attaching N probes" / "Attached N probes" and the same in JSON. */
void output_attached(struct env *env, uint32_t count);
/* Print one map as print(@map, top, div) does; 0 for top or div: not given. */
void output_map(struct env *env, uint32_t map, uint32_t top, uint32_t div);
/* Print all maps of the script that are not empty (end of the run, SIGUSR1). */
void output_maps(struct env *env);
/* Report what was lost since the last call (globals: ring buffer, scratch, stacks, full maps), on stderr / as JSON. */
void output_losses(struct env *env);
/* Write what is buffered; -errno once writing failed (EPIPE ends the run). */
int output_flush(struct env *env);
void output_close(struct env *env);

#endif
