/* stack.c - kernel and user stacks, and single symbols.
 *
 * Role: a stack value stands for frames that came before it in an event of their own (docs/architecture.md).  The names of
 * a user stack are looked up once when it comes: that reads mappings and files of its process, which may be gone later.
 * Modes: `bpftrace` (eight spaces, symbol+offset), `perf` (tab, address, symbol, module), `raw` (addresses), `build_id`.
 * A stack begins with a line break, so that it reads well behind "@[" and in the middle of a line. */
#include "ksyms.h"
#include "cxx_name.h"
#include "output_internal.h"
#include "parts.h"
#include "usyms.h"

#define BUILD_ID_SIZE 20
#define BUILD_ID_VALID 1
#define BUCKETS 4096

struct stack {
	struct stack *next;
	size_t size;                    /* of the frames, bytes */
	uint64_t value[2];              /* id; frames and process */
	uint8_t frames[];
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

	text_str(b, HAS(SYMBOLS) && o->env->cfg.cpp_demangle && cxx_name(name, plain, sizeof(plain)) ? plain : name);
}

/* "@directory/file:line" */
static void line_text(struct textbuf *b, const struct source *line)
{
	const char *parts[] = {line->base, line->dir, line->file};
	unsigned first = *line->file == '/' ? 2 : *line->dir == '/' ? 1 : 0;

	text_char(b, '@');
	for (unsigned i = first; i < 3; i++) {
		text_str(b, parts[i]);
		if (i < 2 && *parts[i])
			text_char(b, '/');
	}
	text_char(b, ':');
	text_u64(b, line->line);
}

static struct usym find_usym(struct output *o, uint64_t addr, uint32_t pid)
{
	if (!o->usyms)
		o->usyms = usyms_open(o->env);
	return usyms_find(o->usyms, pid, addr);
}

void usym_text(struct output *o, struct textbuf *b, uint64_t addr, uint32_t pid)
{
	struct usym sym;

	if (!HAS(SYMBOLS))
		return;  /* payload_read_fd() refuses such scripts */
	if (o->usyms)
		usyms_recheck(o->usyms);
	sym = find_usym(o, addr, pid);
	if (sym.name)
		symbol_text(o, b, sym.name);
	else
		text_address(b, addr);
}

static void begin_frame(struct textbuf *b, bool perf, uint64_t addr)
{
	if (!perf) {
		text_fill(b, ' ', 8);
		return;
	}
	text_char(b, '\t');
	text_hex(b, addr);
	text_char(b, ' ');
}

/* The functions that the compiler inlined there are frames, too: the innermost comes first. */
static void put_inlined(struct output *o, struct textbuf *b, const struct place *p, bool perf, uint64_t addr)
{
	for (unsigned i = p->count; i--;) {
		if (!perf)
			text_str(b, "[inlined] ");
		symbol_text(o, b, p->inlined[i].name);
		if (perf)
			text_str(b, " (inlined)");
		else
			line_text(b, i + 1 < p->count ? &p->inlined[i + 1].call : &p->line);
		text_char(b, '\n');
		begin_frame(b, perf, addr);
	}
}

static void put_user_frame(struct output *o, struct textbuf *b, bool perf, uint64_t addr, uint32_t pid)
{
	struct usym sym = find_usym(o, addr, pid);
	const struct place *p = usyms_place(o->usyms, &sym);

	if (p)
		put_inlined(o, b, p, perf, addr);
	if (sym.name) {
		symbol_text(o, b, sym.name);
		text_char(b, '+');
		text_u64(b, sym.offset);
	} else {
		text_address(b, addr);
	}
	if (perf)
		text_printf(b, " (%s)", sym.name && sym.module ? sym.module : "[unknown]");
	else if (p)
		line_text(b, p->count ? &p->inlined[0].call : &p->line);
}

static void put_frame(struct output *o, struct textbuf *b, int64_t mode, bool user, uint64_t addr, uint32_t pid)
{
	bool perf = mode == BTAOT_STACK_MODE_PERF;

	if (mode == BTAOT_STACK_MODE_RAW) {
		text_hex(b, addr);
	} else {
		begin_frame(b, perf, addr);
		if (!user)
			ksym_text(o, b, addr, true);
		else if (HAS(SYMBOLS))
			put_user_frame(o, b, perf, addr, pid);
	}
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

static void put_frames(struct output *o, struct textbuf *b, const struct btaot_type *t, const struct stack *s)
{
	bool user = t->kind == BTAOT_TYPE_KIND_USTACK;
	uint32_t frame_size = t->p0 == BTAOT_STACK_MODE_BUILD_ID ? sizeof(struct build_id_frame) : sizeof(uint64_t);

	for (uint32_t i = 0; (i + 1) * frame_size <= s->size; i++) {
		const uint8_t *frame = s->frames + (size_t)i * frame_size;

		if (t->p0 == BTAOT_STACK_MODE_BUILD_ID) {
			struct build_id_frame f;

			memcpy(&f, frame, sizeof(f));
			put_build_id_frame(b, &f);
		} else if (load_u64(frame) == UINT64_MAX) {
			text_str(b, "        <unwind failure>\n");
			return;
		} else {
			put_frame(o, b, t->p0, user, load_u64(frame), load_u32((const uint8_t *)s->value + 12));
		}
	}
}

static struct stack **find_stack(struct output *o, const uint64_t value[2])
{
	struct stack **s;

	if (!o->stacks)
		o->stacks = arena_alloc(BUCKETS * sizeof(o->stacks[0]));
	for (s = &o->stacks[value[0] % BUCKETS]; *s && memcmp((*s)->value, value, sizeof((*s)->value));)
		s = &(*s)->next;
	return s;
}

void stack_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p)
{
	uint64_t value[2] = {load_u64(p), load_u64(p + 8)};
	const struct stack *s = *find_stack(o, value);

	text_char(b, '\n');
	if (!s)
		return;
	if (o->usyms)
		usyms_recheck(o->usyms);
	put_frames(o, b, t, s);
}

void stack_add(struct output *o, const struct btaot_type *t, const uint8_t *p, size_t size)
{
	uint64_t value[2] = {load_u64(p), load_u64(p + 8)};
	struct stack **s = find_stack(o, value);

	if (*s)
		return;  /* it had been forgotten */
	*s = arena_alloc(sizeof(**s) + size - sizeof(value));
	(*s)->size = size - sizeof(value);
	memcpy((uint8_t *)*s + offsetof(struct stack, value), p, size);
	if (t->kind == BTAOT_TYPE_KIND_USTACK && !o->env->cfg.lazy_symbolication) {
		o->line.len = 0;
		stack_text(o, &o->line, t, p);
	}
}
