/* tseries.c - printing of tseries() maps.
 *
 * Role: a value is p1 slots of {value, meta, epoch}, 8 bytes each.  Epochs are counted from 1 (1 + time / p0), as 0 is a
 * slot never used; the slot of an epoch is (epoch - 1) % p1.  meta is the time of the assignment (no aggregation) or the
 * count (avg).
 * Text is a chart, one line per interval from the first one that this row has to the newest one of the map. */
#include "tseries.h"
#include "zone.h"

#define SLOT 24
#define GRAPH 53
#define LOW_WIDTH 21
#define NS_PER_SEC 1000000000ull

struct point {
	uint64_t value, epoch;
};

struct chart {
	const struct btaot_type *type;
	bool is_signed;
	uint64_t low, high;
	unsigned digits;                /* of the second's fraction: 0, 3, 6, 9 */
};

static uint64_t slot_u64(const uint8_t *value, uint64_t slot, unsigned word)
{
	return load_u64(value + slot * SLOT + word * 8);
}

static uint64_t slot_count(const struct btaot_type *t)
{
	return t->size / SLOT;
}

static bool less(const struct btaot_type *t, uint64_t a, uint64_t b)
{
	return t->flags & BTAOT_TYPE_FLAG_SIGNED ? (int64_t)a < (int64_t)b : a < b;
}

static void merge_slot(const struct btaot_type *t, uint64_t sum[3], const uint64_t copy[3])
{
	if (!copy[2] || copy[2] < sum[2])
		return;
	if (copy[2] > sum[2]) {
		memcpy(sum, copy, SLOT);
		return;
	}
	switch (t->p2) {
	case TSERIES_LAST:
		if (copy[1] > sum[1])
			sum[0] = copy[0], sum[1] = copy[1];
		break;
	case TSERIES_AVG:
		sum[1] += copy[1];
		sum[0] += copy[0];
		break;
	case TSERIES_SUM:
		sum[0] += copy[0];
		break;
	case TSERIES_MAX:
		if (less(t, sum[0], copy[0]))
			sum[0] = copy[0];
		break;
	case TSERIES_MIN:
		if (less(t, copy[0], sum[0]))
			sum[0] = copy[0];
		break;
	}
}

void tseries_merge(const struct btaot_type *t, uint8_t *sum, const uint8_t *copy)
{
	for (uint64_t i = 0; i < slot_count(t); i++) {
		uint64_t a[3], b[3];

		memcpy(a, sum + i * SLOT, SLOT);
		memcpy(b, copy + i * SLOT, SLOT);
		merge_slot(t, a, b);
		memcpy(sum + i * SLOT, a, SLOT);
	}
}

uint64_t tseries_last_epoch(const struct btaot_type *t, const uint8_t *value)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < slot_count(t); i++) {
		if (slot_u64(value, i, 2) > last)
			last = slot_u64(value, i, 2);
	}
	return last;
}

/* The value of an epoch; false if there is none. */
static bool find_point(const struct btaot_type *t, const uint8_t *value, uint64_t epoch, struct point *p)
{
	uint64_t count = slot_count(t), slot = count ? (epoch - 1) % count : 0, meta;

	if (!count || !epoch || slot_u64(value, slot, 2) != epoch)
		return false;
	p->epoch = epoch;
	p->value = slot_u64(value, slot, 0);
	meta = slot_u64(value, slot, 1);
	if (t->p2 == TSERIES_LAST && !meta)
		p->value = 0;  /* as upstream: only a clock of tests is 0 */
	if (t->p2 == TSERIES_AVG && meta)
		p->value = t->flags & BTAOT_TYPE_FLAG_SIGNED ? (uint64_t)((int64_t)p->value / (int64_t)meta)
							      : p->value / meta;
	return true;
}

/* The first epoch in the map's window that this row has; 0 if it has none. */
static uint64_t first_epoch(const struct btaot_type *t, const uint8_t *value, uint64_t last)
{
	uint64_t count = slot_count(t), epoch = last >= count ? last - count + 1 : 1;
	struct point p;

	for (; epoch <= last; epoch++) {
		if (find_point(t, value, epoch, &p))
			return epoch;
	}
	return 0;
}

static void put_number(struct textbuf *b, const struct chart *c, uint64_t v)
{
	if (c->is_signed)
		text_i64(b, (int64_t)v);
	else
		text_u64(b, v);
}

/* Lowest and highest value; one more on both sides if they are equal. */
static void chart_range(struct chart *c, const uint8_t *value, uint64_t first, uint64_t last)
{
	bool any = false;

	for (uint64_t epoch = first; epoch <= last; epoch++) {
		struct point p;

		if (!find_point(c->type, value, epoch, &p))
			continue;
		if (!any || less(c->type, p.value, c->low))
			c->low = p.value;
		if (!any || less(c->type, c->high, p.value))
			c->high = p.value;
		any = true;
	}
	if (c->low == c->high) {
		if (c->low != (c->is_signed ? (uint64_t)INT64_MIN : 0))
			c->low--;
		if (c->high != (c->is_signed ? (uint64_t)INT64_MAX : UINT64_MAX))
			c->high++;
	}
}

