/* inlined.c - the calls at an address that the compiler put in the place of the call, from .debug_info (DWARF 2 to 5).
 *
 * The section is a list of units, each a tree of entries whose attributes a table of abbreviations describes.  An inlined
 * call is an entry with the addresses of its code, inside that of the function that it was put in.  Trees are read from
 * their first byte to the last, as entries cannot be found otherwise; what has a known end and does not hold the address is
 * left out.  Units are found by the line program that they name.  Nothing in the bytes is trusted. */
#include "inlined.h"

#include <string.h>

#define ATTRIBUTES_MAX 256
#define REFERENCES_MAX 8

enum { TAG_COMPILE_UNIT = 0x11, TAG_INLINED = 0x1d };
enum {
	AT_SIBLING = 0x01, AT_NAME = 0x03, AT_STMT_LIST = 0x10, AT_LOW_PC, AT_HIGH_PC, AT_COMP_DIR = 0x1b, AT_ABSTRACT_ORIGIN = 0x31,
	AT_SPECIFICATION = 0x47, AT_RANGES = 0x55, AT_CALL_FILE = 0x58, AT_CALL_LINE, AT_LINKAGE_NAME = 0x6e, AT_STR_OFFSETS_BASE = 0x72, AT_ADDR_BASE,
	AT_RNGLISTS_BASE, AT_LIMIT, AT_MIPS_LINKAGE_NAME = 0x2007
};
enum { UNIT_TYPE = 2, UNIT_PARTIAL = 3 };
/* Entries of .debug_rnglists. */
enum { RLE_END, RLE_BASE_ADDRESSX, RLE_STARTX_ENDX, RLE_STARTX_LENGTH, RLE_OFFSET_PAIR, RLE_BASE_ADDRESS, RLE_START_END };

/* What an entry says; form 0: it does not say that. */
struct entry {
	uint64_t tag, value[AT_LIMIT];
	uint8_t form[AT_LIMIT];
};

struct unit {
	const struct dwarf *d;
	uint64_t start, next;           /* in .debug_info */
	struct cursor bytes, entries;   /* all of it; what follows the root */
	unsigned wide, version, address_size;
	struct cursor abbreviations;    /* those that are not in `known` yet */
	struct textbuf known;           /* places of abbreviations 1, 2, ... */
	struct entry root;
};

struct line_unit {
	uint64_t line, info;
	const char *directory;
};

/* Compilers number abbreviations from 1. */
static struct cursor abbreviation(struct unit *u, uint64_t code)
{
	struct cursor *a = &u->abbreviations, found = {0};
	uint64_t name, form;

	while (u->known.len / sizeof(a->p) < code && cursor_uleb(a)) {
		text_bytes(&u->known, &a->p, sizeof(a->p));
		cursor_uleb(a);
		cursor_skip(a, 1);
		do {
			name = cursor_uleb(a);
			form = cursor_uleb(a);
			if (form == FORM_IMPLICIT)
				cursor_uleb(a);
		} while (name || form);
	}
	if (code && code <= u->known.len / sizeof(a->p)) {
		memcpy(&found.p, u->known.data + (code - 1) * sizeof(a->p), sizeof(a->p));
		found.end = a->end;
	}
	return found;
}

/* Tag 0: the end of a list of entries. */
static void read_entry(struct unit *u, struct cursor *c, struct entry *e)
{
	struct cursor a = abbreviation(u, cursor_uleb(c));
	uint64_t name, form, value;

	memset(e, 0, sizeof(*e));
	e->tag = cursor_uleb(&a);
	cursor_skip(&a, 1);  /* whether others stand below it: the end of their list tells */
	for (unsigned i = 0; i < ATTRIBUTES_MAX; i++) {
		name = cursor_uleb(&a);
		form = cursor_uleb(&a);
		if (!form)
			break;
		value = form == FORM_IMPLICIT ? cursor_uleb(&a) : form_read(c, form, u->wide, u->address_size);
		if (name == AT_MIPS_LINKAGE_NAME)
			name = AT_LINKAGE_NAME;
		if (name < AT_LIMIT) {
			e->form[name] = (uint8_t)form;
			e->value[name] = value;
		}
	}
}

