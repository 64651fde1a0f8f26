/* Local times of zones: POSIX rules and a zone file made here; expected values are those of date(1). */
#include <stdlib.h>

#include "mock.h"
#include "zone.h"

static const char *format(const char *fmt, const struct zone_time *t)
{
	static struct textbuf b;

	b.len = 0;
	strftime_text(&b, fmt, t);
	text_char(&b, '\0');
	return b.data;
}

/* Offset and name of a rule at a time. */
static const char *rule_at(const char *rule, int64_t seconds)
{
	static char text[32];
	struct zone_offset found;

	if (!zone_rule(rule, seconds, &found))
		return "refused";
	str_printf(text, sizeof(text), "%d %s", found.offset, found.name);
	return text;
}

static void test_rules(void)
{
	static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3", sydney[] = "AEST-10AEDT,M10.1.0,M4.1.0/3";

	EXPECT(rule_at("UTC0", 0), "0 UTC");
	EXPECT(rule_at("EST5", 0), "-18000 EST");
	EXPECT(rule_at("<+0330>-3:30", 0), "12600 +0330");
	EXPECT(rule_at(berlin, 1711846799), "3600 CET");    /* 2024-03-31 00:59:59 UTC */
	EXPECT(rule_at(berlin, 1711846800), "7200 CEST");
	EXPECT(rule_at(berlin, 1729990799), "7200 CEST");   /* 2024-10-27 00:59:59 UTC */
	EXPECT(rule_at(berlin, 1729990800), "3600 CET");
	EXPECT(rule_at(sydney, 1704067200), "39600 AEDT");  /* January is summer */
	EXPECT(rule_at(sydney, 1719792000), "36000 AEST");
	EXPECT(rule_at("PST8PDT,J60/1,J300", 1709283599), "-28800 PST");  /* 2024-03-01 08:59:59 UTC: the day is 1 March */
	EXPECT(rule_at("PST8PDT,J60/1,J300", 1709283600), "-25200 PDT");
	EXPECT(rule_at("", 0), "refused");
	EXPECT(rule_at("CET", 0), "refused");
	EXPECT(rule_at("<X", 0), "refused");
}

static void test_calendar(void)
{
	struct zone_time t;

	zone_utc(0, &t);
	EXPECT(format("%a %A %b %B %d %e %j %u %w %y", &t), "Thu Thursday Jan January 01  1 001 4 4 70");
	EXPECT(format("%c|%D|%F|%R|%T|%r", &t), "Thu Jan  1 00:00:00 1970|01/01/70|1970-01-01|00:00|00:00:00|12:00:00 AM");
	zone_utc(1704067199, &t);  /* 2023-12-31 23:59:59, a Sunday */
	EXPECT(format("%G %V %g %U %W %C %s %z %Z", &t), "2023 52 23 53 52 20 1704067199 +0000 UTC");
	EXPECT(format("%H|%I|%k|%l|%p|%P|%n%t%%", &t), "23|11|23|11|PM|pm|\n\t%");
	zone_utc(1609459200, &t);  /* 2021-01-01, week 53 of 2020 */
	EXPECT(format("%G-%V %k%l", &t), "2020-53  012");
	zone_utc(1709164800, &t);
	EXPECT(format("%F %j", &t), "2024-02-29 060");
	zone_utc(-1, &t);
	EXPECT(format("%F %T %A", &t), "1969-12-31 23:59:59 Wednesday");
	EXPECT(format("%Q %Ey %", &t), "%Q 69 %");
}

/* A file with one change, from LMT (+1800) to ABC (+7200) at 1000, and then a rule. */
static const uint8_t file[] =
	"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0\10"
	"\0\0\0\0\0\0\3\350\0\0\0\0\0\0\7\320" "\1\0" "\0\0\7\10\0\0" "\0\0\34\40\0\4" "LMT\0ABC\0" "\nEST5\n";

static const char *file_at(int64_t seconds, size_t size)
{
	static char text[32];
	struct zone_offset found;

	if (!zone_file(file, size, seconds, &found))
		return "refused";
	str_printf(text, sizeof(text), "%d %s", found.offset, found.name);
	return text;
}

static void test_file(void)
{
	EXPECT(file_at(999, sizeof(file) - 1), "1800 LMT");
	EXPECT(file_at(1000, sizeof(file) - 1), "7200 ABC");
	EXPECT(file_at(1999, sizeof(file) - 1), "7200 ABC");
	EXPECT(file_at(2000, sizeof(file) - 1), "-18000 EST");
	EXPECT(file_at(2000, sizeof(file) - 7), "1800 LMT");
	for (size_t size = 0; size < sizeof(file) - 7; size++)
		EXPECT(file_at(1000, size), "refused");
}

int main(void)
{
	struct zone_time t;

	test_rules();
	test_calendar();
	test_file();
	setenv("TZ", "NST3:30", 1);
	zone_local(0, &t);
	EXPECT(format("%F %T %z %Z", &t), "1969-12-31 20:30:00 -0330 NST");
	return mock_failures ? 1 : 0;
}
