/* action.c - what happens when a record arrives: one function per ActionKind.
 *
 * Role: output_event() finds the action of a record and runs it.  Arguments lie in the record where the action's tuple
 * type says; a record that is too short for them is dropped, so that damaged records do no harm. */
#include "attach.h"
#include "events.h"
#include "format.h"
#include "maps.h"

struct event {
	struct output *o;
	const struct btaot_action *action;
	uint32_t index;
	const uint8_t *record;
	size_t size;
};

/* Argument i of the event; NULL if there is none. */
static const uint8_t *event_arg(const struct event *e, uint32_t i, const struct btaot_type **type)
{
	const struct payload *p = e->o->payload;
	const struct btaot_type *args, *t;
	const struct btaot_field *f;

	if (e->action->args == BTAOT_NONE)
		return NULL;
	args = p->types + e->action->args;
	if (i >= args->count)
		return NULL;
	f = p->fields + args->first + i;
	t = p->types + f->type;
	if (f->offset > e->size || t->size > e->size - f->offset)
		return NULL;
	*type = t;
	return e->record + f->offset;
}

static uint64_t event_int(const struct event *e, uint32_t i)
{
	const struct btaot_type *t;
	const uint8_t *p = event_arg(e, i, &t);

	return p ? value_int(t, p) : 0;
}

static const struct format *event_format(const struct event *e)
{
	struct format **f = &e->o->formats[e->index];

	if (!*f)
		*f = format_compile(e->o, e->action);
	return *f;
}

/* The event's text in o->line, NUL-terminated; false if it has none. */
static bool event_line(const struct event *e)
{
	const struct format *f = event_format(e);
	struct textbuf *b = &e->o->line;

	b->len = 0;
	if (!f || !format_record(e->o, b, f, e->record, e->size))
		return false;
	*text_room(b, 1) = '\0';
	return true;
}

static void run_printf(const struct event *e)
{
	const struct format *f;

	if (e->o->json) {
		if (event_line(e))
			json_message(e->o, "printf", e->o->line.data, e->o->line.len);
		return;
	}
	f = event_format(e);
	if (f)
		format_record(e->o, &e->o->text, f, e->record, e->size);
}

static void run_message(const struct event *e, bool is_error)
{
	if (!is_error && e->o->env->opt.no_warnings)
		return;
	if (event_line(e))
		message_location(e->o, e->action, is_error, e->o->line.data, e->o->line.len);
}

static void run_print(const struct event *e)
{
	const struct btaot_type *t;
	const uint8_t *p = event_arg(e, 0, &t);
	struct value_src src = {e->record, e->size, 1};
	struct textbuf *b = &e->o->text;

	if (!p)
		return;
	if (e->o->json)
		text_str(b, "{\"type\": \"value\", \"data\": ");
	value_put(e->o, b, t, p, &src, e->o->json);
	text_str(b, e->o->json ? "}\n" : "\n");
}

/* "@m[key]: value" for one row that the program sent. */
static void run_print_row(const struct event *e)
{
	const struct btaot_type *key_type, *type;
	const uint8_t *key = event_arg(e, 0, &key_type), *value = event_arg(e, 1, &type);
	struct value_src src = {e->record, e->size, 1};
	struct output *o = e->o;
	const char *name;

	if (!key || !value || e->action->map == BTAOT_NONE)
		return;
	name = output_str(o, o->payload->maps[e->action->map].name);
	o->line.len = 0;
	value_put(o, &o->line, key_type, key, &src, false);
	if (o->json) {
		text_str(&o->text, "{\"type\": \"map\", \"data\": {");
		json_string(&o->text, name, strlen(name));
		text_str(&o->text, ": {");
		json_key(&o->text, o->line.data, o->line.len);
		text_str(&o->text, ": ");
		value_put(o, &o->text, type, value, &src, true);
		text_str(&o->text, "}}}\n");
		return;
	}
	text_printf(&o->text, "%s[%.*s]: ", name, (int)o->line.len, o->line.data ? o->line.data : "");
	value_put(o, &o->text, type, value, &src, false);
	text_char(&o->text, '\n');
}

static void run_exit(const struct event *e)
{
	e->o->env->exit_code = (int)event_int(e, 0);
	e->o->env->stop = true;
	*(e->action->aux ? &e->o->printf_only : &e->o->exited) = true;
}

static void run_time(const struct event *e)
{
	struct textbuf *b = e->o->json ? &e->o->line : &e->o->text;

	e->o->line.len = 0;
	time_text(b, output_str(e->o, e->action->fmt));
	if (e->o->json)
		json_message(e->o, "time", b->data, b->len);
}

