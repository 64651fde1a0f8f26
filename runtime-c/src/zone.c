/* zone.c - calendar time, see zone.h.
 *
 * Small, in place of the C library's: a zone is looked up in the file of the zone (RFC 9636; 64-bit part) or in a POSIX
 * rule, which also is what a file ends with for the times after its last change.  The file is mapped once; its contents
 * are not trusted.  Names longer than seven characters are cut. */
#include "zone.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define DAY 86400
#define HEADER 44
#define FILE_MAX (1 << 20)

/* ---- calendar ---- */

/* Years are counted from March, so that the leap day is the last: 400 years have 146097 days. */
int64_t zone_days(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void calendar(struct zone_time *t)
{
	int64_t local = t->seconds + t->offset, days = local / DAY - (local % DAY < 0), rest = local - days * DAY;
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), march = (5 * of_year + 2) / 153;

	t->day = (int)(of_year - (153 * march + 2) / 5 + 1);
	t->month = (int)(march < 10 ? march + 3 : march - 9);
	t->year = year + era * 400 + (t->month <= 2);
	t->hour = (int)(rest / 3600);
	t->minute = (int)(rest / 60 % 60);
	t->second = (int)(rest % 60);
	t->weekday = (int)(((days + 4) % 7 + 7) % 7);
	t->yearday = (int)(days - zone_days(t->year, 1, 1));
}

void zone_utc(int64_t seconds, struct zone_time *out)
{
	*out = (struct zone_time){ .seconds = seconds, .zone = "UTC" };
	calendar(out);
}

/* ---- POSIX rules ---- */

static int number(const char **p)
{
	int n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		n = n < 100000 ? n * 10 + **p - '0' : n;
	return n;
}

/* [+-]hh[:mm[:ss]] */
static int32_t duration(const char **p)
{
	int sign = **p == '-' ? -1 : 1, value, unit = 3600;

	*p += **p == '-' || **p == '+';
	value = number(p) * unit;
	while (**p == ':' && unit > 1) {
		++*p;
		value += number(p) * (unit /= 60);
	}
	return sign * value;
}

static bool is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* Letters, or anything in angle brackets. */
static bool zone_name(const char **p, char *name)
{
	bool quoted = **p == '<';
	size_t n = 0;

	memset(name, 0, ZONE_NAME);
	for (*p += quoted; **p && (quoted ? **p != '>' : is_letter(**p)); ++*p)
		if (n < ZONE_NAME - 1)
			name[n++] = **p;
	*p += quoted && **p;
	return n > 0;
}

/* Seconds from the start of the year (local time) to what ",M3.5.0/2" or ",J60" or ",59" says. */
static int64_t change(const char **p, int64_t year)
{
	int64_t start = zone_days(year, 1, 1), days;
	bool leap = zone_days(year, 3, 1) - start == 60, julian;
	int month, week, weekday;

	*p += **p == ',';
	if (**p == 'M') {
		++*p;
		month = number(p);
		*p += **p == '.';
		week = number(p);
		*p += **p == '.';
		weekday = number(p);
		days = zone_days(year, month, 1);
		days += ((weekday - days - 4) % 7 + 7) % 7 + 7 * (week - 1);
		if (days >= (month == 12 ? zone_days(year + 1, 1, 1) : zone_days(year, month + 1, 1)))
			days -= 7;
		days -= start;
	} else {
		julian = **p == 'J';
		*p += julian;
		days = number(p);
		if (julian && (days < 60 || !leap))
			days--;
	}
	if (**p != '/')
		return days * DAY + 2 * 3600;
	++*p;
	return days * DAY + duration(p);
}

bool zone_rule(const char *p, int64_t seconds, struct zone_offset *out)
{
	struct zone_offset summer;
	struct zone_time now;
	int64_t start, end, at;
	bool is_summer;

	if (!zone_name(&p, out->name) || (!*p || is_letter(*p)))
		return false;
	out->offset = -duration(&p);
	if (!*p || !zone_name(&p, summer.name))
		return true;
	summer.offset = *p && *p != ',' ? -duration(&p) : out->offset + 3600;
	if (!*p)
		p = ",M3.2.0,M11.1.0";
	zone_utc(seconds + out->offset, &now);
	start = change(&p, now.year) - out->offset;
	end = change(&p, now.year) - summer.offset;
	at = seconds - zone_days(now.year, 1, 1) * DAY;
	is_summer = start < end ? at >= start && at < end : at >= start || at < end;
	if (is_summer)
		*out = summer;
	return true;
}