static bool unit_open(const struct dwarf *d, uint64_t at, struct unit *u)
{
	struct cursor c = cursor_part(&d->info, at, UINT64_MAX);
	uint64_t size, type = 0;

	u->d = d;
	u->start = at;
	u->bytes = c;
	u->known.len = 0;
	size = dwarf_length(&c, &u->wide);
	if (!size || size > (uint64_t)(c.end - c.p))
		return false;
	u->bytes.end = c.end = c.p + size;
	u->next = (uint64_t)(c.end - d->info.p);
	u->version = (unsigned)cursor_number(&c, 2);
	if (u->version >= 5) {
		type = cursor_number(&c, 1);
		u->address_size = (unsigned)cursor_number(&c, 1);
	}
	u->abbreviations = cursor_part(&d->abbrev, cursor_number(&c, u->wide), UINT64_MAX);
	if (u->version < 5)
		u->address_size = (unsigned)cursor_number(&c, 1);
	if (type == UNIT_TYPE || u->version > 5)
		c.p = c.end;
	read_entry(u, &c, &u->root);
	u->entries = c;
	return true;
}

/* Word `number` of a table that begins at what the root says of `base`. */
static uint64_t indexed(const struct unit *u, const struct cursor *table, unsigned base, uint64_t number, unsigned size)
{
	struct cursor c = cursor_part(table, u->root.value[base] + number * size, size);

	return cursor_number(&c, size);
}

static const char *text_of(const struct unit *u, const struct entry *e, unsigned name)
{
	uint64_t form = e->form[name], number = e->value[name];

	if (form == FORM_STRX || (form >= FORM_STRX1 && form <= FORM_STRX4)) {
		number = indexed(u, &u->d->str_offsets, AT_STR_OFFSETS_BASE, number, u->wide);
		form = FORM_STRP;
	}
	return form_text(u->d, form, number);
}

static uint64_t address_at(const struct unit *u, uint64_t number)
{
	return indexed(u, &u->d->addr, AT_ADDR_BASE, number, u->address_size);
}

/* An attribute that is an address, or, like the end of code, a number to add to `base`. */
static uint64_t address_of(const struct unit *u, const struct entry *e, unsigned name, uint64_t base)
{
	uint64_t form = e->form[name];

	if (form == FORM_ADDRX || (form >= FORM_ADDRX1 && form <= FORM_ADDRX4))
		return address_at(u, e->value[name]);
	return e->value[name] + (form == FORM_ADDR ? 0 : base);
}

/* An entry of .debug_ranges: false at the end of the list. */
static bool old_range(const struct unit *u, struct cursor *c, uint64_t *base, uint64_t *low, uint64_t *high)
{
	*low = cursor_number(c, u->address_size);
	*high = cursor_number(c, u->address_size);
	if (!*low && !*high)
		return false;
	if (*low == UINT64_MAX >> (64 - 8 * u->address_size)) {
		*base = *high;
		*low = *high = 0;
	} else {
		*low += *base;
		*high += *base;
	}
	return true;
}

/* An entry of .debug_rnglists. */
static bool new_range(const struct unit *u, struct cursor *c, uint64_t *base, uint64_t *low, uint64_t *high)
{
	uint64_t kind = cursor_number(c, 1);

	*low = *high = 0;
	if (kind == RLE_BASE_ADDRESSX)
		*base = address_at(u, cursor_uleb(c));
	else if (kind == RLE_BASE_ADDRESS)
		*base = cursor_number(c, u->address_size);
	else if (kind > RLE_BASE_ADDRESS)
		*low = cursor_number(c, u->address_size);
	else if (kind == RLE_OFFSET_PAIR)
		*low = *base + cursor_uleb(c);
	else if (kind)
		*low = address_at(u, cursor_uleb(c));
	if (kind == RLE_STARTX_ENDX)
		*high = address_at(u, cursor_uleb(c));
	else if (kind == RLE_OFFSET_PAIR)
		*high = *base + cursor_uleb(c);
	else if (kind == RLE_START_END)
		*high = cursor_number(c, u->address_size);
	else if (kind == RLE_STARTX_LENGTH || kind > RLE_START_END)
		*high = *low + cursor_uleb(c);
	return kind != RLE_END;
}

static bool in_ranges(const struct unit *u, const struct entry *e, uint64_t address)
{
	uint64_t offset = e->value[AT_RANGES], base = address_of(u, &u->root, AT_LOW_PC, 0), low, high;
	bool old = u->version < 5;
	struct cursor c;

	if (e->form[AT_RANGES] == FORM_RNGLISTX)
		offset = u->root.value[AT_RNGLISTS_BASE] + indexed(u, &u->d->rnglists, AT_RNGLISTS_BASE, offset, u->wide);
	c = cursor_part(old ? &u->d->ranges : &u->d->rnglists, offset, UINT64_MAX);
	while (c.p < c.end && (old ? old_range : new_range)(u, &c, &base, &low, &high))
		if (address - low < high - low)
			return true;
	return false;
}