static void run_join(const struct event *e)
{
	struct textbuf *b = e->o->json ? &e->o->line : &e->o->text;
	struct value_src src = {e->record, e->size, 1};
	const struct btaot_type *t;
	const uint8_t *p;

	e->o->line.len = 0;
	for (uint32_t i = 0; (p = event_arg(e, i, &t)); i++) {
		struct bytes s = value_bytes(t, p, &src);

		if (!s.n)
			break;
		if (i)
			text_str(b, output_str(e->o, e->action->fmt));
		text_bytes(b, s.p, s.n);
	}
	if (e->o->json)
		json_message(e->o, "join", b->data, b->len);
	else
		text_char(b, '\n');
}

static void run_helper_error(const struct event *e)
{
	const char *text = output_str(e->o, e->action->fmt);

	if (e->action->args == BTAOT_NONE)
		message_runtime(e->o, e->action, text);
	else
		message_helper(e->o, e->action, text, (int32_t)event_int(e, 0));
}

static void run_map(const struct event *e)
{
	uint32_t map = e->action->map;

	if (map == BTAOT_NONE)
		return;
	if (e->action->kind == BTAOT_ACTION_KIND_CLEAR)
		map_clear(e->o->env, map);
	else if (e->action->kind == BTAOT_ACTION_KIND_ZERO)
		map_zero(e->o->env, map);
	else
		print_map(e->o, map, (uint32_t)event_int(e, 0), (uint32_t)event_int(e, 1), false);
}

static void run_stack(const struct event *e)
{
	const struct btaot_type *t;
	const uint8_t *p = event_arg(e, 0, &t);

	if (p)
		stack_add(e->o, t, p, e->size - (size_t)(p - e->record));
}

static void run_event(const struct event *e)
{
	if (e->o->printf_only && e->action->kind != BTAOT_ACTION_KIND_PRINTF)
		return;
	switch (e->action->kind) {
	case BTAOT_ACTION_KIND_PRINTF:
		run_printf(e);
		break;
	case BTAOT_ACTION_KIND_ERRORF:
	case BTAOT_ACTION_KIND_WARNF:
		run_message(e, e->action->kind == BTAOT_ACTION_KIND_ERRORF);
		break;
	case BTAOT_ACTION_KIND_FAIL:
		run_message(e, true);
		e->o->env->exit_code = 1;
		e->o->env->stop = e->o->exited = true;
		break;
	case BTAOT_ACTION_KIND_PRINT:
		run_print(e);
		break;
	case BTAOT_ACTION_KIND_PRINT_MAP:
	case BTAOT_ACTION_KIND_CLEAR:
	case BTAOT_ACTION_KIND_ZERO:
		run_map(e);
		break;
	case BTAOT_ACTION_KIND_PRINT_MAP_ELEM:
		run_print_row(e);
		break;
	case BTAOT_ACTION_KIND_EXIT:
		run_exit(e);
		break;
	case BTAOT_ACTION_KIND_TIME:
		run_time(e);
		break;
	case BTAOT_ACTION_KIND_JOIN:
		run_join(e);
		break;
	case BTAOT_ACTION_KIND_CAT:
		if (event_line(e))
			async_cat(e->o, e->o->line.data);
		break;
	case BTAOT_ACTION_KIND_SYSTEM:
		if (event_line(e))
			async_system(e->o, e->o->line.data);
		break;
	case BTAOT_ACTION_KIND_SKBOUTPUT:
		packets_drain(e->o->env);
		break;
	case BTAOT_ACTION_KIND_UNWATCH:
		watchpoint_remove(e->o->env, (uint64_t)event_int(e, 0));
		break;
	case BTAOT_ACTION_KIND_HELPER_ERROR:
		run_helper_error(e);
		break;
	case BTAOT_ACTION_KIND_MAP_FULL:
		message_helper(e->o, e->action, "map_update_elem", -7 /* -E2BIG */);
		break;
	case BTAOT_ACTION_KIND_STACK:
		run_stack(e);
		break;
	default:
		warn("this runtime has no action %u", e->action->kind);
		break;
	}
}

void output_event(struct env *env, const void *record, size_t size)
{
	struct event e = {.o = env->out, .record = record, .size = size};
	uint32_t meaningful;

	if (size < 8)
		return;
	e.index = load_u32(e.record);
	meaningful = load_u32(e.record + 4);
	if (e.index >= env->payload.action_count)
		return;
	if (meaningful < size)
		e.size = meaningful;
	e.action = env->payload.actions + e.index;
	if (e.action->kind == BTAOT_ACTION_KIND_PRINTF)
		run_printf(&e);
	else
		run_event(&e);
	output_written(env->out);
}