static void put_bounds(struct textbuf *b, const struct chart *c, size_t indent)
{
	size_t start;

	text_fill(b, ' ', indent);
	start = b->len;
	put_number(b, c, c->low);
	text_pad(b, start, LOW_WIDTH, ' ', 1);
	start = b->len;
	put_number(b, c, c->high);
	text_pad(b, start, GRAPH - LOW_WIDTH, ' ', 0);
	text_char(b, '\n');
}

static void put_head(struct textbuf *b, const struct chart *c, size_t width)
{
	static const char *const fractions[] = {"", ".ms", ".\xce\xbcs", ".ns"};
	size_t start;

	put_bounds(b, c, width + 1);
	start = b->len;
	text_str(b, "hh:mm:ss");
	text_str(b, fractions[c->digits / 3]);
	text_pad(b, start, width + 1, ' ', 1);
	text_char(b, '|');
	text_fill(b, '_', GRAPH - 2);
	text_str(b, "|\n");
}

static void put_time(struct textbuf *b, uint64_t ns, unsigned digits)
{
	uint64_t fraction = ns % NS_PER_SEC;
	struct zone_time t;

	zone_local((int64_t)(ns / NS_PER_SEC), &t);
	strftime_text(b, "%T", &t);
	if (!digits)
		return;
	for (unsigned i = digits; i < 9; i++)
		fraction /= 10;
	text_char(b, '.');
	text_u64_zeros(b, fraction, digits);
}

static void put_line(struct textbuf *b, const struct chart *c, const struct point *p)
{
	int64_t zero = 0, at = GRAPH / 2;
	size_t start = b->len;
	float range = c->is_signed ? (float)((int64_t)c->high - (int64_t)c->low) : (float)(c->high - c->low);

	text_fill(b, ' ', GRAPH);
	b->data[start] = b->data[start + GRAPH - 1] = '|';
	if (c->is_signed && (int64_t)c->low < 0 && (int64_t)c->high > 0)
		zero = (int64_t)((float)GRAPH * (float)-(int64_t)c->low / range);
	if (zero > 0 && zero < GRAPH)
		b->data[start + (size_t)zero] = '.';
	if (!p) {
		text_str(b, " -\n");
		return;
	}
	if (c->low != c->high)
		at = (int64_t)((float)(GRAPH - 1) * (float)(p->value - c->low) / range);
	b->data[start + (size_t)(at < 0 ? 0 : at >= GRAPH ? GRAPH - 1 : at)] = '*';
	text_char(b, ' ');
	put_number(b, c, p->value);
	text_char(b, '\n');
}

/* Digits of the second's fraction that tell two intervals apart; a single one is shown in full. */
static unsigned fraction_digits(uint64_t interval)
{
	if (interval >= NS_PER_SEC)
		return 0;
	if (interval >= 1000000)
		return 3;
	return interval >= 1000 ? 6 : 9;
}

void tseries_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *value, uint64_t last)
{
	struct chart c = {.type = t, .is_signed = t->flags & BTAOT_TYPE_FLAG_SIGNED};
	uint64_t first = first_epoch(t, value, last);
	size_t width;

	(void)o;
	if (!first) {
		text_str(b, "<no data>");
		return;
	}
	chart_range(&c, value, first, last);
	c.digits = fraction_digits(last > first ? (uint64_t)t->p0 : 0);
	width = 8 + (c.digits ? 1 + c.digits : 0);
	put_head(b, &c, width);
	for (uint64_t epoch = first; epoch <= last; epoch++) {
		struct point p;
		bool known = find_point(t, value, epoch, &p);

		put_time(b, (epoch - 1) * (uint64_t)t->p0, c.digits);
		text_char(b, ' ');
		put_line(b, &c, known ? &p : NULL);
	}
	text_fill(b, ' ', width + 1);
	text_char(b, 'v');
	text_fill(b, '_', GRAPH - 2);
	text_str(b, "v\n");
	put_bounds(b, &c, width + 1);
}

void tseries_json(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *value, uint64_t last)
{
	struct chart c = {.type = t, .is_signed = t->flags & BTAOT_TYPE_FLAG_SIGNED};
	uint64_t first = first_epoch(t, value, last);
	const char *comma = "";

	(void)o;
	text_char(b, '[');
	for (uint64_t epoch = first; first && epoch <= last; epoch++) {
		uint64_t ns = (epoch - 1) * (uint64_t)t->p0;
		struct zone_time utc;
		struct point p;

		if (!find_point(t, value, epoch, &p))
			continue;
		zone_utc((int64_t)(ns / NS_PER_SEC), &utc);
		text_str(b, comma);
		text_str(b, "{\"interval_start\":\"");
		strftime_text(b, "%F %T", &utc);
		text_char(b, '.');
		text_u64_zeros(b, ns % NS_PER_SEC, 9);
		text_str(b, "\",\"value\":");
		put_number(b, &c, p.value);
		text_char(b, '}');
		comma = ",";
	}
	text_char(b, ']');
}
