/* message.c - errors and warnings that happen while the script runs, and losses.
 *
 * Role: bpftrace's wording: "script:line:col-endcol: WARNING: text" on stderr, one object on stdout with -f json.
 * Lines that the compiler prepared (the source line with its marks, "expanded from") are printed below.
 * Losses are counters of the globals map; each report says what was added since the last one. */
#include <errno.h>
#include <unistd.h>

#include "maps.h"
#include "output_internal.h"

#define GLOBALS_HEAD sizeof(struct globals)

/* The file of an action's place: the script, or what it imports. */
static const char *place_file(const struct output *o, const struct btaot_action *a)
{
	return output_str(o, a->source ? a->source : o->payload->header->script);
}

static void put_location(struct output *o, struct textbuf *b, const struct btaot_action *a)
{
	text_str(b, place_file(o, a));
	if (a->end_line && a->line != a->end_line)
		text_printf(b, ":%u-%u: ", a->line, a->end_line);
	else
		text_printf(b, ":%u:%u-%u: ", a->line, a->column, a->end_column);
}

static void put_below(struct output *o, struct textbuf *b, const struct btaot_action *a)
{
	const char *text = a->aux < o->payload->string_count ? output_str(o, a->aux) : "";

	text_str(b, text);
	if (*text && text[strlen(text) - 1] != '\n')
		text_char(b, '\n');
}

static void put_json_location(struct output *o, const struct btaot_action *a)
{
	const char *script = place_file(o, a);

	text_str(&o->text, ", \"filename\": ");
	json_string(&o->text, script, strlen(script));
	text_printf(&o->text, ", \"line\": %u, \"col\": %u}\n", a->line, a->column);
}

/* One message on stderr; what the script printed before it comes out first. */
static void put_text(struct output *o, const struct btaot_action *a, bool is_error, const char *msg, size_t n,
		     const char *more)
{
	struct textbuf b = {0};

	output_write(o, true);
	put_location(o, &b, a);
	text_str(&b, is_error ? "ERROR: " : "WARNING: ");
	text_bytes(&b, msg, n && msg[n - 1] == '\n' && !more ? n - 1 : n);
	if (more)
		text_str(&b, more);
	text_char(&b, '\n');
	put_below(o, &b, a);
	write_all(STDERR_FILENO, b.data, b.len);
	text_free(&b);
}

void message_location(struct output *o, const struct btaot_action *a, bool is_error, const char *msg, size_t n)
{
	o->errors += is_error;
	if (!o->json) {
		put_text(o, a, is_error, msg, n, NULL);
		return;
	}
	text_str(&o->text, is_error ? "{\"type\": \"errorf\", \"msg\": " : "{\"type\": \"warnf\", \"msg\": ");
	json_string(&o->text, msg, n);
	put_json_location(o, a);
}

void message_runtime(struct output *o, const struct btaot_action *a, const char *msg)
{
	if (!o->json) {
		put_text(o, a, false, msg, strlen(msg), NULL);
		return;
	}
	text_str(&o->text, "{\"type\": \"runtime_error\", \"msg\": ");
	json_string(&o->text, msg, strlen(msg));
	put_json_location(o, a);
}

static void put_helper_text(struct textbuf *b, const char *helper, int32_t ret)
{
	if (!strcmp(helper, "map_update_elem") && ret == -E2BIG)
		text_str(b, "Map full; can't update element. Try increasing max_map_keys config or manually setting the "
			    "max entries in a map declaration e.g. `let @a = hash(5000)`");
	else if (!strcmp(helper, "map_delete_elem") && ret == -ENOENT)
		text_str(b, "Can't delete map element because it does not exist.");
	else if (!strcmp(helper, "map_lookup_elem"))
		text_str(b, "Can't lookup map element because it does not exist.");
	else
		text_str(b, strerror(-ret));
}

