/* hist.c - hist() and lhist(): bucket bounds, labels, bars.
 *
 * Role: turns the buckets of one histogram, summed over the CPUs, into bpftrace's lines or its JSON list.
 * Bucket numbers are described in docs/architecture.md.  A bound has a value (JSON, and to tell whether a
 * bucket holds one value) and a label ("1K").  Printed are the buckets from the first to the last that is not 0. */
#include "output_internal.h"

#define BAR_WIDTH 52
#define LABEL_WIDTH 16
#define COUNT_WIDTH 8

struct bound {
	uint64_t value;
	bool is_signed, plain;          /* plain: the label is the number itself */
	bool open;                      /* no bound on this side */
	uint32_t label;                 /* digits of the label ... */
	char suffix;                    /* ... and what follows them */
};

/* The lower bound of the bucket whose number is `index` + 1, log-linear with 2**bits buckets per power of two. */
static struct bound log_bound(uint64_t index, uint32_t bits)
{
	uint64_t n = (uint64_t)1 << bits;
	struct bound b = {.value = index, .plain = true, .is_signed = true};
	uint32_t power;

	if (index <= n * 2)
		return b;
	power = (uint32_t)(index >> bits) - 1;
	b.value = (n + (index & (n - 1))) << power;
	b.label = (uint32_t)((n + (index & (n - 1))) << power % 10);
	b.suffix = "\0KMGTPE"[power / 10 % 7];
	b.plain = b.is_signed = false;
	return b;
}

static struct bound linear_bound(int64_t value, int64_t step)
{
	struct bound b = {.value = (uint64_t)value, .plain = true, .is_signed = true};

	if (step % 1024 || !value || value % 1024)
		b.plain = step % 1024;
	else if (value % (1024 * 1024))
		b.plain = false, b.suffix = 'K';
	else
		b.plain = false, b.suffix = 'M';
	return b;
}

static int64_t saturating_bound(int64_t min, uint64_t i, int64_t step)
{
	int64_t v;

	if (__builtin_mul_overflow((int64_t)i, step, &v) || __builtin_add_overflow(min, v, &v))
		return INT64_MAX;
	return v;
}

/* Lower and upper bound of bucket i. */
static void bucket_bounds(const struct btaot_type *t, uint64_t i, struct bound *low, struct bound *high)
{
	static const struct bound open = {.open = true};

	*low = *high = open;
	if (t->kind == BTAOT_TYPE_KIND_HIST) {
		if (i)
			*low = log_bound(i - 1, (uint32_t)t->p0);
		*high = log_bound(i, (uint32_t)t->p0);
		return;
	}
	if (i)
		*low = linear_bound(saturating_bound(t->p0, i - 1, t->p2), t->p2);
	if (saturating_bound(t->p0, i, t->p2) <= t->p1)
		*high = linear_bound(saturating_bound(t->p0, i, t->p2), t->p2);
}

static void bound_text(struct textbuf *b, const struct bound *x)
{
	if (x->plain) {
		text_i64(b, (int64_t)x->value);
	} else if (!x->is_signed) {
		text_u64(b, x->label);
		if (x->suffix)
			text_char(b, x->suffix);
	} else if (!x->suffix) {
		text_i64(b, (int64_t)x->value);
	} else {
		text_i64(b, (int64_t)x->value / (x->suffix == 'M' ? 1024 * 1024 : 1024));
		text_char(b, x->suffix);
	}
}

static void label_text(struct textbuf *b, const struct bound *low, const struct bound *high)
{
	if (low->open) {
		text_str(b, "(..., ");
		bound_text(b, high);
		text_char(b, ')');
		return;
	}
	text_char(b, '[');
	bound_text(b, low);
	if (high->open) {
		text_str(b, ", ...)");
	} else if (low->plain && high->plain && low->value + 1 == high->value) {
		text_char(b, ']');
	} else {
		text_str(b, ", ");
		bound_text(b, high);
		text_char(b, ')');
	}
}

/* First and last bucket that is not 0; false if there is none. */
static bool used_buckets(const struct btaot_type *t, const uint64_t *buckets, uint64_t *first, uint64_t *last)
{
	uint64_t count = t->size / 8, i;

	for (i = 0; i < count && !buckets[i]; i++)
		;
	if (i == count)
		return false;
	*first = *last = i;
	for (; i < count; i++) {
		if (buckets[i])
			*last = i;
	}
	return true;
}

static uint64_t bucket_count(const struct btaot_type *t, uint64_t count, uint64_t div)
{
	return t->kind == BTAOT_TYPE_KIND_HIST && div > 1 ? count / div : count;  /* lhist ignores div, as bpftrace */
}

static void bar_line(struct textbuf *b, const struct bound *low, const struct bound *high, uint64_t count, uint64_t max)
{
	size_t start = b->len;
	uint64_t bar = max ? (uint64_t)(int)((float)count / (float)max * BAR_WIDTH) : 0;

	label_text(b, low, high);
	text_pad(b, start, LABEL_WIDTH, ' ', 1);
	start = b->len;
	text_u64(b, count);
	text_pad(b, start, COUNT_WIDTH, ' ', 0);
	text_str(b, " |");
	text_fill(b, '@', bar);
	text_fill(b, ' ', BAR_WIDTH - bar);
	text_str(b, "|\n");
}

void hist_text(struct textbuf *b, const struct btaot_type *t, const uint64_t *buckets, uint64_t div)
{
	uint64_t first, last, max = 0;

	if (!used_buckets(t, buckets, &first, &last))
		return;
	for (uint64_t i = first; i <= last; i++) {
		uint64_t count = bucket_count(t, buckets[i], div);

		if (count > max)
			max = count;
	}
	for (uint64_t i = first; i <= last; i++) {
		struct bound low, high;

		bucket_bounds(t, i, &low, &high);
		bar_line(b, &low, &high, bucket_count(t, buckets[i], div), max);
	}
}

static void json_bound(struct textbuf *b, const struct bound *x, uint64_t less)
{
	if (x->is_signed || less)
		json_i64(b, (int64_t)(x->value - less));
	else
		json_u64(b, x->value);
}

void hist_json(struct textbuf *b, const struct btaot_type *t, const uint64_t *buckets, uint64_t div)
{
	uint64_t first, last;

	text_char(b, '[');
	if (used_buckets(t, buckets, &first, &last)) {
		for (uint64_t i = first; i <= last; i++) {
			struct bound low, high;

			bucket_bounds(t, i, &low, &high);
			text_str(b, i > first ? ",{" : "{");
			if (!low.open) {
				text_str(b, "\"min\": ");
				json_bound(b, &low, 0);
				text_str(b, ", ");
			}
			if (!high.open) {
				text_str(b, "\"max\": ");  /* the highest value inside, not the bound */
				json_bound(b, &high, 1);
				text_str(b, ", ");
			}
			text_str(b, "\"count\": ");
			text_u64(b, bucket_count(t, buckets[i], div));
			text_char(b, '}');
		}
	}
	text_char(b, ']');
}
