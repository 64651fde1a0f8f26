/* events.h - the consumer of the ring buffer. */
#ifndef BTAOT_EVENTS_H
#define BTAOT_EVENTS_H

#include "env.h"

/* Map the ring buffer (map of role RINGBUF). */
int events_open(struct env *env);
/* Descriptor to poll for POLLIN. */
int events_fd(const struct env *env);
/* Hand all records that are there to output_event(), in order; returns how many.  Stops early once env->stop is set by
 * an exit action only if `until_stop`. */
int events_drain(struct env *env, bool until_stop);
void events_close(struct env *env);

#endif
