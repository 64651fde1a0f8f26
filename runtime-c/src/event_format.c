/* event_format.c - parse the `format` file of a tracepoint.
 *
 *	name: sched_switch
 *	ID: 316
 *	format:
 *		field:unsigned short common_type;	offset:0;	size:2;	signed:0;
 *		field:char prev_comm[16];	offset:8;	size:16;	signed:0;
 *		field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
 *
 * The name of a field is the last identifier before the first '[' that follows it, or before the ';'; for pointers to
 * functions and the like nothing better is known.  A fuzzer may call event_format_parse() on any NUL-terminated bytes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tracefs.h"

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The number behind `key` in [p, end), or `missing`. */
static uint32_t number_of(const char *p, const char *end, const char *key, uint32_t missing)
{
	size_t length = strlen(key);

	for (; p + length < end; p++)
		if (!memcmp(p, key, length))
			return (uint32_t)strtoul(p + length, NULL, 10);
	return missing;
}

/* Find the name in a declaration: cut trailing [N], then take the identifier at the end. */
static void find_name(const char *p, const char *end, struct event_field *out)
{
	const char *start;

	while (end > p && end[-1] == ' ')
		end--;
	while (end > p && end[-1] == ']') {
		while (end > p && end[-1] != '[')
			end--;
		if (end > p)
			end--;
	}
	while (end > p && !is_name(end[-1]))
		end--;
	for (start = end; start > p && is_name(start[-1]);)
		start--;
	out->name = start;
	out->name_length = (uint32_t)(end - start);
}

static bool parse_field(const char *line, const char *end, struct event_field *out)
{
	const char *decl, *semicolon;

	while (line < end && isspace((unsigned char)*line))
		line++;
	if (end - line < 6 || memcmp(line, "field:", 6))
		return false;
	decl = line + 6;
	semicolon = memchr(decl, ';', (size_t)(end - decl));
	if (!semicolon)
		return false;
	out->form = FIELD_INLINE;
	if (end - decl > 10 && !memcmp(decl, "__data_loc", 10))
		out->form = FIELD_DATA_LOC;
	else if (end - decl > 9 && !memcmp(decl, "__rel_loc", 9))
		out->form = FIELD_REL_LOC;
	find_name(decl, semicolon, out);
	out->offset = number_of(semicolon, end, "offset:", UINT32_MAX);
	out->size = number_of(semicolon, end, "size:", 0);
	out->is_signed = number_of(semicolon, end, "signed:", 0) != 0;
	return out->name_length && out->offset != UINT32_MAX;
}

uint32_t event_format_parse(const char *text, uint32_t *id, struct event_field *fields, uint32_t capacity)
{
	struct event_field field;
	uint32_t count = 0;
	const char *end;

	*id = 0;
	for (; *text; text = *end ? end + 1 : end) {
		end = strchr(text, '\n');
		if (!end)
			end = text + strlen(text);
		if (!strncmp(text, "ID:", 3))
			*id = (uint32_t)strtoul(text + 3, NULL, 10);
		else if (parse_field(text, end, &field) && count++ < capacity)
			fields[count - 1] = field;
	}
	return count;
}

const struct event_field *event_field_find(const struct event_format *format, const char *name)
{
	size_t length = strlen(name);

	for (uint32_t i = 0; i < format->count; i++)
		if (format->fields[i].name_length == length && !memcmp(format->fields[i].name, name, length))
			return &format->fields[i];
	return NULL;
}
