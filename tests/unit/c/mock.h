/* mock.h - a payload and maps made by hand, for tests of the output side of aot-rt.
 *
 * Role: tests add types, actions and records with the functions below and look at the text that comes out.  The functions of
 * maps.h are replaced by a table of rows, so that no kernel and no privilege is needed. */
#ifndef BTAOT_TEST_MOCK_H
#define BTAOT_TEST_MOCK_H

#include "attach.h"
#include "env.h"
#include "maps.h"
#include "output_internal.h"

extern struct env mock_env;
extern int mock_failures;

/* Forget everything and open the output (json: -f json). */
void mock_reset(bool json);
uint32_t mock_str(const char *s);
/* A type without parts; the caller may change the returned row. */
uint32_t mock_type(uint8_t kind, uint32_t size, uint8_t flags);
struct btaot_type *mock_type_at(uint32_t type);
/* A tuple, record or struct of the given field types, laid out one behind the other with natural alignment. */
struct mock_field {
	const char *name;
	uint32_t type;
};
uint32_t mock_fields(uint8_t kind, uint32_t start, const struct mock_field *fields, uint16_t count);
uint32_t mock_enum(uint32_t size, const char *const *names, const int64_t *values, uint16_t count);
uint32_t mock_action(uint16_t kind, uint32_t args);
struct btaot_action *mock_action_at(uint32_t action);
/* A printf-like action for a format with one conversion per argument: "%-5d|%s\n"; l, h, hh as in C. */
uint32_t mock_printf(uint16_t kind, const char *format, const uint32_t *types, uint16_t count);
uint32_t mock_map(const char *name, uint16_t flags, uint32_t key_type, uint32_t value_type);
/* A row; a per-CPU map takes the values of all CPUs one after the other, each rounded up to 8 bytes. */
void mock_row(uint32_t map, const void *key, const void *values);

/* Bytes of a record under construction; put them with natural alignment. */
struct mock_record {
	uint8_t bytes[4096];
	uint32_t size;
};
void record_start(struct mock_record *r, uint32_t action);
void record_put(struct mock_record *r, const void *value, uint32_t size, uint32_t align);
void record_int(struct mock_record *r, uint64_t value, uint32_t size);
/* A VSTRING or VBUFFER: the pair here, the bytes at the end (record_send appends them). */
void record_string(struct mock_record *r, const void *s, uint16_t size, bool cut);
void record_send(struct mock_record *r);

/* What was printed since the last call; valid until the next one. */
const char *mock_output(void);
/* Compare and report. */
void expect(const char *what, const char *got, const char *want);
#define EXPECT(got, want) expect(__func__, got, want)

#endif
