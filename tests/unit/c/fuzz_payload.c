/* fuzz_payload.c - the payload reader against damaged payloads.
 *
 *   fuzz_payload flips META TEXT          every single-bit flip must be refused with a message
 *   fuzz_payload cuts META TEXT           every truncation must be refused
 *   fuzz_payload mutate META TEXT N SEED  N random changes with the digest check off; what passes is walked completely
 *
 * Compiled with AddressSanitizer (gcc) by test_runtime_payload.py.  With -DLIBFUZZER the last mode is the entry of
 * libFuzzer instead.  Buffers have exactly the size of the sections, so that a read past the end is seen. */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"

static volatile uint64_t sink;

static void walk_string(const struct payload *p, uint32_t ref)
{
	sink += strlen(payload_str(p, ref));
}

static void walk_type(const struct payload *p, uint32_t type, int depth)
{
	const struct btaot_type *t = &p->types[type];

	if (depth > 100)
		abort();
	walk_string(p, t->name);
	if (t->kind == BTAOT_TYPE_KIND_ARRAY)
		walk_type(p, t->elem, depth + 1);
	if (t->kind == BTAOT_TYPE_KIND_ENUM)
		for (uint32_t i = 0; i < t->count; i++)
			walk_string(p, p->enumerators[t->first + i].name);
	if (t->kind != BTAOT_TYPE_KIND_STRUCT && t->kind != BTAOT_TYPE_KIND_TUPLE && t->kind != BTAOT_TYPE_KIND_RECORD)
		return;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct btaot_field *f = &p->fields[t->first + i];

		walk_string(p, f->name);
		if ((uint64_t)f->offset + p->types[f->type].size > t->size)
			abort();
		/* A tree of many equal branches would take for ever; one of them shows enough. */
		if (!i || depth < 3)
			walk_type(p, f->type, depth + 1);
	}
}

static void walk_program(const struct payload *p, const struct btaot_program *prog)
{
	for (uint32_t i = 0; i < prog->insn_count; i++)
		sink += (uint64_t)p->text[prog->insn_off + i].imm;
	for (uint32_t i = 0; i < prog->reloc_count; i++) {
		const struct btaot_reloc *r = &p->relocs[prog->reloc_first + i];

		sink += p->text[prog->insn_off + r->insn].code;
		if (r->form == BTAOT_RELOC_FORM_IMM64)
			sink += (uint64_t)p->text[prog->insn_off + r->insn + 1].imm;
		sink += r->form == BTAOT_RELOC_FORM_CALLBACK ? p->text[prog->insn_off + r->symbol].code : p->symbols[r->symbol].kind;
	}
	for (uint32_t i = 0; i < prog->func_count; i++)
		sink += p->func_infos[prog->func_first + i].type_id;
	for (uint32_t i = 0; i < prog->line_count; i++)
		sink += p->line_infos[prog->line_first + i].line_col;
}

static void walk_action(const struct payload *p, const struct btaot_action *a)
{
	walk_string(p, a->fmt);
	if (a->args != BTAOT_NONE)
		walk_type(p, a->args, 0);
	if (a->map != BTAOT_NONE)
		walk_string(p, p->maps[a->map].name);
	for (uint32_t i = 0; i < a->piece_count; i++) {
		const struct btaot_piece *piece = &p->pieces[a->piece_first + i];
		const char *text = payload_str(p, piece->text);

		for (uint32_t n = 0; n <= piece->text_len; n++)
			sink += (uint64_t)text[n];
		if (piece->arg != 0xffff)
			sink += p->fields[p->types[a->args].first + piece->arg].offset;
	}
}

/* Use everything that a valid payload promises. */
static void walk(const struct payload *p)
{
	walk_string(p, p->header->script);
	walk_string(p, p->header->license);
	for (uint32_t i = 0; i < p->program_count; i++)
		walk_program(p, &p->programs[i]);
	for (uint32_t i = 0; i < p->attach_count; i++)
		walk_string(p, p->programs[p->attaches[i].program].name);
	for (uint32_t i = 0; i < p->map_count; i++) {
		walk_string(p, p->maps[i].name);
		if (p->maps[i].key_type != BTAOT_NONE)
			walk_type(p, p->maps[i].key_type, 0);
		if (p->maps[i].value_type != BTAOT_NONE)
			walk_type(p, p->maps[i].value_type, 0);
	}
	for (uint32_t i = 0; i < p->type_count; i++)
		walk_type(p, i, 2);
	for (uint32_t i = 0; i < p->action_count; i++)
		walk_action(p, &p->actions[i]);
	for (uint32_t i = 0; i < p->param_count; i++)
		walk_string(p, p->params[i].help);
	for (uint32_t i = 0; i < p->config_count; i++)
		walk_string(p, p->configs[i].value);
	for (uint32_t i = 0; i < p->btf_count; i++)
		sink += p->btf[i];
}

