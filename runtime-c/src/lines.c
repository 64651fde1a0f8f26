/* lines.c - the source line of an address, from .debug_line (DWARF 2 to 5).
 *
 * The section is a list of units, each with tables of directories and files and a program for a machine whose registers
 * are a row: address, file, line.  All programs run once to note the addresses that each covers; of an address only the
 * unit's program is run again, since rows take more memory than their programs.  Nothing in the bytes is trusted. */
#include "lines.h"

enum { COPY = 1, ADVANCE_PC, ADVANCE_LINE, SET_FILE, SET_COLUMN, NEGATE, BLOCK_BEGIN, CONST_ADD_PC, FIXED_ADVANCE_PC };
enum { END_SEQUENCE = 1, SET_ADDRESS };
enum { CONTENT_PATH = 1, CONTENT_DIRECTORY };

struct unit {
	struct cursor tables, program;
	const uint8_t *lengths;         /* of the arguments of standard operations */
	unsigned version, wide, step, range, first_special;
	int base;
};

struct row {
	uint64_t address, file;
	uint32_t line;
};

/* Addresses that one unit has rows for. */
struct covered {
	uint64_t low, high, unit;
};

/* Read the head of the unit at `offset`; *next is the place of the one after it.  False at the end, or for what is no unit. */
static bool unit_open(const struct dwarf *s, uint64_t offset, struct unit *u, uint64_t *next)
{
	struct cursor c = cursor_part(&s->line, offset, UINT64_MAX);
	uint64_t size = dwarf_length(&c, &u->wide);

	if (!size || size > (uint64_t)(c.end - c.p))
		return false;
	c.end = c.p + size;
	*next = (uint64_t)(c.end - s->line.p);
	u->version = (unsigned)cursor_number(&c, 2);
	if (u->version >= 5)
		cursor_skip(&c, 2);  /* sizes of addresses and of segment selectors */
	size = cursor_number(&c, u->wide);
	u->program = cursor_part(&c, size, UINT64_MAX);
	u->step = (unsigned)cursor_number(&c, 1);
	cursor_skip(&c, u->version >= 4 ? 2 : 1);  /* operations in an instruction, is_stmt */
	u->base = (int8_t)cursor_number(&c, 1);
	u->range = (unsigned)cursor_number(&c, 1);
	u->first_special = (unsigned)cursor_number(&c, 1);
	u->lengths = c.p;
	u->tables = cursor_part(&c, u->first_special - 1, UINT64_MAX);
	if (u->version < 2 || u->version > 5 || !u->range || !u->first_special || (unsigned long)(c.end - c.p) < u->first_special)
		u->program.p = u->program.end;
	return true;
}

static void standard_operation(const struct unit *u, struct cursor *c, unsigned op, struct row *row)
{
	switch (op) {
	case ADVANCE_PC:
		row->address += cursor_uleb(c) * u->step;
		break;
	case ADVANCE_LINE:
		row->line += (uint32_t)cursor_sleb(c);
		break;
	case SET_FILE:
		row->file = cursor_uleb(c);
		break;
	case CONST_ADD_PC:
		row->address += (255 - u->first_special) / u->range * u->step;
		break;
	case FIXED_ADVANCE_PC:
		row->address += cursor_number(c, 2);
		break;
	default:
		for (unsigned i = u->lengths[op - 1]; i; i--)
			cursor_uleb(c);
	}
}

/* Run until there is a row (true; *ends: it is none, but the end of its sequence), or to the end of the program. */
static bool next_row(const struct unit *u, struct cursor *c, struct row *row, bool *ends)
{
	while (c->p < c->end) {
		unsigned op = (unsigned)cursor_number(c, 1);

		*ends = false;
		if (op >= u->first_special) {
			row->address += (op - u->first_special) / u->range * u->step;
			row->line += (uint32_t)(u->base + (int)((op - u->first_special) % u->range));
			return true;
		}
		if (op == COPY)
			return true;
		if (op) {
			standard_operation(u, c, op, row);
			continue;
		}
		uint64_t size = cursor_uleb(c);
		struct cursor extended = cursor_part(c, 0, size);

		op = (unsigned)cursor_number(&extended, 1);
		c->p = extended.end;
		*ends = op == END_SEQUENCE;
		if (*ends)
			return true;
		if (op == SET_ADDRESS)
			row->address = cursor_number(&extended, (unsigned)(extended.end - extended.p));
	}
	return false;
}

