/* test_random.c - records of random bytes and sizes for every kind of value, in blocks of exactly their size, so that
 * AddressSanitizer sees a read behind the end.  Nothing may crash; what is printed does not matter. */
#include <stdlib.h>
#include <unistd.h>

#include "mock.h"

static uint64_t state = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % n;
}

/* Kinds that neither run anything nor search the file system. */
static const struct { uint8_t kind; uint32_t size; } kinds[] = {
	{BTAOT_TYPE_KIND_BOOL, 1}, {BTAOT_TYPE_KIND_INT, 1}, {BTAOT_TYPE_KIND_INT, 8}, {BTAOT_TYPE_KIND_POINTER, 8},
	{BTAOT_TYPE_KIND_STRING, 16}, {BTAOT_TYPE_KIND_VSTRING, 4}, {BTAOT_TYPE_KIND_BUFFER, 20},
	{BTAOT_TYPE_KIND_VBUFFER, 4}, {BTAOT_TYPE_KIND_ENUM, 4}, {BTAOT_TYPE_KIND_TIMESTAMP, 16},
	{BTAOT_TYPE_KIND_INET, 20}, {BTAOT_TYPE_KIND_MAC, 8}, 
	{BTAOT_TYPE_KIND_PROBE_NAME, 4},
	{BTAOT_TYPE_KIND_COUNT, 8}, {BTAOT_TYPE_KIND_MIN, 16}, {BTAOT_TYPE_KIND_AVG, 16}, {BTAOT_TYPE_KIND_STATS, 16},
};

static void fill_actions(void)
{
	static const char *const formats[] = {"%d", "%5x", "%-9s", "%s", "%c", "%p", "%r", "%rx", "%rh", "%gr", "%hhd"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t type = mock_type(kinds[i].kind, kinds[i].size, (uint8_t)random_below(4));
		struct mock_field field = {NULL, type};

		mock_action(BTAOT_ACTION_KIND_PRINT, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, &field, 1));
		mock_printf(BTAOT_ACTION_KIND_PRINTF, formats[i % ARRAY_SIZE(formats)], &type, 1);
		mock_printf(BTAOT_ACTION_KIND_PRINTF, "<%s>", &type, 1);
		if (i % 4 == 0)
			mock_action(BTAOT_ACTION_KIND_JOIN, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, &field, 1));
	}
}

static void send_random(uint32_t actions)
{
	uint32_t size = random_below(64), head[2] = {random_below(actions + 2), random_below(80)};
	uint8_t *record = malloc(size + 1);

	for (uint32_t i = 0; i < size; i++)
		record[i] = (uint8_t)(random_below(3) ? random_below(256) : 0);
	if (size >= 8)
		memcpy(record, head, sizeof(head));
	record = realloc(record, size ? size : 1);
	output_event(&mock_env, record, size);
	mock_env.out->text.len = 0;
	free(record);
}

int main(void)
{
	for (int json = 0; json < 2; json++) {
		mock_reset(json);
		fill_actions();
		for (int i = 0; i < 100000; i++)
			send_random(mock_env.payload.action_count);
	}
	return mock_failures ? 1 : 0;
}
