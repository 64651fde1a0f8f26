/* payload.c - read the two sections of the executable, check header, digest and directory.
 *
 * The sections are copied to aligned memory, because their place in the file is not aligned and they may be compressed
 * (as ELF compresses sections).  What is checked here: magic, version, machine, sizes, digest, the place of every table;
 * the contents of the tables are the concern of payload_check.c.  A file that was cut, changed or made for another machine gives one line and an error, never a
 * crash.  Runs on every kernel; a fuzzer calls payload_validate() with bytes of its own. */
#include "payload.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "inflate.h"
#include "parts.h"
#include "payload_check.h"
#include "section.h"
#include "sha256.h"
#include "util.h"

#define PAYLOAD_MAX (256u * 1024 * 1024)
#define INSN_SIZE 8
#define FOREIGN "the payload was made for another architecture"
#define DAMAGED "the payload is truncated or damaged"

#if defined(__x86_64__)
#define MACHINE 62
#elif defined(__aarch64__)
#define MACHINE 183
#elif defined(__riscv)
#define MACHINE 243
#elif defined(__s390x__)
#define MACHINE 22
#elif defined(__powerpc64__)
#define MACHINE 21
#elif defined(__arm__)
#define MACHINE 40
#elif defined(__loongarch__)
#define MACHINE 258
#elif defined(__mips__)
#define MACHINE 8
#elif defined(__i386__)
#define MACHINE 3
#else
#error "add the ELF machine number of this architecture"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ELF_DATA 1
#else
#define ELF_DATA 2
#endif

/* Where a table's pointer and count go in struct payload, and how large a record is. */
static const struct {
	size_t pointer, count, size;
} tables[BTAOT_TABLE_COUNT] = {
#define BYTES(t, p, c) [t] = { offsetof(struct payload, p), offsetof(struct payload, c), 1 }
#define RECORDS(t, p, c, r) [t] = { offsetof(struct payload, p), offsetof(struct payload, c), sizeof(struct r) }
	BYTES(BTAOT_TABLE_STRINGS, strings, string_count),
	BYTES(BTAOT_TABLE_BTF, btf, btf_count),
	RECORDS(BTAOT_TABLE_PROGRAMS, programs, program_count, btaot_program),
	RECORDS(BTAOT_TABLE_ATTACHES, attaches, attach_count, btaot_attach),
	RECORDS(BTAOT_TABLE_MAPS, maps, map_count, btaot_map),
	RECORDS(BTAOT_TABLE_SYMBOLS, symbols, symbol_count, btaot_symbol),
	RECORDS(BTAOT_TABLE_RELOCS, relocs, reloc_count, btaot_reloc),
	RECORDS(BTAOT_TABLE_TYPES, types, type_count, btaot_type),
	RECORDS(BTAOT_TABLE_FIELDS, fields, field_count, btaot_field),
	RECORDS(BTAOT_TABLE_ENUMERATORS, enumerators, enumerator_count, btaot_enumerator),
	RECORDS(BTAOT_TABLE_ACTIONS, actions, action_count, btaot_action),
	RECORDS(BTAOT_TABLE_PIECES, pieces, piece_count, btaot_piece),
	RECORDS(BTAOT_TABLE_PARAMS, params, param_count, btaot_param),
	RECORDS(BTAOT_TABLE_CONFIGS, configs, config_count, btaot_config),
	RECORDS(BTAOT_TABLE_FUNC_INFOS, func_infos, func_info_count, btaot_func_info),
	RECORDS(BTAOT_TABLE_LINE_INFOS, line_infos, line_info_count, btaot_line_info),
#undef BYTES
#undef RECORDS
};

