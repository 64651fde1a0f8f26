/* payload.h - the script that this executable carries, checked and ready for use in place.
 *
 * `struct payload` gives one typed pointer and one count per table of `.btaot.meta`
 * (btaot_tool/payload/layout.py).  After payload_validate() every string reference, table reference,
 * range and enum of every table is in bounds, so that users index without checks of their own. */
#ifndef BTAOT_PAYLOAD_H
#define BTAOT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "payload_layout.h"

struct bpf_insn;

struct payload {
	const struct btaot_header *header;
	const char *strings;
	uint32_t string_count;                          /* bytes of the string table */
	const uint8_t *btf;                             /* BTF of the programs (may be empty) */
	uint32_t btf_count;                             /* bytes */
	const struct btaot_program *programs;
	uint32_t program_count;
	const struct btaot_attach *attaches;
	uint32_t attach_count;
	const struct btaot_map *maps;
	uint32_t map_count;
	const struct btaot_symbol *symbols;
	uint32_t symbol_count;
	const struct btaot_reloc *relocs;
	uint32_t reloc_count;
	const struct btaot_type *types;
	uint32_t type_count;
	const struct btaot_field *fields;
	uint32_t field_count;
	const struct btaot_enumerator *enumerators;
	uint32_t enumerator_count;
	const struct btaot_action *actions;
	uint32_t action_count;
	const struct btaot_piece *pieces;
	uint32_t piece_count;
	const struct btaot_param *params;
	uint32_t param_count;                           /* named parameters */
	const struct btaot_config *configs;
	uint32_t config_count;
	const struct btaot_func_info *func_infos;
	uint32_t func_info_count;
	const struct btaot_line_info *line_infos;
	uint32_t line_info_count;
	const struct bpf_insn *text;                    /* instructions of all programs */
	uint32_t insn_count;
};

/* The string at offset `ref` of the string table. */
static inline const char *payload_str(const struct payload *p, uint32_t ref)
{
	return p->strings + ref;
}

/* Check two byte strings (8-byte aligned) and point `p` into them.  Returns NULL, or what is wrong with them: a
 * static text.  `check_digest` is false only for fuzzers, which could not get past it. */
const char *payload_validate(struct payload *p, const void *meta, size_t meta_size, const void *text, size_t text_size,
			     bool check_digest);

/* Read both sections of an open ELF file (/proc/self/exe, a memfd) and validate them; prints what is wrong, with `name`. */
int payload_read_fd(struct payload *p, int fd, const char *name);

#endif
