/* btf_index.c - one pass over a BTF file that finds all wanted names at once.
 *
 * The kernel's BTF has some 5 MB and 130,000 types.  It is mapped where the kernel allows that (not before 6.16) and
 * otherwise streamed through a buffer, because read() of this file gives 4 KB a call: 1.5 ms or 3 ms.  First the strings
 * are searched for the wanted names, then the types for the offsets found: BTF has every string once.  The place of
 * every 64th type is kept, so that any type can be found by its id later.  Nothing in the file is trusted. */
#include "btf_index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "section.h"
#include "util.h"

#define BTF_MAGIC 0xeb9f
#define STRIDE 64
#define BUFFER_SIZE 65536
#define WANTED_BITS 11
#ifdef BTF_NO_MMAP  /* tests: behave as on kernels that cannot map their BTF */
#define CAN_MAP false
#else
#define CAN_MAP true
#endif

struct btf_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t header_size, type_off, type_size, string_off, string_size;
};

/* A window of a file section that moves forward. */
struct stream {
	struct btf *b;
	uint64_t at, end;       /* in the file: what is not in the window yet */
	const uint8_t *data;
	size_t size;
	uint8_t *buffer;        /* NULL if the file is mapped */
};

/* Wanted names by their offset in the strings: nearly no type has one. */
struct wanted {
	struct { uint32_t offset, name, next; } *hits;  /* next: 1 + index, 0: the last of its bucket */
	uint32_t count, room;
	uint32_t buckets[1 << WANTED_BITS];
};

/* Make room for one more element of an array in the arena. */
static void *array_grow(void *array, uint32_t count, uint32_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 64;
	more = arena_alloc(*room * size);
	if (count)
		memcpy(more, array, count * size);
	return more;
}

