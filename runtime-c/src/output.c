/* output.c - the output stream and its buffer; attached probes; all maps.
 *
 * Role: everything that the script prints goes through one buffer of 64 KiB.  It is written when it is full (at the end
 * of a line), when the events run dry, and before anything goes to stderr, so that both streams stay in order.
 * No write per line: a flood of printf() costs one system call per 64 KiB.  Works on every kernel. */
#define _GNU_SOURCE

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "output_internal.h"

int output_open(struct env *env)
{
	struct output *o = arena_alloc(sizeof(*o));

	o->env = env;
	o->payload = &env->payload;
	o->json = env->opt.json;
	o->mode = env->opt.buffer;
	o->fd = STDOUT_FILENO;
	o->formats = arena_alloc(env->payload.action_count * sizeof(o->formats[0]) + 1);
	o->map_lost_seen = arena_alloc(env->payload.map_count * sizeof(o->map_lost_seen[0]) + 1);
	if (env->opt.output_path) {
		o->fd = open(env->opt.output_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (o->fd < 0) {
			int code = -errno;

			err("Failed to open output file: \"%s\": %s", env->opt.output_path, strerror(-code));
			return code;
		}
	}
	env->out = o;
	return 0;
}

/* write_all() for descriptors that may be non-blocking. */
static int write_out(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){fd, POLLOUT, 0}, 1, -1);
			continue;
		}
		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0)
			p += done, n -= (size_t)done;
	}
	return 0;
}

int output_write(struct output *o, bool all)
{
	struct textbuf *b = &o->text;
	size_t n = b->len;

	if (!n)
		return o->error;
	if (!all) {
		const char *end = memrchr(b->data, '\n', n);

		if (end)
			n = (size_t)(end - b->data) + 1;
		else if (n < OUTPUT_BUFFER)
			return o->error;
	}
	if (!o->error)
		o->error = write_out(o->fd, b->data, n);
	if (o->error)
		o->env->stop = true;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
	return o->error;
}

void output_written(struct output *o)
{
	if (o->text.len >= OUTPUT_BUFFER)
		output_write(o, false);
	else if (o->mode == BUFFER_NONE)
		output_write(o, true);
}

int output_flush(struct env *env)
{
	return env->out ? output_write(env->out, true) : 0;
}

int output_idle(struct env *env)
{
	if (!env->out)
		return 0;
	return env->out->mode == BUFFER_FULL ? env->out->error : output_write(env->out, false);
}

bool output_exited(const struct env *env)
{
	return env->out && env->out->exited;
}

void output_attached(struct env *env, uint32_t count)
{
	struct output *o = env->out;

	if (env->opt.quiet)
		return;
	if (o->json) {
		text_printf(&o->text, "{\"type\": \"attached_probes\", \"count\": %u, \"data\": {\"probes\": %u}}\n", count,
			    count);
		output_written(o);
	} else {
		output_write(o, true);
		note("Attached %u probe%s", count, count == 1 ? "" : "s");
	}
	output_idle(env);
}

static bool map_is_printed(const struct btaot_map *m)
{
	return m->role == BTAOT_MAP_ROLE_USER && !(m->flags & BTAOT_MAP_FLAG_INTERNAL);
}

/* The map whose name comes next after `last` in the order of strcmp(); BTAOT_NONE after the last. */
static uint32_t next_by_name(const struct output *o, uint32_t last)
{
	const struct payload *p = o->payload;
	uint32_t best = BTAOT_NONE;

	for (uint32_t i = 0; i < p->map_count; i++) {
		const char *name = output_str(o, p->maps[i].name);

		if (!map_is_printed(&p->maps[i]))
			continue;
		if (last != BTAOT_NONE && strcmp(name, output_str(o, p->maps[last].name)) <= 0)
			continue;
		if (best == BTAOT_NONE || strcmp(name, output_str(o, p->maps[best].name)) < 0)
			best = i;
	}
	return best;
}

void output_maps(struct env *env)
{
	struct output *o = env->out;

	for (uint32_t map = next_by_name(o, BTAOT_NONE); map != BTAOT_NONE; map = next_by_name(o, map))
		print_map(o, map, 0, 0, true);
	output_idle(env);
}

void output_end(struct env *env)
{
	struct output *o = env->out;
	uint64_t lost;

	message_losses(o);
	lost = o->lost_seen;
	output_write(o, true);
	if (lost)
		warn("Total lost event count: %llu", (unsigned long long)lost);
	if (!o->json)
		text_str(&o->text, "\n\n");
	output_written(o);
}

void output_losses(struct env *env)
{
	message_losses(env->out);
}

void output_close(struct env *env)
{
	struct output *o = env->out;

	if (!o)
		return;
	output_write(o, true);
	if (o->fd != STDOUT_FILENO)
		close(o->fd);
	env->out = NULL;
}