/* Without source lines and trials a script can do. */
static const char *parts_check(uint32_t parts)
{
#define NEED(part, what) \
	do { \
		if (!HAS(part) && (parts & BTAOT_STUB_PART_##part)) \
			return "the script needs a stub with " what " (btaot stub --variant)"; \
	} while (0)
	NEED(SYMBOLS, "user symbols");
	NEED(UNWIND, "dw_ustack");
	NEED(TSERIES, "tseries()");
	NEED(PACKETS, "skboutput()");
	NEED(ITERS, "iter probes");
#undef NEED
	return NULL;
}

static const char *header_check(const struct btaot_header *h, size_t meta_size, size_t text_size)
{
	if (meta_size < sizeof(*h))
		return DAMAGED;
	if (h->magic == __builtin_bswap32(BTAOT_MAGIC))
		return FOREIGN;
	if (h->magic != BTAOT_MAGIC)
		return DAMAGED;
	if (h->version != BTAOT_VERSION)
		return "the payload has a format version that this runtime does not know";
	if (h->machine != MACHINE || h->elf_class != sizeof(void *) / 4 || h->elf_data != ELF_DATA)
		return FOREIGN;
	if (h->header_size != sizeof(*h) || h->meta_size != meta_size || h->text_size != text_size || text_size % INSN_SIZE)
		return DAMAGED;
	return parts_check(h->parts);
}

static bool digest_matches(const struct btaot_header *h, const void *meta, size_t meta_size, const void *text,
			   size_t text_size)
{
	static const uint8_t zero[BTAOT_DIGEST_SIZE];
	size_t at = offsetof(struct btaot_header, digest);
	uint8_t digest[BTAOT_DIGEST_SIZE];
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, meta, at);
	sha256_update(&s, zero, sizeof(zero));
	sha256_update(&s, (const char *)meta + at + sizeof(zero), meta_size - at - sizeof(zero));
	sha256_update(&s, text, text_size);
	sha256_final(&s, digest);
	return !memcmp(digest, h->digest, sizeof(digest));
}

static const char *directory_open(struct payload *p, const char *meta, size_t meta_size)
{
	for (int i = 0; i < BTAOT_TABLE_COUNT; i++) {
		const struct btaot_table *t = &p->header->tables[i];
		const void *start;

		if (t->offset % 8 || t->offset < sizeof(struct btaot_header) || t->offset > meta_size ||
		    t->count > (meta_size - t->offset) / tables[i].size)
			return DAMAGED;
		start = meta + t->offset;
		memcpy((char *)p + tables[i].pointer, &start, sizeof(start));
		memcpy((char *)p + tables[i].count, &t->count, sizeof(t->count));
	}
	return NULL;
}

const char *payload_validate(struct payload *p, const void *meta, size_t meta_size, const void *text, size_t text_size,
			     bool check_digest)
{
	const char *wrong;

	memset(p, 0, sizeof(*p));
	p->header = meta;
	wrong = header_check(p->header, meta_size, text_size);
	if (wrong)
		return wrong;
	if (check_digest && !digest_matches(p->header, meta, meta_size, text, text_size))
		return DAMAGED;
	p->text = text;
	p->insn_count = (uint32_t)(text_size / INSN_SIZE);
	wrong = directory_open(p, meta, meta_size);
	return wrong || payload_check(p) ? wrong : DAMAGED;
}

/* Read a section to `s->content`, unpacked if it is compressed; -ENOEXEC if it is damaged. */
static int section_read(int fd, struct section_place *s)
{
	const ElfW(Chdr) *packed = s->content = arena_alloc((size_t)s->size);
	ssize_t n = s->size ? pread(fd, s->content, (size_t)s->size, (off_t)s->offset) : 0;

	if (n < 0)
		return -errno;
	if ((uint64_t)n != s->size)
		return -ENOEXEC;
	if (!s->compressed)
		return 0;
	if (s->size < sizeof(*packed) || packed->ch_type != ELFCOMPRESS_ZLIB || packed->ch_size > PAYLOAD_MAX)
		return -ENOEXEC;
	s->size = packed->ch_size;
	s->content = arena_alloc((size_t)s->size);
	return zlib_inflate(s->content, (size_t)s->size, (const uint8_t *)(packed + 1), (size_t)n - sizeof(*packed)) ? 0 : -ENOEXEC;
}

int payload_read_fd(struct payload *p, int fd, const char *name)
{
	struct section_place s[2] = { { .name = BTAOT_SECTION_META }, { .name = BTAOT_SECTION_TEXT } };
	const char *wrong;
	int ret = sections_find(fd, s, 2);

	if (ret == -ENOEXEC) {
		err("%s: the file is truncated or damaged", name);
		return ret;
	}
	if (!ret && !s[0].found && !s[1].found) {
		err("%s: this is the bare runtime of btaot: it carries no script (build one with `btaot build`)", name);
		return -ENOEXEC;
	}
	if (!ret && (!s[0].found || !s[1].found || s[0].size > PAYLOAD_MAX || s[1].size > PAYLOAD_MAX)) {
		err("%s: " DAMAGED, name);
		return -ENOEXEC;
	}
	for (int i = 0; i < 2 && !ret; i++)
		ret = section_read(fd, &s[i]);
	if (ret && ret != -ENOEXEC) {
		err("%s: cannot read the payload: %s", name, strerror(-ret));
		return ret;
	}
	wrong = ret ? DAMAGED :
		payload_validate(p, s[0].content, (size_t)s[0].size, s[1].content, (size_t)s[1].size, true);
	if (wrong) {
		err("%s: %s", name, wrong);
		return -ENOEXEC;
	}
	return 0;
}