/* Code that the linker has left out is at 0. */
static bool holds(const struct unit *u, const struct entry *e, uint64_t address)
{
	uint64_t low = address_of(u, e, AT_LOW_PC, 0);

	if (e->form[AT_RANGES])
		return in_ranges(u, e, address);
	return low && low <= address && address < address_of(u, e, AT_HIGH_PC, low);
}

/* Open the unit that has the entry at `offset` of .debug_info. */
static bool unit_around(const struct dwarf *d, uint64_t offset, struct unit *u)
{
	for (uint64_t at = 0; unit_open(d, at, u); at = u->next)
		if (offset < u->next)
			return true;
	return false;
}

/* What an entry refers to has its name, or refers to what has it.  `u` and `e` are changed. */
static const char *name_of(struct unit *u, struct entry *e)
{
	const char *name = "?";
	struct cursor c;

	for (unsigned i = 0; i < REFERENCES_MAX; i++) {
		unsigned next = e->form[AT_ABSTRACT_ORIGIN] ? AT_ABSTRACT_ORIGIN : AT_SPECIFICATION;
		uint64_t form = e->form[next], offset = e->value[next];

		if (text_of(u, e, AT_LINKAGE_NAME))
			return text_of(u, e, AT_LINKAGE_NAME);
		if (text_of(u, e, AT_NAME))
			name = text_of(u, e, AT_NAME);
		if (form == FORM_REF_ADDR && (offset < u->start || offset >= u->next)) {
			if (!unit_around(u->d, offset, u))
				break;
		} else if (form > FORM_REF_ADDR && form <= FORM_REF_UDATA) {
			offset += u->start;
		} else if (form != FORM_REF_ADDR) {
			break;
		}
		c = cursor_part(&u->bytes, offset - u->start, UINT64_MAX);
		read_entry(u, &c, e);
	}
	return name;
}

void inlined_index(const struct dwarf *d, struct textbuf *index)
{
	struct unit u = {0};

	for (uint64_t at = 0; unit_open(d, at, &u); at = u.next) {
		struct line_unit l = {u.root.value[AT_STMT_LIST], at, text_of(&u, &u.root, AT_COMP_DIR)};

		if (u.root.tag == TAG_COMPILE_UNIT && u.root.form[AT_STMT_LIST])
			text_bytes(index, &l, sizeof(l));
	}
	text_free(&u.known);
}

/* `other` is for entries in other units. */
static unsigned search(struct unit *u, struct unit *other, uint64_t address, struct inlined *out)
{
	struct cursor c = u->entries, beyond;
	unsigned count = 0;
	struct entry e;

	while (c.p < c.end && count < INLINED_MAX) {
		read_entry(u, &c, &e);
		if (holds(u, &e, address)) {
			if (e.tag != TAG_INLINED)
				continue;
			out[count].call.unit = u->root.value[AT_STMT_LIST];
			out[count].call.line = (uint32_t)e.value[AT_CALL_LINE];
			lines_file(u->d, e.value[AT_CALL_FILE], &out[count].call);
			unit_open(u->d, u->start, other);
			out[count++].name = name_of(other, &e);
		} else if (e.form[AT_SIBLING] && (e.form[AT_LOW_PC] || e.form[AT_RANGES])) {
			beyond = cursor_part(&u->bytes, e.value[AT_SIBLING], UINT64_MAX);
			if (beyond.p > c.p)
				c = beyond;
		}
	}
	return count;
}

unsigned inlined_find(const struct dwarf *d, const struct textbuf *index, uint64_t address, struct source *line, struct inlined *out)
{
	const struct line_unit *l = (const struct line_unit *)(const void *)index->data, *end = l + index->len / sizeof(*l);
	struct unit u = {0}, other = {0};
	unsigned count = 0;

	for (; l < end; l++) {
		if (l->line != line->unit || !unit_open(d, l->info, &u))
			continue;
		count = search(&u, &other, address, out);
		for (unsigned i = 0; i <= count && l->directory; i++) {
			struct source *place = i < count ? &out[i].call : line;

			if (!*place->base)
				place->base = l->directory;
		}
		break;
	}
	text_free(&u.known);
	text_free(&other.known);
	return count;
}
