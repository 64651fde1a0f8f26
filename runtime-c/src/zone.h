/* zone.h - calendar time: UTC and the local zone. */
#ifndef BTAOT_ZONE_H
#define BTAOT_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_NAME 8

struct zone_time {
	int64_t seconds;        /* since 1970 */
	int64_t year;
	int month, day;         /* from 1 */
	int hour, minute, second;
	int weekday, yearday;   /* from 0, Sunday first */
	int32_t offset;         /* seconds east of Greenwich */
	char zone[ZONE_NAME];
};

/* Days from 1970-01-01 to a date. */
int64_t zone_days(int64_t year, int month, int day);
void zone_utc(int64_t seconds, struct zone_time *out);
/* The zone is that of $TZ, else of /etc/localtime, else UTC. */
void zone_local(int64_t seconds, struct zone_time *out);

/* For zone.c alone, visible for tests: rules of POSIX ("CET-1CEST,M3.5.0,M10.5.0/3") and contents of zone files (TZif). */
struct zone_offset {
	int32_t offset;
	char name[ZONE_NAME];
};

bool zone_rule(const char *rule, int64_t seconds, struct zone_offset *out);
bool zone_file(const uint8_t *data, size_t size, int64_t seconds, struct zone_offset *out);

#endif
