/* events.c - the consumer of the BPF ring buffer.
 *
 * Role: reads records in place from the mmapped buffer (Linux 5.8) and gives the room back once per batch.
 * The kernel wakes us only if it commits a record right where we have read to.  A consumer that is faster than the
 * producer meets that case with every record, and then each event costs its program an interrupt and us a wakeup.
 * So after a busy batch we sleep for a moment, chosen so that the buffer stays nearly empty, instead of polling.
 * Invariant: consumed <= produced; lengths are the kernel's, positions are native longs that wrap. */
#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "maps.h"
#include "output.h"
#include "util.h"

#define RECORD_HEAD 8
#define RECORD_BUSY 0x80000000u
#define RECORD_DISCARD 0x40000000u
/* A batch of at least this many records is busy. */
#define BUSY_BATCH 32
/* Give room back at least this often inside a batch: a share of the buffer. */
#define BATCH_SHARE 4
#define NAP_MIN_NS 50000
#define NAP_MAX_NS 1000000
/* How long events_drain() goes on with naps before the caller looks at signals again, and output may wait. */
#define BUSY_NS 20000000
/* Bytes mapped a second time behind the end of the buffer.  The kernel would map all of it twice, and each of
 * these pages counts as our memory: so only as much as usual records need. */
#define WRAP_BYTES 65536

struct events {
	int fd;
	unsigned long size, mask;       /* of the data area, bytes */
	unsigned long *consumer;        /* our position, in a page that the kernel reads */
	const unsigned long *producer;
	const uint8_t *data;            /* `mapped` bytes: the beginning again behind the end, for records that wrap */
	size_t page, mapped;
	uint8_t *copy;                  /* of a record too long for that; pages of `copy_size` bytes */
	size_t copy_size;
	long nap_ns;
};

static unsigned long ringbuf_bytes(int fd)
{
	char text[512], path[64], *at;

	str_printf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_file(path, text, sizeof(text)) <= 0 || !(at = strstr(text, "max_entries:")))
		return 0;
	return strtoul(at + 12, NULL, 10);
}

int events_open(struct env *env)
{
	uint32_t map = map_by_role(env, BTAOT_MAP_ROLE_RINGBUF);
	struct events *ev;
	void *p;

	if (map == BTAOT_NONE)
		return 0;
	ev = arena_alloc(sizeof(*ev));
	ev->fd = env->map_fds[map];
	ev->page = page_size();
	ev->size = ringbuf_bytes(ev->fd);
	ev->mask = ev->size - 1;
	ev->nap_ns = NAP_MIN_NS * 4;
	if (!ev->size || (ev->size & ev->mask)) {
		err("cannot find out the size of the ring buffer");
		return -EINVAL;
	}
	p = mmap(NULL, ev->page, PROT_READ | PROT_WRITE, MAP_SHARED, ev->fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	ev->consumer = p;
	ev->mapped = ev->size + (ev->size < WRAP_BYTES ? ev->size : WRAP_BYTES);
	p = mmap(NULL, ev->page + ev->mapped, PROT_READ, MAP_SHARED, ev->fd, (off_t)ev->page);
	if (p == MAP_FAILED)
		goto fail;
	ev->producer = p;
	ev->data = (const uint8_t *)p + ev->page;
	env->events = ev;
	return 0;
fail:
	err("cannot map the ring buffer: %s", strerror(errno));
	return -errno;
}

int events_fd(const struct env *env)
{
	return env->events ? env->events->fd : -1;
}

/* The bytes of the record at `at` (an offset in the data), in one piece; NULL if there is no memory for that. */
static const uint8_t *record_bytes(struct events *ev, unsigned long at, uint32_t len)
{
	size_t first = ev->size - at;

	if (at + len <= ev->mapped)
		return ev->data + at;
	if (ev->copy_size < len) {
		pages_free(ev->copy, ev->copy_size);
		ev->copy = pages_alloc(len);
		ev->copy_size = ev->copy ? len : 0;
	}
	if (ev->copy) {
		memcpy(ev->copy, ev->data + at, first);
		memcpy(ev->copy + first, ev->data, len - first);
	}
	return ev->copy;
}

static void handle_record(struct env *env, unsigned long at, uint32_t len)
{
	const uint8_t *record = record_bytes(env->events, at, len);

	if (record)
		output_event(env, record, len);
}

/* One pass: the records between our position and the producer's, as far as they are committed and at most one buffer
 * full.  A record committed after the last look wakes poll(2), which looks at both positions before it sleeps. */
static int drain_once(struct env *env, bool until_stop, bool *exited)
{
	struct events *ev = env->events;
	unsigned long pos = *ev->consumer, published = pos, start = pos;
	unsigned long end = __atomic_load_n(ev->producer, __ATOMIC_ACQUIRE);
	int count = 0;

	while (pos != end) {
		const void *at = ev->data + (pos & ev->mask);
		uint32_t head = __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE), len;

		if (head & RECORD_BUSY)
			break;
		len = head & ~RECORD_DISCARD;
		if (!(head & RECORD_DISCARD)) {
			if (!(until_stop && *exited)) {
				handle_record(env, (pos & ev->mask) + RECORD_HEAD, len);
				*exited = output_exited(env);
			}
			count++;
		}
		pos += (len + RECORD_HEAD + 7) & ~7ul;
		if (pos - published > ev->size / BATCH_SHARE) {
			__atomic_store_n(ev->consumer, pos, __ATOMIC_RELEASE);
			published = pos;
		}
		if (pos == end && pos - start < ev->size)
			end = __atomic_load_n(ev->producer, __ATOMIC_ACQUIRE);
	}
	if (pos != published)
		__atomic_store_n(ev->consumer, pos, __ATOMIC_SEQ_CST);
	return count;
}

/* Sleep while the buffer fills a little; adapt so that a nap fills between 1/32 and 1/8 of it. */
static void nap(struct events *ev)
{
	unsigned long before = *ev->consumer, filled;
	struct timespec ts = {0, ev->nap_ns};

	nanosleep(&ts, NULL);
	filled = __atomic_load_n(ev->producer, __ATOMIC_ACQUIRE) - before;
	if (filled > ev->size / 8 && ev->nap_ns > NAP_MIN_NS)
		ev->nap_ns /= 2;
	else if (filled < ev->size / 32 && ev->nap_ns < NAP_MAX_NS)
		ev->nap_ns *= 2;
}

int events_drain(struct env *env, bool until_stop)
{
	bool exited = output_exited(env);
	int total = 0, count;
	uint64_t start = 0;

	if (!env->events)
		return 0;
	for (;;) {
		count = drain_once(env, until_stop, &exited);
		total += count;
		if (count < BUSY_BATCH || env->stop)
			break;
		if (!start)
			start = now_ns(CLOCK_MONOTONIC);
		else if (now_ns(CLOCK_MONOTONIC) - start > BUSY_NS)
			break;
		nap(env->events);
	}
	output_idle(env);
	return total;
}
