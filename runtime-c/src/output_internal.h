/* output_internal.h - what the files of the output side share; nobody else includes it. */
#ifndef BTAOT_OUTPUT_INTERNAL_H
#define BTAOT_OUTPUT_INTERNAL_H

#include "env.h"
#include "output.h"
#include "textbuf.h"

struct format;  /* format.h */
struct ksyms;   /* ksyms.h */
struct stack;   /* stack.c */
struct usyms;   /* usyms.h */

/* Size of the output buffer: it is written out when it holds this much, at the end of a line. */
#define OUTPUT_BUFFER 65536

struct output {
	struct env *env;
	const struct payload *payload;
	bool json;
	enum buffer_mode mode;
	int fd;
	int error;                      /* -errno of the first write that failed */
	bool exited;                    /* an exit() action was handled */
	bool printf_only;               /* one in an iterator, which goes on: what bpftrace prints in the kernel is printed */
	uint64_t errors;                /* messages that were errors */
	struct textbuf text;            /* what is not written yet */
	struct textbuf line;            /* one formatted text on its way into JSON or to stderr */
	struct textbuf cell;            /* one key or frame on its way; never held over a call that formats a value */
	struct format **formats;        /* by action, compiled when the action first happens */
	struct ksyms *ksyms;            /* opened when the first kernel address is printed */
	struct usyms *usyms;
	struct stack **stacks;          /* hash table of all that came: stack.c */
	int64_t boot_to_real;           /* CLOCK_REALTIME - CLOCK_BOOTTIME; 0: not measured yet */
	uint64_t lost_seen, scratch_seen, stack_seen; /* losses that were reported */
	uint64_t *map_lost_seen;        /* by map */
};

/* Where a value lies: strings of variable length are found from the start of their record. */
struct value_src {
	const uint8_t *record;          /* NULL for values of maps */
	size_t size;
	uint64_t div;                   /* third argument of print(); 1 otherwise */
};

static inline const char *output_str(const struct output *o, uint32_t ref)
{
	return payload_str(o->payload, ref);
}

/* value.c: one value, as %s and print() show it or as JSON. */
void value_put(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p,
	       const struct value_src *src, bool json);
/* value.c: an integer of 1, 2, 4 or 8 bytes, sign-extended if asked. */
uint64_t load_int(const uint8_t *p, size_t size, bool is_signed);
uint64_t load_u64(const uint8_t *p);
uint32_t load_u32(const uint8_t *p);
/* Integer that a value of any integer-like kind stands for (INT, BOOL, ENUM, POINTER, aggregations). */
uint64_t value_int(const struct btaot_type *t, const uint8_t *p);
/* The bytes of a string value; *cut: it was longer than it could be.  Empty if the record is malformed. */
struct bytes {
	const uint8_t *p;
	size_t n;
	bool cut;
};
struct bytes value_bytes(const struct btaot_type *t, const uint8_t *p, const struct value_src *src);
/* How a field of a struct is read: a bitfield is copied out into `room`. */
const uint8_t *field_value(const struct btaot_type *t, const struct btaot_field *f, const uint8_t *base,
			   uint8_t room[8]);
/* The enumerator's name, or NULL. */
const char *enum_name(const struct output *o, const struct btaot_type *t, uint64_t v);
uint64_t divide_int(const struct btaot_type *t, uint64_t v, uint64_t div);

/* json.c */
void json_string(struct textbuf *b, const char *s, size_t n);
void json_key(struct textbuf *b, const char *s, size_t n);   /* a key of a map: without spaces and outer parentheses */
void json_u64(struct textbuf *b, uint64_t v);                /* quoted where a double cannot hold it */
void json_i64(struct textbuf *b, int64_t v);
/* {"type": TYPE, "data": TEXT}\n */
void json_message(struct output *o, const char *type, const char *s, size_t n);

/* stack.c: kernel and user stacks, one indented line per frame. */
/* Keep a stack that came: `size` bytes at p are its value and then its frames. */
void stack_add(struct output *o, const struct btaot_type *t, const uint8_t *p, size_t size);
void stack_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *p);
void ksym_text(struct output *o, struct textbuf *b, uint64_t addr, bool offset);
/* The name of a function, demangled unless the configuration says otherwise. */
void symbol_text(struct output *o, struct textbuf *b, const char *name);
void usym_text(struct output *o, struct textbuf *b, uint64_t addr, uint32_t pid);

/* names.c: numbers that the host has names for. */
void inet_text(struct textbuf *b, const uint8_t *p);
void mac_text(struct textbuf *b, const uint8_t *p);
void username_text(struct textbuf *b, uint32_t uid);
void cgroup_text(struct textbuf *b, uint64_t id, const char *filter);
void gfp_text(struct textbuf *b, uint64_t flags);

/* clock.c */
/* A time of a clock of the kernel as that of CLOCK_REALTIME, in ns. */
uint64_t clock_to_real(struct output *o, uint64_t ns, uint32_t clock);
void timestamp_text(struct output *o, struct textbuf *b, uint64_t ns, uint32_t clock, const char *fmt);
void time_text(struct textbuf *b, const char *fmt);
struct zone_time;
void strftime_text(struct textbuf *b, const char *fmt, const struct zone_time *t);

/* async.c: actions that run something. */
void async_cat(struct output *o, const char *path);
void async_system(struct output *o, const char *command);

/* output.c */
void output_written(struct output *o);     /* after every message: keeps the buffer below its limit */
int output_write(struct output *o, bool all);
/* print_map.c: a map as print(@map, top, div) does; 0 for top or div: not given. */
void print_map(struct output *o, uint32_t map, uint32_t top, uint32_t div, bool at_exit);
/* hist.c: the buckets of one histogram (already summed over the CPUs). */
void hist_text(struct textbuf *b, const struct btaot_type *t, const uint64_t *buckets, uint64_t div);
void hist_json(struct textbuf *b, const struct btaot_type *t, const uint64_t *buckets, uint64_t div);
/* message.c: errors and warnings of the script at a place in it. */
void message_location(struct output *o, const struct btaot_action *a, bool is_error, const char *msg, size_t n);
void message_helper(struct output *o, const struct btaot_action *a, const char *helper, int32_t ret);
void message_runtime(struct output *o, const struct btaot_action *a, const char *msg);
void message_losses(struct output *o);

#endif