void message_helper(struct output *o, const struct btaot_action *a, const char *helper, int32_t ret)
{
	struct textbuf msg = {0}, more = {0};

	if (o->json) {
		text_str(&msg, strerror(-ret));
		text_str(&o->text, "{\"type\": \"helper_error\", \"msg\": ");
		json_string(&o->text, msg.data, msg.len);
		text_printf(&o->text, ", \"helper\": \"%s\", \"retcode\": %d", helper, ret);
		put_json_location(o, a);
	} else {
		put_helper_text(&msg, helper, ret);
		text_printf(&more, "\nAdditional Info - helper: %s, retcode: %d", helper, ret);
		put_text(o, a, false, msg.data, msg.len, more.data);
	}
	text_free(&msg);
	text_free(&more);
}

/* What was added to a counter since it was looked at last. */
static uint64_t counter_step(uint64_t now, uint64_t *seen)
{
	uint64_t step = now > *seen ? now - *seen : 0;

	*seen += step;
	return step;
}

static void put_lost_events(struct output *o, uint64_t n)
{
	if (o->json) {
		text_printf(&o->text, "{\"type\": \"lost_events\", \"count\": %llu, \"data\": {\"events\": %llu}}\n",
			    (unsigned long long)n, (unsigned long long)n);
		output_written(o);
	} else {
		output_write(o, true);
		note("Lost %llu events", (unsigned long long)n);
	}
}

/* "n": 32 bits of updates that met a full map, above them those that failed for another reason: the kernel had no memory,
 * or the element's bucket was in use (a program that interrupts another inside an update). */
static void put_lost_updates(struct output *o, uint32_t map, uint64_t n)
{
	uint32_t full = (uint32_t)n, failed = (uint32_t)(n >> 32);
	const char *name = output_str(o, o->payload->maps[map].name);

	if (o->json) {
		n = (uint64_t)full + failed;
		text_printf(&o->text, "{\"type\": \"lost_updates\", \"count\": %llu, \"data\": {\"%s\": %llu}}\n",
			    (unsigned long long)n, name, (unsigned long long)n);
		output_written(o);
	} else if (!o->env->opt.no_warnings) {
		output_write(o, true);
		if (full)
			warn("Map full; can't update element. Try increasing max_map_keys. Lost %u updates of %s", full, name);
		if (failed)
			warn("Map busy, or no memory; can't update element. Lost %u updates of %s", failed, name);
	}
}

static void put_lost_stacks(struct output *o, uint64_t n)
{
	if (o->json) {
		text_printf(&o->text, "{\"type\": \"lost_stacks\", \"count\": %llu, \"data\": {\"stacks\": %llu}}\n",
			    (unsigned long long)n, (unsigned long long)n);
		output_written(o);
	} else if (!o->env->opt.no_warnings) {
		output_write(o, true);
		warn("Lost %llu stacks: the ring buffer was full", (unsigned long long)n);
	}
}

void message_losses(struct output *o)
{
	const struct payload *p = o->payload;
	size_t size = p->header->globals_size;
	uint64_t counters[64], step, now;
	struct globals head;

	if (size > sizeof(counters))
		size = sizeof(counters);
	if (size < GLOBALS_HEAD || globals_read(o->env, counters, size) < 0)
		return;
	memcpy(&head, counters, sizeof(head));
	/* An event without a scratch slot is as lost as one without room in the ring buffer. */
	step = counter_step(head.ringbuf_lost + head.scratch_busy, &o->lost_seen);
	if (step)
		put_lost_events(o, step);
	step = counter_step(head.stack_lost, &o->stack_seen);
	if (step)
		put_lost_stacks(o, step);
	for (uint32_t i = 0; i < p->map_count; i++) {
		uint32_t off = p->maps[i].loss_off;

		if (off < GLOBALS_HEAD || off + sizeof(now) > size)
			continue;
		memcpy(&now, (const char *)counters + off, sizeof(now));
		step = counter_step(now, &o->map_lost_seen[i]);
		if (step)
			put_lost_updates(o, i, step);
	}
}