/* ---- zone files ---- */

static uint64_t big_endian(const uint8_t *p, int size)
{
	uint64_t v = 0;

	while (size--)
		v = v << 8 | *p++;
	return v;
}

/* The counts of a header: UTC flags, standard flags, leap seconds, changes, types, bytes of names. */
struct tables {
	uint64_t utc, standard, leaps, changes, types, names;
};

/* Bytes of a header and what follows it, 0 if it does not fit. */
static size_t tables_read(const uint8_t *data, size_t size, int word, struct tables *t)
{
	uint64_t *counts = &t->utc, total;

	if (size < HEADER || memcmp(data, "TZif", 4))
		return 0;
	for (int i = 0; i < 6; i++)
		counts[i] = big_endian(data + 20 + 4 * i, 4);
	total = HEADER + t->changes * (uint64_t)(word + 1) + t->types * 6 + t->names + t->leaps * (uint64_t)(word + 4) +
		t->standard + t->utc;
	return total <= size ? total : 0;
}

static bool type_read(const uint8_t *types, const struct tables *t, uint64_t index, struct zone_offset *out)
{
	const uint8_t *type = types + index * 6, *names = types + t->types * 6;

	if (index >= t->types || type[5] >= t->names)
		return false;
	memset(out->name, 0, ZONE_NAME);
	out->offset = (int32_t)big_endian(type, 4);
	for (uint64_t i = 0; i < ZONE_NAME - 1 && type[5] + i < t->names && names[type[5] + i]; i++)
		out->name[i] = (char)names[type[5] + i];
	return true;
}

bool zone_file(const uint8_t *data, size_t size, int64_t seconds, struct zone_offset *out)
{
	const uint8_t *times, *types;
	struct tables t;
	size_t used = tables_read(data, size, 4, &t);
	uint64_t n = 0;
	char rule[64];

	if (!used || data[4] < '2')
		return false;
	data += used;
	size -= used;
	used = tables_read(data, size, 8, &t);
	if (!used)
		return false;
	times = data + HEADER;
	types = times + t.changes * 9;
	while (n < t.changes && (int64_t)big_endian(times + 8 * n, 8) <= seconds)
		n++;
	if (n == t.changes && size - used > 2) {
		size_t length = strnlen((const char *)data + used + 1, size - used - 1);

		length = length < sizeof(rule) ? length : sizeof(rule) - 1;
		memcpy(rule, data + used + 1, length);
		rule[length] = '\0';
		rule[strcspn(rule, "\n")] = '\0';
		if (zone_rule(rule, seconds, out))
			return true;
	}
	return type_read(types, &t, n ? times[8 * t.changes + n - 1] : 0, out);
}

/* ---- this host's zone ---- */

static const uint8_t *file_map(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= FILE_MAX) {
		*size = (size_t)st.st_size;
		data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return data == MAP_FAILED ? NULL : data;
}

/* $TZ: nothing (UTC), [:]name of a file, or a rule. */
static const uint8_t *zone_open(const char *name, size_t *size)
{
	const uint8_t *data;
	char path[256];

	if (!name)
		return file_map("/etc/localtime", size);
	name += *name == ':';
	if (*name == '/')
		return file_map(name, size);
	str_printf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	data = *name ? file_map(path, size) : NULL;
	return data;
}

void zone_local(int64_t seconds, struct zone_time *out)
{
	static const uint8_t *data;
	static size_t size;
	static bool opened;
	const char *name = getenv("TZ");
	struct zone_offset found;

	if (!opened) {
		opened = true;
		data = zone_open(name, &size);
	}
	zone_utc(seconds, out);
	if (data ? !zone_file(data, size, seconds, &found) : !name || !zone_rule(name, seconds, &found))
		return;
	out->offset = found.offset;
	memcpy(out->zone, found.name, ZONE_NAME);
	calendar(out);
}
