/* clock.c - time() and strftime().
 *
 * Role: times of the kernel's clocks to text.  strftime() knows three conversions of bpftrace: %f microseconds,
 * %l milliseconds, %k nanoseconds.  Times come from the kernel as nanoseconds of a clock; bpftrace takes the TAI
 * clock for the real one, and so do we.  The difference of two clocks is measured between two readings of one. */
#include <time.h>

#include "output_internal.h"
#include "zone.h"

#define NS_PER_SEC 1000000000ull

/* CLOCK_REALTIME minus another clock: the tightest of three tries. */
static int64_t clock_difference(int clock)
{
	uint64_t best = UINT64_MAX;
	int64_t diff = 0;

	for (int i = 0; i < 3; i++) {
		uint64_t before = now_ns(clock), real = now_ns(CLOCK_REALTIME), after = now_ns(clock);

		if (after - before < best) {
			best = after - before;
			diff = (int64_t)(real - (before + (after - before) / 2));
		}
	}
	return diff;
}

uint64_t clock_to_real(struct output *o, uint64_t ns, uint32_t clock)
{
	switch (clock) {
	case BTAOT_CLOCK_KIND_BOOT:
		if (!o->boot_to_real)
			o->boot_to_real = clock_difference(CLOCK_BOOTTIME);
		return ns + (uint64_t)o->boot_to_real;
	case BTAOT_CLOCK_KIND_MONOTONIC:
		return ns + (uint64_t)clock_difference(CLOCK_MONOTONIC);
	default:
		return ns;
	}
}

/* Replace %f, %l and %k by digits; what strftime_text() is to see of the format stays. */
static void expand_fraction(struct textbuf *b, const char *fmt, uint64_t ns)
{
	for (const char *p = fmt; *p; p++) {
		if (*p != '%' || !p[1]) {
			text_char(b, *p);
			continue;
		}
		p++;
		if (*p == 'f') {
			text_u64_zeros(b, ns / 1000, 6);
		} else if (*p == 'l') {
			text_u64_zeros(b, ns / 1000000, 3);
		} else if (*p == 'k') {
			text_u64_zeros(b, ns, 9);
		} else {
			text_char(b, '%');
			text_char(b, *p);
		}
	}
	text_char(b, '\0');
}

void timestamp_text(struct output *o, struct textbuf *b, uint64_t ns, uint32_t clock, const char *fmt)
{
	uint64_t real = clock_to_real(o, ns, clock);
	struct textbuf expanded = {0};
	struct zone_time t;

	if (real < NS_PER_SEC) {
		text_str(b, "(?)");
		return;
	}
	expand_fraction(&expanded, fmt, real % NS_PER_SEC);
	zone_local((int64_t)(real / NS_PER_SEC), &t);
	strftime_text(b, expanded.data, &t);
	text_free(&expanded);
}

void time_text(struct textbuf *b, const char *fmt)
{
	struct zone_time t;

	zone_local((int64_t)(now_ns(CLOCK_REALTIME) / NS_PER_SEC), &t);
	strftime_text(b, fmt, &t);
}
