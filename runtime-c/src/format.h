/* format.h - format strings, compiled when their action first happens. */
#ifndef BTAOT_FORMAT_H
#define BTAOT_FORMAT_H

#include "output_internal.h"

struct format;

/* Compile the pieces of an action; NULL if its pieces and its arguments do not fit together (no payload of ours). */
struct format *format_compile(struct output *o, const struct btaot_action *a);
/* Append the text for one record; false if the record is too short for the action's arguments. */
bool format_record(struct output *o, struct textbuf *b, const struct format *f, const uint8_t *record, size_t size);

#endif
