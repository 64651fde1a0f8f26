/* stack.c - kernel and user stacks, and single symbols.
 *
 * Role: a stack value is an id; its frames are in the map of role STACKS (docs/architecture.md).  Modes: `bpftrace`
 * (eight spaces, symbol+offset), `perf` (tab, address, symbol, module), `raw` (addresses), `build_id`.
 * A stack begins with a line break, so that it reads well behind "@[" and in the middle of a line. */
#include <stdlib.h>

#include "ksyms.h"
#include "cxx_name.h"
#include "output_internal.h"
#include "sys_bpf.h"
#include "usyms.h"

#define BUILD_ID_SIZE 20
#define BUILD_ID_VALID 1

/* Key of the stacks map. */
struct stack_key {
	uint64_t id;
	uint32_t frames, user;
};

/* One frame in build_id mode, as the kernel stores it. */
struct build_id_frame {
	int32_t status;
	uint8_t id[BUILD_ID_SIZE];
	uint64_t offset;                /* or the address, if the status says so */
};

void ksym_text(struct output *o, struct textbuf *b, uint64_t addr, bool offset)
{
	const char *name;
	uint64_t off;

	if (!o->ksyms)
		o->ksyms = ksyms_open();
	name = ksyms_find(o->ksyms, addr, &off);
	if (!name) {
		text_address(b, addr);
		return;
	}
	text_str(b, name);
	if (offset) {
		text_char(b, '+');
		text_u64(b, off);
	}
}

void symbol_text(struct output *o, struct textbuf *b, const char *name)
{
	char plain[2048];

	text_str(b, o->env->cfg.cpp_demangle && cxx_name(name, plain, sizeof(plain)) ? plain : name);
}

void usym_text(struct output *o, struct textbuf *b, uint64_t addr, uint32_t pid, bool offset, bool module)
{
	struct usym sym;

	if (!o->usyms)
		o->usyms = usyms_open();
	if (!offset)
		usyms_recheck(o->usyms);  /* a symbol by itself, no frame of a stack */
	sym = usyms_find(o->usyms, pid, addr);
	if (sym.name) {
		symbol_text(o, b, sym.name);
		if (offset) {
			text_char(b, '+');
			text_u64(b, sym.offset);
		}
	} else {
		text_address(b, addr);
	}
	if (module) {
		text_str(b, " (");
		text_str(b, sym.name && sym.module ? sym.module : "[unknown]");
		text_char(b, ')');
	}
}

static void put_frame(struct output *o, struct textbuf *b, int64_t mode, bool user, uint64_t addr, uint32_t pid)
{
	if (mode == BTAOT_STACK_MODE_RAW) {
		text_hex(b, addr);
		text_char(b, '\n');
		return;
	}
	if (mode == BTAOT_STACK_MODE_PERF) {
		text_char(b, '\t');
		text_hex(b, addr);
		text_char(b, ' ');
	} else {
		text_fill(b, ' ', 8);
	}
	if (user)
		usym_text(o, b, addr, pid, true, mode == BTAOT_STACK_MODE_PERF);
	else
		ksym_text(o, b, addr, true);
	text_char(b, '\n');
}

static void put_build_id_frame(struct textbuf *b, const struct build_id_frame *f)
{
	if (f->status == BUILD_ID_VALID) {
		for (unsigned i = 0; i < BUILD_ID_SIZE; i++)
			text_printf(b, "%02x", f->id[i]);
		text_printf(b, " 0x%02llx\n", (unsigned long long)f->offset);
	} else {
		text_hex(b, f->offset);
		text_char(b, '\n');
	}
}

static void put_frames(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *ips,
		       uint32_t size, uint32_t frames, uint32_t pid)
{
	bool user = t->kind == BTAOT_TYPE_KIND_USTACK;
	uint32_t frame_size = t->p0 == BTAOT_STACK_MODE_BUILD_ID ? sizeof(struct build_id_frame) : sizeof(uint64_t);

	for (uint32_t i = 0; i < frames && (i + 1) * frame_size <= size && (t->p1 <= 0 || i < t->p1); i++) {
		if (t->p0 == BTAOT_STACK_MODE_BUILD_ID) {
			struct build_id_frame f;

			memcpy(&f, ips + (size_t)i * sizeof(f), sizeof(f));
			put_build_id_frame(b, &f);
		} else if (load_u64(ips + (size_t)i * 8) == UINT64_MAX) {
			text_str(b, "        <unwind failure>\n");
			return;
		} else {
			put_frame(o, b, t->p0, user, load_u64(ips + (size_t)i * 8), pid);
		}
	}
}

void stack_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p)
{
	struct stack_key key = {load_u64(p), load_u32(p + 8), t->kind == BTAOT_TYPE_KIND_USTACK};
	uint32_t size;
	uint8_t *ips;

	text_char(b, '\n');
	if (!key.frames || t->p2 < 0 || t->p2 >= o->payload->map_count)
		return;
	size = o->payload->maps[t->p2].value_size;
	ips = malloc(size);
	if (!ips)
		return;
	if (o->usyms)
		usyms_recheck(o->usyms);
	if (bpf_map_lookup(o->env->map_fds[t->p2], &key, ips) == 0)
		put_frames(o, b, t, ips, size, key.frames, load_u32(p + 12));
	free(ips);
}