void lines_index(const struct dwarf *s, struct textbuf *index)
{
	struct unit u;

	for (uint64_t at = 0, next; unit_open(s, at, &u, &next); at = next) {
		struct row row = {.line = 1, .file = 1};
		struct covered c = {.unit = at};
		bool ends = true, began = true;

		while (next_row(&u, &u.program, &row, &ends)) {
			if (began)
				c.low = row.address;
			began = ends;
			if (!ends)
				continue;
			c.high = row.address;
			if (c.low)  /* the linker puts functions that it removes to 0 */
				text_bytes(index, &c, sizeof(c));
			row = (struct row){.line = 1, .file = 1};
		}
	}
}

/* A table of DWARF 5 at *c, which moves behind it: the path of entry `wanted`; its directory is returned. */
static uint64_t read_table(const struct dwarf *s, const struct unit *u, struct cursor *c, uint64_t wanted,
			   const char **path)
{
	unsigned fields = (unsigned)cursor_number(c, 1);
	struct cursor formats = *c;
	uint64_t directory = 0;

	for (unsigned i = 0; i < 2 * fields; i++)
		cursor_uleb(c);
	for (uint64_t i = 0, count = cursor_uleb(c); fields && i < count && c->p < c->end; i++) {
		const uint8_t *before = c->p;
		struct cursor f = formats;

		for (unsigned k = 0; k < fields; k++) {
			uint64_t content = cursor_uleb(&f), form = cursor_uleb(&f), number = form_read(c, form, u->wide, 8);
			const char *text = form_text(s, form, number);

			if (i == wanted && content == CONTENT_PATH && text)
				*path = text;
			else if (i == wanted && content == CONTENT_DIRECTORY)
				directory = number;
		}
		if (c->p == before)
			break;
	}
	return directory;
}

/* The tables before DWARF 5: strings, counted from 1, and an empty one at the end. */
static void old_tables(const struct unit *u, uint64_t wanted, struct source *out)
{
	struct cursor c = u->tables, dirs = c;
	uint64_t directory = 0;
	const char *text;

	while (*cursor_string(&c))
		;
	for (uint64_t i = 1; *(text = cursor_string(&c)); i++) {
		uint64_t dir = cursor_uleb(&c);

		cursor_uleb(&c);  /* time */
		cursor_uleb(&c);  /* size */
		if (i == wanted) {
			out->file = text;
			directory = dir;
			break;
		}
	}
	for (uint64_t i = 1; i <= directory && *(text = cursor_string(&dirs)); i++)
		if (i == directory)
			out->dir = text;
}

void lines_file(const struct dwarf *s, uint64_t number, struct source *out)
{
	uint64_t directory, next;
	struct cursor c;
	struct unit u;

	out->base = out->dir = out->file = "";
	if (!unit_open(s, out->unit, &u, &next))
		return;
	if (u.version < 5) {
		old_tables(&u, number, out);
		return;
	}
	c = u.tables;
	read_table(s, &u, &c, 0, &out->base);
	directory = read_table(s, &u, &c, number, &out->file);
	c = u.tables;
	if (directory)
		read_table(s, &u, &c, directory, &out->dir);
}

bool lines_find(const struct dwarf *s, const struct textbuf *index, uint64_t address, struct source *out)
{
	const struct covered *c = (const struct covered *)(const void *)index->data;

	for (size_t i = 0; i < index->len / sizeof(*c); i++) {
		struct row row = {.line = 1, .file = 1}, last = {.address = UINT64_MAX};
		uint64_t next;
		struct unit u;
		bool ends;

		if (address < c[i].low || address >= c[i].high || !unit_open(s, c[i].unit, &u, &next))
			continue;
		while (next_row(&u, &u.program, &row, &ends)) {
			if (last.address <= address && address < row.address) {
				out->unit = c[i].unit;
				out->line = last.line;
				lines_file(s, last.file, out);
				return *out->file;
			}
			last = row;
			if (ends) {
				last.address = UINT64_MAX;
				row = (struct row){.line = 1, .file = 1};
			}
		}
	}
	return false;
}
