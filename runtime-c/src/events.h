/* events.h - the consumer of the ring buffer. */
#ifndef BTAOT_EVENTS_H
#define BTAOT_EVENTS_H

#include "env.h"

/* Map the ring buffer (map of role RINGBUF). */
/* Rings and files of skboutput(), where the script calls it; write what is there (packets.c). */
int packets_open(struct env *env);
void packets_drain(struct env *env);
int events_open(struct env *env);
/* Descriptor to poll for POLLIN. */
int events_fd(const struct env *env);
/* Hand all records that are there to output_event(), in order, and write what they printed; returns how many there were.
 * With `until_stop`, records behind an exit() are taken from the buffer but not printed, also in later calls: use it for
 * all events but those of `end`.  While many events arrive the call stays up to some ten milliseconds, so that producers
 * need not wake us for each; it returns early when env->stop is set. */
int events_drain(struct env *env, bool until_stop);

#endif