static bool accepted(const uint8_t *meta, size_t meta_size, const uint8_t *text, size_t text_size, bool digest)
{
	struct payload p;

	if (payload_validate(&p, meta, meta_size, text, text_size, digest))
		return false;
	walk(&p);
	return true;
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t meta_size;

	if (size < 20)
		return 0;
	memcpy(&meta_size, data + offsetof(struct btaot_header, meta_size), sizeof(meta_size));
	meta_size = (meta_size < size ? meta_size : (uint32_t)size) & ~7u;
	accepted(data, meta_size, data + meta_size, size - meta_size, false);
	return 0;
}
#else

static uint8_t *load(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;

	if (!f || fseek(f, 0, SEEK_END))
		exit(2);
	*size = (size_t)ftell(f);
	rewind(f);
	data = malloc(*size + !*size);
	if (!data || fread(data, 1, *size, f) != *size)
		exit(2);
	fclose(f);
	return data;
}

static int flips(uint8_t *meta, size_t meta_size, uint8_t *text, size_t text_size)
{
	for (size_t bit = 0; bit < (meta_size + text_size) * 8; bit++) {
		uint8_t *byte = bit / 8 < meta_size ? meta + bit / 8 : text + bit / 8 - meta_size;

		*byte ^= (uint8_t)(1u << bit % 8);
		if (accepted(meta, meta_size, text, text_size, true)) {
			fprintf(stderr, "a flip of bit %zu of byte %zu is not noticed\n", bit % 8, bit / 8);
			return 1;
		}
		*byte ^= (uint8_t)(1u << bit % 8);
	}
	printf("%zu flips refused\n", (meta_size + text_size) * 8);
	return 0;
}

static int cuts(const uint8_t *meta, size_t meta_size, const uint8_t *text, size_t text_size)
{
	for (size_t n = 0; n < meta_size + text_size; n++) {
		size_t m = n < meta_size ? n : meta_size, t = n < meta_size ? 0 : n - meta_size;
		uint8_t *meta_cut = malloc(m + 1), *text_cut = malloc(t + 1);

		memcpy(meta_cut, meta, m);
		memcpy(text_cut, text, t);
		if (accepted(meta_cut, m, text_cut, t, true)) {
			fprintf(stderr, "a payload cut to %zu bytes is not noticed\n", n);
			return 1;
		}
		free(meta_cut);
		free(text_cut);
	}
	printf("%zu cuts refused\n", meta_size + text_size);
	return 0;
}

static uint64_t random_state;

static uint32_t random_number(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static void change(uint8_t *data, size_t size)
{
	static const uint32_t words[] = { 0, 1, 2, 7, 8, 16, 255, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8 };
	uint32_t at = random_number((uint32_t)size), word = words[random_number(sizeof(words) / sizeof(words[0]))];

	switch (random_number(4)) {
	case 0:
		data[at] ^= (uint8_t)(1u << random_number(8));
		return;
	case 1:
		data[at] = (uint8_t)random_number(256);
		return;
	case 2:
		at &= ~3u;
		memcpy(data + at, &word, at + 4 <= size ? 4 : size - at);
		return;
	default:
		word = random_number(64);
		at &= ~3u;
		memcpy(data + at, &word, at + 4 <= size ? 4 : size - at);
	}
}

static int mutate(const uint8_t *meta, size_t meta_size, const uint8_t *text, size_t text_size, long runs, uint64_t seed)
{
	uint8_t *m = malloc(meta_size), *t = malloc(text_size + 1);
	long passed = 0;

	random_state = seed * 2654435761u + 88172645463325252u;
	for (long i = 0; i < runs; i++) {
		memcpy(m, meta, meta_size);
		memcpy(t, text, text_size);
		for (uint32_t n = 1 + random_number(4); n; n--) {
			if (text_size && !random_number(5))
				change(t, text_size);
			else
				change(m, meta_size);
		}
		passed += accepted(m, meta_size, t, text_size, false);
	}
	printf("%ld runs, %ld accepted\n", runs, passed);
	free(m);
	free(t);
	return 0;
}

int main(int argc, char **argv)
{
	size_t meta_size, text_size;
	uint8_t *meta, *text;
	int ret = 2;

	if (argc < 4)
		return 2;
	meta = load(argv[2], &meta_size);
	text = load(argv[3], &text_size);
	if (!accepted(meta, meta_size, text, text_size, true))
		fprintf(stderr, "the payload itself is refused\n");
	else if (!strcmp(argv[1], "flips"))
		ret = flips(meta, meta_size, text, text_size);
	else if (!strcmp(argv[1], "cuts"))
		ret = cuts(meta, meta_size, text, text_size);
	else if (!strcmp(argv[1], "mutate") && argc == 6)
		ret = mutate(meta, meta_size, text, text_size, atol(argv[4]), strtoull(argv[5], NULL, 10));
	free(meta);
	free(text);
	return ret;
}
#endif
