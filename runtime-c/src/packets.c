/* packets.c - skboutput(): packets on their way from a perf event array (bpf_skb_output, 5.5) to pcap files.
 *
 * Each CPU has a ring of its own.  A record is {u32 action, u32 length, u64 boot time}, then the packet; its event in
 * the ring buffer follows it and says that there is something to be read.  Files are written at once and hold raw IP. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "events.h"
#include "host.h"
#include "maps.h"
#include "output_internal.h"
#include "parts.h"
#include "perf.h"
#include "sys_bpf.h"

#define RECORD_HEAD 12  /* of perf: header, size of what follows */
#define OWN_HEAD 16     /* ours; the head of a packet in a pcap file is as long and takes its place */
#define RING_PAGES 64   /* of a CPU, unless perf_rb_pages says another number */
#define LINKTYPE_RAW 101

struct packets {
	uint32_t count;
	size_t size;                            /* bytes of a ring's data */
	struct perf_event_mmap_page **rings;
	int *files;                             /* by action */
	uint8_t record[UINT16_MAX + 1];
};

static int file_open(struct env *env, uint32_t action)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, UINT16_MAX, LINKTYPE_RAW };
	static const uint16_t version[2] = { 2, 4 };
	const struct btaot_action *a = env->payload.actions;
	uint32_t first[6];
	int fd;

	for (uint32_t i = 0; i < action; i++)
		if (a[i].kind == BTAOT_ACTION_KIND_SKBOUTPUT && a[i].fmt == a[action].fmt)
			return env->packets->files[i];
	fd = open(payload_str(&env->payload, a[action].fmt), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	memcpy(first, head, sizeof(first));
	memcpy(first + 1, version, sizeof(version));
	if (fd < 0 || write_all(fd, first, sizeof(first)) < 0) {
		err("Failed to create pcap file %s: %s", payload_str(&env->payload, a[action].fmt), strerror(errno));
		return -1;
	}
	return fd;
}

static int ring_open(struct env *env, int map, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_BPF_OUTPUT, .sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
	};
	struct packets *p = env->packets;
	int fd = perf_open(&attr, -1, cpu), ret;
	void *ring;

	if (fd < 0)
		return fd;
	ring = mmap(NULL, page_size() + p->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	p->rings[p->count++] = ring;
	ret = bpf_map_update(map, &cpu, &fd, 0);
	return ret ? ret : ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

int packets_open(struct env *env)
{
	uint32_t map = map_by_role(env, BTAOT_MAP_ROLE_PERF), want = (uint32_t)env->cfg.perf_rb_pages;
	struct packets *p;
	int ret = 0;

	if (!HAS(PACKETS) || map == BTAOT_NONE)
		return 0;
	p = env->packets = arena_alloc(sizeof(*p));
	p->size = page_size();
	while (p->size / page_size() < (want ? want : RING_PAGES) && p->size < 1u << 30)
		p->size *= 2;
	p->rings = arena_alloc(env->cpu_count * sizeof(*p->rings));
	p->files = arena_alloc(env->payload.action_count * sizeof(*p->files));
	for (uint32_t i = 0; i < env->payload.action_count; i++)
		if (env->payload.actions[i].kind == BTAOT_ACTION_KIND_SKBOUTPUT && (p->files[i] = file_open(env, i)) < 0)
			return -EIO;
	for (int cpu = host_next_cpu(env, 0); cpu >= 0 && !ret; cpu = host_next_cpu(env, cpu + 1))
		ret = ring_open(env, env->map_fds[map], cpu);
	if (ret)
		err("cannot open a perf buffer for packets: %s", strerror(-ret));
	return ret;
}

static void packet_write(struct env *env, uint8_t *own, size_t room)
{
	struct { uint32_t action, length; uint64_t time; } h;
	const struct btaot_action *a;
	uint32_t head[4], skip;

	memcpy(&h, own, sizeof(h));
	a = &env->payload.actions[h.action];
	if (h.action >= env->payload.action_count || a->kind != BTAOT_ACTION_KIND_SKBOUTPUT || h.length > room ||
	    a->aux >= h.length)
		return;
	skip = a->aux;
	h.length -= skip;
	h.time = clock_to_real(env->out, h.time, BTAOT_CLOCK_KIND_BOOT);
	head[0] = (uint32_t)(h.time / 1000000000);
	head[1] = (uint32_t)(h.time % 1000000000) / 1000;
	head[2] = head[3] = h.length;
	memcpy(own + skip, head, sizeof(head));
	if (write_all(env->packets->files[h.action], own + skip, sizeof(head) + h.length))
		err("cannot write to %s: %s", payload_str(&env->payload, a->fmt), strerror(errno));
}

static void ring_copy(const struct packets *p, const uint8_t *data, uint64_t at, uint8_t *to, size_t size)
{
	size_t first = p->size - (size_t)(at & (p->size - 1));

	first = first < size ? first : size;
	memcpy(to, data + (at & (p->size - 1)), first);
	memcpy(to + first, data, size - first);
}

void packets_drain(struct env *env)
{
	struct packets *p = env->packets;

	for (uint32_t i = 0; HAS(PACKETS) && p && i < p->count; i++) {
		struct perf_event_mmap_page *ring = p->rings[i];
		const uint8_t *data = (const uint8_t *)ring + page_size();
		uint64_t end = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE), at = ring->data_tail;
		struct perf_event_header h;

		for (; at < end; at += h.size) {
			ring_copy(p, data, at, (uint8_t *)&h, sizeof(h));
			ring_copy(p, data, at, p->record, h.size);
			if (h.type == PERF_RECORD_SAMPLE && h.size >= RECORD_HEAD + OWN_HEAD)
				packet_write(env, p->record + RECORD_HEAD, h.size - RECORD_HEAD - OWN_HEAD);
		}
		__atomic_store_n(&ring->data_tail, at, __ATOMIC_RELEASE);
	}
}
