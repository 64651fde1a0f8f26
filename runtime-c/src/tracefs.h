/* tracefs.h - tracepoints as the host describes them in tracefs. */
#ifndef BTAOT_TRACEFS_H
#define BTAOT_TRACEFS_H

#include "env.h"

enum field_form { FIELD_INLINE, FIELD_DATA_LOC, FIELD_REL_LOC };

struct event_field {
	const char *name;               /* not terminated: name_length bytes */
	uint32_t name_length;
	uint32_t offset, size;          /* of the field, or of its location word */
	enum field_form form;
	bool is_signed;
};

struct event_format {
	uint32_t id;
	struct event_field *fields;
	uint32_t count;
	char *text;                     /* the file; field names point into it */
};

/* Descriptor of the tracefs directory, opened on first use without mounting anything that others see; -errno. */
int tracefs_open(struct env *env);
/* Id of a tracepoint, or -errno (-ENOENT: the host has no such tracepoint). */
int tracefs_event_id(struct env *env, const char *category, const char *event);
/* Parse the format file of a tracepoint; memory of the arena. */
int tracefs_event_format(struct env *env, const char *category, const char *event, struct event_format *out);
/* Call `found` for every tracepoint that matches both patterns, sorted by name; stops at a value that is not 0. */
int tracefs_events(struct env *env, const char *category, const char *event,
		   int (*found)(void *arg, const char *category, const char *event), void *arg);

/* Parse `size` bytes of a format file (NUL-terminated) with room for `capacity` fields: number of fields in the file.
 * Lines that do not look like fields are skipped. */
uint32_t event_format_parse(const char *text, uint32_t *id, struct event_field *fields, uint32_t capacity);
const struct event_field *event_field_find(const struct event_format *format, const char *name);

#endif