static int read_at(struct btf *b, void *buf, size_t size, uint64_t at)
{
	char *p = buf;

	while (size) {
		ssize_t n = pread(b->fd, p, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EBADMSG;
		p += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int header_read(struct btf *b, uint64_t base)
{
	struct btf_header h;
	int ret = read_at(b, &h, sizeof(h), base);

	if (ret)
		return ret;
	if (h.magic != BTF_MAGIC || h.version != 1 || h.header_size < sizeof(h))
		return -EBADMSG;
	b->types_at = base + h.header_size + h.type_off;
	b->types_size = h.type_size;
	b->strings_at = base + h.header_size + h.string_off;
	b->strings_size = h.string_size;
	return 0;
}

int btf_index_open(struct btf *b, const char *path)
{
	struct section_place section = { .name = ".BTF" };
	struct stat st;
	uint64_t end;
	void *map;
	int ret;

	memset(b->buckets, 0xff, sizeof(b->buckets));
	b->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (b->fd < 0)
		return -errno;
	ret = sections_find(b->fd, &section, 1);
	if (!ret && !section.found)
		return -EBADMSG;
	ret = header_read(b, ret ? 0 : section.offset);
	if (ret || fstat(b->fd, &st))
		return ret ? ret : -errno;
	end = b->strings_at + b->strings_size;
	end = end > b->types_at + b->types_size ? end : b->types_at + b->types_size;
	if (end > (uint64_t)st.st_size || !b->strings_size)
		return -EBADMSG;
	/* An unaligned section is read through the buffer, which is aligned. */
	map = !CAN_MAP || b->types_at % 4 ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, b->fd, 0);
	if (map != MAP_FAILED) {
		b->map = map;
		b->map_size = (size_t)st.st_size;
	}
	return 0;
}

void btf_index_close(struct btf *b)
{
	if (b->map)
		munmap((void *)b->map, b->map_size);
	if (b->fd >= 0)
		close(b->fd);
	b->map = NULL;
	b->fd = -1;
}

/* ---- names ---- */

static uint8_t bucket_of(const char *text)
{
	return (uint8_t)(text[0] * 31 + (text[0] ? text[1] : 0));
}

uint32_t btf_name_index(struct btf *b, const char *text, size_t length)
{
	char *copy;
	struct btf_name *name;
	uint8_t bucket;

	copy = arena_alloc(length + 1);
	memcpy(copy, text, length);
	bucket = bucket_of(copy);
	for (int32_t i = b->buckets[bucket]; i >= 0; i = b->names[i].next)
		if (b->names[i].length == length && !memcmp(b->names[i].text, text, length))
			return (uint32_t)i;
	b->names = array_grow(b->names, b->name_count, &b->name_room, sizeof(*b->names));
	name = &b->names[b->name_count];
	*name = (struct btf_name){ .text = copy, .length = (uint32_t)length, .next = b->buckets[bucket] };
	b->buckets[bucket] = (int32_t)b->name_count;
	b->pending++;
	return b->name_count++;
}

void btf_index_follow(struct btf *b)
{
	const struct btf *base = b->base;

	if (b->name_room < base->name_count) {
		b->names = arena_alloc(base->name_room * sizeof(*b->names));
		b->name_room = base->name_room;
	}
	memcpy(b->names, base->names, base->name_count * sizeof(*b->names));
	memcpy(b->buckets, base->buckets, sizeof(b->buckets));
	for (b->name_count = 0; b->name_count < base->name_count; b->name_count++)
		b->names[b->name_count].found = false;
	b->id_shift = base->type_count - 1;
	b->string_shift = base->strings_size;
	b->pending = 1;
	b->match_count = 0;
}

/* ---- streaming ---- */

static void stream_open(struct stream *s, struct btf *b, uint64_t at, uint32_t size, uint8_t *buffer)
{
	*s = (struct stream){ .b = b, .at = at, .end = at + size, .buffer = buffer };
	if (!b->map)
		return;
	s->data = b->map + at;
	s->size = size;
	s->at = s->end;
}

/* Drop `used` bytes from the front and fill the window.  1: there is more in it than before, 0: end, or -errno. */
static int stream_fill(struct stream *s, size_t used)
{
	size_t kept = s->size - used, n;
	int ret;

	if (s->at == s->end)
		return 0;
	if (kept)
		memmove(s->buffer, s->data + used, kept);
	n = BUFFER_SIZE - kept;
	n = n < s->end - s->at ? n : (size_t)(s->end - s->at);
	if (!n)
		return -EBADMSG;
	ret = read_at(s->b, s->buffer + kept, n, s->at);
	if (ret)
		return ret;
	s->at += n;
	s->data = s->buffer;
	s->size = kept + n;
	return 1;
}

/* ---- the pass ---- */

static uint32_t *wanted_bucket(struct wanted *w, uint32_t offset)
{
	return &w->buckets[offset * 2654435761u >> (32 - WANTED_BITS)];
}

static void wanted_add(struct wanted *w, uint32_t offset, uint32_t name)
{
	uint32_t *bucket = wanted_bucket(w, offset);

	w->hits = array_grow(w->hits, w->count, &w->room, sizeof(*w->hits));
	w->hits[w->count].offset = offset;
	w->hits[w->count].name = name;
	w->hits[w->count++].next = *bucket;
	*bucket = w->count;
}

/* See whether the string is a wanted name or a flavour of one. */
static void string_match(struct btf *b, struct wanted *w, const char *text, size_t length, uint32_t offset)
{
	for (int32_t i = b->buckets[bucket_of(text)]; i >= 0; i = b->names[i].next) {
		struct btf_name *name = &b->names[i];

		if (name->found || length < name->length || memcmp(text, name->text, name->length))
			continue;
		if (length == name->length)
			name->offset = offset;  /* (a module has no string that its base has) */
		else if (length <= name->length + 3u || memcmp(text + name->length, "___", 3))
			continue;
		wanted_add(w, offset, (uint32_t)i);
	}
}

static int strings_scan(struct btf *b, struct wanted *w, uint8_t *buffer)
{
	struct stream s;
	size_t pos = 0;
	uint32_t offset = 0;
	int more = 1;

	for (uint32_t i = 0; b->base && i < b->name_count; i++)
		if (b->names[i].offset)
			wanted_add(w, b->names[i].offset, i);
	stream_open(&s, b, b->strings_at, b->strings_size, buffer);
	if (!s.size)
		more = stream_fill(&s, 0);
	while (more >= 0) {
		const uint8_t *start = s.data + pos;
		const uint8_t *end = s.size > pos ? memchr(start, 0, s.size - pos) : NULL;
		size_t length;

		if (!end) {
			more = stream_fill(&s, pos);
			pos = 0;
			if (!more)
				return 0;
			continue;
		}
		length = (size_t)(end - start);
		if (length && b->buckets[bucket_of((const char *)start)] >= 0)
			string_match(b, w, (const char *)start, length, offset + b->string_shift);
		offset += (uint32_t)length + 1;
		pos += length + 1;
	}
	return more;
}

int64_t btf_tail_size(const struct btf_type_head *t)
{
	static const int8_t fixed[KIND_LIMIT] = { [KIND_INT] = 4, [KIND_ARRAY] = 12, [KIND_VAR] = 4, [KIND_DECL_TAG] = 4 };
	static const int8_t each[KIND_LIMIT] = {
		[KIND_STRUCT] = 12, [KIND_UNION] = 12, [KIND_ENUM] = 8, [KIND_FUNC_PROTO] = 8, [KIND_DATASEC] = 12,
		[KIND_ENUM64] = 12,
	};
	uint32_t kind = btf_kind(t);

	if (!kind || kind >= KIND_LIMIT)
		return -1;
	return fixed[kind] + (int64_t)each[kind] * btf_vlen(t);
}

static void match_add(struct btf *b, struct wanted *w, uint32_t offset, uint32_t id, uint32_t kind, int64_t value)
{
	for (uint32_t i = *wanted_bucket(w, offset); i; i = w->hits[i - 1].next) {
		if (w->hits[i - 1].offset != offset)
			continue;
		b->matches = array_grow(b->matches, b->match_count, &b->match_room, sizeof(*b->matches));
		b->matches[b->match_count++] = (struct btf_match){ w->hits[i - 1].name, id, kind, value };
	}
}

static void enumerators_match(struct btf *b, struct wanted *w, const struct btf_type_head *t, uint32_t id)
{
	const uint32_t *e = (const uint32_t *)(t + 1);
	bool is_signed = t->info >> 31, wide = btf_kind(t) == KIND_ENUM64;

	for (uint32_t i = 0; i < btf_vlen(t); i++, e += wide ? 3 : 2) {
		int64_t value = wide ? (int64_t)((uint64_t)e[2] << 32 | e[1]) : is_signed ? (int32_t)e[1] : (int64_t)e[1];

		match_add(b, w, e[0], id, KIND_LIMIT, value);
	}
}

static void index_add(struct btf *b, uint32_t id, uint32_t at, uint32_t *room)
{
	if (id % STRIDE)
		return;
	b->index = array_grow(b->index, id / STRIDE, room, sizeof(*b->index));
	b->index[id / STRIDE] = at;
	b->index_count = id / STRIDE + 1;
}

/* Types lie one behind the other from id 1 on; the slot of id 0 stands for `void` and points to the start. */
static int types_scan(struct btf *b, struct wanted *w, uint8_t *buffer)
{
	uint32_t id = 1, at = 0, room = b->index_count;
	struct stream s;
	size_t pos = 0;

	stream_open(&s, b, b->types_at, b->types_size, buffer);
	index_add(b, 0, 0, &room);
	while (at < b->types_size) {
		const struct btf_type_head *t = (const struct btf_type_head *)(s.data + pos);
		size_t left = s.size - pos;
		int64_t tail = left >= sizeof(*t) ? btf_tail_size(t) : 0;
		int ret;

		if (left < sizeof(*t) || left - sizeof(*t) < (uint64_t)tail) {
			if (tail < 0)
				return -ENOTSUP;
			ret = stream_fill(&s, pos);
			if (ret <= 0)
				return ret ? ret : -EBADMSG;
			pos = 0;
			continue;
		}
		if (tail < 0)
			return -ENOTSUP;
		index_add(b, id, at, &room);
		if (t->name)
			match_add(b, w, t->name, id + b->id_shift, btf_kind(t), 0);
		if (btf_kind(t) == KIND_ENUM || btf_kind(t) == KIND_ENUM64)
			enumerators_match(b, w, t, id + b->id_shift);
		pos += sizeof(*t) + (size_t)tail;
		at += (uint32_t)(sizeof(*t) + (size_t)tail);
		id++;
	}
	b->type_count = id;
	return 0;
}

int btf_index_update(struct btf *b)
{
	struct wanted w = { 0 };
	uint8_t *buffer = NULL;
	int ret;

	if (!b->pending)
		return 0;
	if (!b->map && !(buffer = pages_alloc(BUFFER_SIZE)))
		return -ENOMEM;
	ret = strings_scan(b, &w, buffer);
	if (!ret)
		ret = types_scan(b, &w, buffer);
	pages_free(buffer, BUFFER_SIZE);
	for (uint32_t i = 0; i < b->name_count; i++)
		b->names[i].found = true;
	b->pending = 0;
	return ret;
}

/* ---- types by id ---- */

const char *btf_string(struct btf *b, uint32_t offset, char *buf, size_t size)
{
	ssize_t n;

	if (offset < b->string_shift)
		return btf_string(b->base, offset, buf, size);
	offset -= b->string_shift;
	if (offset >= b->strings_size)
		return "";
	if (b->map) {
		const char *s = (const char *)b->map + b->strings_at + offset;

		return memchr(s, 0, b->strings_size - offset) ? s : "";
	}
	n = pread(b->fd, buf, size - 1, (off_t)(b->strings_at + offset));
	buf[n > 0 ? n : 0] = 0;
	return buf;
}

/* The types from the place index[n] on to the next such place: `size` bytes, valid for the run. */
static const uint8_t *stride_get(struct btf *b, uint32_t n, uint32_t *size)
{
	uint32_t start = b->index[n], end = n + 1 < b->index_count ? b->index[n + 1] : b->types_size;
	uint8_t *copy;

	*size = end - start;
	if (b->map)
		return b->map + b->types_at + start;
	if (!b->strides)
		b->strides = arena_alloc(b->index_count * sizeof(*b->strides));
	if (!b->strides[n]) {
		copy = arena_alloc(*size);
		if (read_at(b, copy, *size, b->types_at + start))
			return NULL;
		b->strides[n] = copy;
	}
	return b->strides[n];
}

const struct btf_type_head *btf_type_get(struct btf *b, uint32_t id)
{
	const struct btf_type_head *t;
	const uint8_t *at;
	uint32_t left, i;
	size_t size;

	if (b->base && id <= b->id_shift)
		return btf_type_get(b->base, id);
	id -= b->id_shift;
	if (!id || id >= b->type_count)
		return NULL;
	at = stride_get(b, id / STRIDE, &left);
	for (i = id < STRIDE ? 1 : id / STRIDE * STRIDE; at && left >= sizeof(*t); i++) {
		t = (const struct btf_type_head *)at;
		size = sizeof(*t) + (size_t)btf_tail_size(t);
		if (size < sizeof(*t) || size > left)
			return NULL;
		if (i == id)
			return t;
		at += size;
		left -= (uint32_t)size;
	}
	return NULL;
}
