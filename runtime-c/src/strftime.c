/* strftime.c - a time as text: the conversions of glibc's strftime(3) in the C locale.
 *
 * Compound conversions are formats themselves.  What is no conversion stays as it is, as glibc leaves it. */
#include "output_internal.h"
#include "zone.h"

static const char days[] = "Sunday\0   Monday\0   Tuesday\0  Wednesday\0Thursday\0 Friday\0   Saturday";
static const char months[] = "January\0  February\0 March\0    April\0    May\0      June\0     July\0     August\0   "
			     "September\0October\0  November\0 December";
#define NAME 10

static void put_padded(struct textbuf *b, int64_t value, unsigned int width, char fill)
{
	size_t start = b->len;

	text_i64(b, value);
	text_pad(b, start, width, fill, 0);
}

static int iso_weeks(int64_t year)
{
	int64_t first = zone_days(year, 1, 4), next = zone_days(year + 1, 1, 4);

	return (int)((next - (next + 3) % 7 - (first - (first + 3) % 7)) / 7);
}

/* The week of ISO 8601, and the year that it belongs to. */
static int iso_week(const struct zone_time *t, int64_t *year)
{
	int week = (t->yearday - (t->weekday + 6) % 7 + 10) / 7;

	*year = t->year;
	if (week < 1)
		return iso_weeks(--*year);
	if (week > iso_weeks(*year)) {
		++*year;
		return 1;
	}
	return week;
}

static void put_offset(struct textbuf *b, int32_t offset)
{
	text_char(b, offset < 0 ? '-' : '+');
	offset = (offset < 0 ? -offset : offset) / 60;
	put_padded(b, offset / 60 * 100 + offset % 60, 4, '0');
}

static const char *compound(char conversion)
{
	switch (conversion) {
	case 'c':
		return "%a %b %e %H:%M:%S %Y";
	case 'D':
	case 'x':
		return "%m/%d/%y";
	case 'F':
		return "%Y-%m-%d";
	case 'r':
		return "%I:%M:%S %p";
	case 'R':
		return "%H:%M";
	case 'T':
	case 'X':
		return "%H:%M:%S";
	default:
		return NULL;
	}
}

/* Conversions that are a number of two digits; -1: another one.  'e', 'k' and 'l' are padded with spaces. */
static int two_digits(const struct zone_time *t, char conversion)
{
	int64_t year;

	switch (conversion) {
	case 'C':
		return (int)(t->year / 100);
	case 'd':
	case 'e':
		return t->day;
	case 'g':
		iso_week(t, &year);
		return (int)(year % 100);
	case 'H':
	case 'k':
		return t->hour;
	case 'I':
	case 'l':
		return (t->hour + 11) % 12 + 1;
	case 'm':
		return t->month;
	case 'M':
		return t->minute;
	case 'S':
		return t->second;
	case 'U':
		return (t->yearday + 7 - t->weekday) / 7;
	case 'V':
		return iso_week(t, &year);
	case 'W':
		return (t->yearday + 7 - (t->weekday + 6) % 7) / 7;
	case 'y':
		return (int)(t->year % 100);
	default:
		return -1;
	}
}

static bool put_conversion(struct textbuf *b, const struct zone_time *t, char conversion)
{
	const char *inner = compound(conversion), *name;
	int two = two_digits(t, conversion);
	int64_t year;

	if (inner) {
		strftime_text(b, inner, t);
		return true;
	}
	if (two >= 0) {
		put_padded(b, two, 2, strchr("ekl", conversion) ? ' ' : '0');
		return true;
	}
	switch (conversion) {
	case 'a':
	case 'A':
		name = days + t->weekday * NAME;
		text_bytes(b, name, conversion == 'a' ? 3 : strnlen(name, NAME));
		break;
	case 'b':
	case 'h':
	case 'B':
		name = months + (t->month - 1) * NAME;
		text_bytes(b, name, conversion != 'B' ? 3 : strnlen(name, NAME));
		break;
	case 'G':
		iso_week(t, &year);
		text_i64(b, year);
		break;
	case 'j':
		put_padded(b, t->yearday + 1, 3, '0');
		break;
	case 'n':
		text_char(b, '\n');
		break;
	case 'p':
		text_str(b, t->hour < 12 ? "AM" : "PM");
		break;
	case 'P':
		text_str(b, t->hour < 12 ? "am" : "pm");
		break;
	case 's':
		text_i64(b, t->seconds);
		break;
	case 't':
		text_char(b, '\t');
		break;
	case 'u':
		text_i64(b, (t->weekday + 6) % 7 + 1);
		break;
	case 'w':
		text_i64(b, t->weekday);
		break;
	case 'Y':
		text_i64(b, t->year);
		break;
	case 'z':
		put_offset(b, t->offset);
		break;
	case 'Z':
		text_str(b, t->zone);
		break;
	case '%':
		text_char(b, '%');
		break;
	default:
		return false;
	}
	return true;
}

void strftime_text(struct textbuf *b, const char *fmt, const struct zone_time *t)
{
	for (const char *p = fmt; *p; p++) {
		const char *conversion = p + 1;

		if (*p != '%') {
			text_char(b, *p);
			continue;
		}
		conversion += *conversion == 'E' || *conversion == 'O';
		if (*conversion && put_conversion(b, t, *conversion))
			p = conversion;
		else
			text_char(b, '%');
	}
}
