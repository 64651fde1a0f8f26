/* btf_index.h - access to one BTF file: names, types by id.  Only btf*.c use it.
 *
 * A module's BTF (5.11) goes on where the kernel's ends, with ids and with offsets of strings; its names are numbered as
 * the kernel's. */
#ifndef BTAOT_BTF_INDEX_H
#define BTAOT_BTF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD, KIND_TYPEDEF, KIND_VOLATILE,
	KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC, KIND_FLOAT, KIND_DECL_TAG,
	KIND_TYPE_TAG, KIND_ENUM64, KIND_LIMIT,
};

struct btf_type_head {
	uint32_t name, info, size; /* `size` is the type's id for those that refer to one */
};

/* Types, functions and enumerators that have a wanted name (its flavours `name___x` included). */
struct btf_match {
	uint32_t name;          /* index of the wanted name */
	uint32_t id;
	uint32_t kind;          /* KIND_LIMIT: an enumerator of the enum `id` */
	int64_t value;          /* of the enumerator */
};

struct btf_name {
	const char *text;
	uint32_t length;
	uint32_t offset;        /* in the strings, 0: the kernel has no such name */
	int32_t next;           /* in its bucket */
	bool found;             /* a pass was made for it */
};

struct btf {
	struct btf *base;       /* of a module: the kernel's */
	struct btf *next;       /* modules that have wanted names; the kernel's points to the first */
	const char *module;     /* "vmlinux" for the kernel itself */
	uint32_t id_shift, string_shift;  /* what comes before in the base */
	uint32_t modules_for;   /* number of names that modules were searched for */
	int fd;
	const uint8_t *map;     /* whole file, or NULL: read() through buffers */
	size_t map_size;
	uint64_t types_at, strings_at;  /* in the file */
	uint32_t types_size, strings_size;
	uint32_t *index;        /* place of every 64th type */
	uint32_t index_count, type_count;
	struct btf_name *names;
	uint32_t name_count, name_room;
	int32_t buckets[256];
	uint32_t pending;       /* names without a pass */
	struct btf_match *matches;
	uint32_t match_count, match_room;
	const uint8_t **strides; /* the types from each place of the index on, if they were read */
	int error;              /* of opening: given to every lookup */
};

static inline uint32_t btf_kind(const struct btf_type_head *t)
{
	return t->info >> 24 & 0x1f;
}

static inline uint32_t btf_vlen(const struct btf_type_head *t)
{
	return t->info & 0xffff;
}

/* Bytes that follow a type's head, or -1 for a kind that is not known. */
int64_t btf_tail_size(const struct btf_type_head *t);
/* Open FILE, raw BTF or an ELF file with a .BTF section.  0 or -errno. */
int btf_index_open(struct btf *b, const char *path);
void btf_index_close(struct btf *b);
/* Index of a name, added if it is new. */
uint32_t btf_name_index(struct btf *b, const char *text, size_t length);
/* Begin with a module's file: all names of its base are to be looked for in it. */
void btf_index_follow(struct btf *b);
/* The string at an offset; `buf` may be used. */
const char *btf_string(struct btf *b, uint32_t offset, char *buf, size_t size);
/* Make a pass if there are names that were never looked for. */
int btf_index_update(struct btf *b);
/* A type with all its members, valid for the run; NULL if there is none. */
const struct btf_type_head *btf_type_get(struct btf *b, uint32_t id);

#endif
