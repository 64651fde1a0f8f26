/* test_maps.c - maps of aot-rt: sums over CPUs, order, histograms, time series, text and JSON.
 * Layout and numbers of the charts are those that bpftrace's documentation and users know; they are written by hand. */
#include <stdlib.h>

#include "mock.h"
#include "output_internal.h"

#define PERCPU BTAOT_MAP_FLAG_PERCPU
#define SCALAR BTAOT_MAP_FLAG_SCALAR
#define U64(...) ((uint64_t[]){__VA_ARGS__})

static void check_map(const char *what, uint32_t map, uint32_t top, uint32_t div, const char *want)
{
	print_map(mock_env.out, map, top, div, false);
	expect(what, mock_output(), want);
}

static uint32_t string_type(uint32_t size)
{
	return mock_type(BTAOT_TYPE_KIND_STRING, size, BTAOT_TYPE_FLAG_TRUNC_MARK);
}

static void test_counts(bool json)
{
	uint32_t map;

	mock_reset(json);
	map = mock_map("@n", PERCPU, string_type(8), mock_type(BTAOT_TYPE_KIND_COUNT, 8, 0));
	mock_row(map, "bash\0\0\0", U64(1, 2, 3));
	mock_row(map, "too long", U64(1, 0, 0));
	mock_row(map, "a b\0\0\0\0", U64(0, 0, 2));
	check_map("count", map, 0, 0, json ? "{\"type\": \"map\", \"data\": {\"@n\": {\"toolong..\": 1, \"ab\": 2, \"bash\": 6}}}\n"
					   : "@n[too long..]: 1\n@n[a b]: 2\n@n[bash]: 6\n");
	check_map("top", map, 2, 2, json ? "{\"type\": \"map\", \"data\": {\"@n\": {\"ab\": 1, \"bash\": 3}}}\n"
					 : "@n[a b]: 1\n@n[bash]: 3\n");
	map = mock_map("@empty", PERCPU, string_type(8), mock_type(BTAOT_TYPE_KIND_COUNT, 8, 0));
	check_map("empty", map, 0, 0, "");
}

static void test_tuple_keys(bool json)
{
	uint32_t i32, str, key, map;
	struct { char s[8]; int32_t n, pad; } row = {"x", -1, 0};

	mock_reset(json);
	i32 = mock_type(BTAOT_TYPE_KIND_INT, 4, BTAOT_TYPE_FLAG_SIGNED);
	str = string_type(8);
	key = mock_fields(BTAOT_TYPE_KIND_TUPLE, 0, (struct mock_field[]){{NULL, str}, {NULL, i32}}, 2);
	map = mock_map("@t", 0, key, str);
	mock_row(map, &row, "second\0");
	row.n = -2;
	mock_row(map, &row, "first\0\0");
	row.s[0] = 'y', row.n = -9;
	mock_row(map, &row, "third\0\0");
	check_map("tuple", map, 0, 0, json ? "{\"type\": \"map\", \"data\": {\"@t\": {\"x,-2\": \"first\", \"x,-1\": \"second\", "
					     "\"y,-9\": \"third\"}}}\n"
					   : "@t[x, -2]: first\n@t[x, -1]: second\n@t[y, -9]: third\n");
}

static void test_aggregates(bool json)
{
	uint32_t u64, map;

	mock_reset(json);
	u64 = mock_type(BTAOT_TYPE_KIND_INT, 8, 0);
	map = mock_map("@s", PERCPU, u64, mock_type(BTAOT_TYPE_KIND_STATS, 16, BTAOT_TYPE_FLAG_SIGNED));
	mock_row(map, U64(7), U64(10, 1, 2, 1, 0, 0));
	check_map("stats", map, 0, 0, json ? "{\"type\": \"stats\", \"data\": {\"@s\": {\"7\": {\"count\": 2, \"average\": 6, "
					     "\"total\": 12}}}}\n"
					   : "@s[7]: { .count = 2, .average = 6, .total = 12 }\n");
	map = mock_map("@a", PERCPU, u64, mock_type(BTAOT_TYPE_KIND_AVG, 16, BTAOT_TYPE_FLAG_SIGNED));
	mock_row(map, U64(1), U64((uint64_t)-30, 2, 0, 0, 1, 1));
	mock_row(map, U64(2), U64((uint64_t)-40, 2, 0, 0, 0, 0));
	check_map("avg", map, 0, 0, json ? "{\"type\": \"stats\", \"data\": {\"@a\": {\"2\": -20, \"1\": -9}}}\n"
					 : "@a[2]: -20\n@a[1]: -9\n");
	map = mock_map("@min", PERCPU, u64, mock_type(BTAOT_TYPE_KIND_MIN, 16, BTAOT_TYPE_FLAG_SIGNED));
	mock_row(map, U64(1), U64(5, 1, (uint64_t)-3, 1, (uint64_t)-100, 0));
	check_map("min", map, 0, 0, json ? "{\"type\": \"map\", \"data\": {\"@min\": {\"1\": -3}}}\n" : "@min[1]: -3\n");
	map = mock_map("@max", PERCPU, u64, mock_type(BTAOT_TYPE_KIND_MAX, 16, 0));
	mock_row(map, U64(1), U64(5, 1, 0, 0, 9, 1));
	check_map("max", map, 0, 0, json ? "{\"type\": \"map\", \"data\": {\"@max\": {\"1\": 9}}}\n" : "@max[1]: 9\n");
	map = mock_map("@sum", PERCPU, u64, mock_type(BTAOT_TYPE_KIND_SUM, 8, BTAOT_TYPE_FLAG_SIGNED));
	mock_row(map, U64(1), U64((uint64_t)-5, 2, 1));
	check_map("sum", map, 0, 0, json ? "{\"type\": \"map\", \"data\": {\"@sum\": {\"1\": -2}}}\n" : "@sum[1]: -2\n");
}

static void test_scalars(void)
{
	uint32_t i64, map;

	mock_reset(false);
	i64 = mock_type(BTAOT_TYPE_KIND_INT, 8, BTAOT_TYPE_FLAG_SIGNED);
	map = mock_map("@x", SCALAR | BTAOT_MAP_FLAG_PRESENCE, BTAOT_NONE, i64);
	mock_row(map, NULL, U64(0, 0));
	output_maps(&mock_env);
	expect("scalar never written, at the end", mock_output(), "");
	check_map("scalar never written, print()", map, 0, 0, "@x: 0\n");
	map = mock_map("@b", SCALAR | BTAOT_MAP_FLAG_PRESENCE, BTAOT_NONE, i64);
	mock_row(map, NULL, U64(0, 1));
	map = mock_map("@a", SCALAR | PERCPU | BTAOT_MAP_FLAG_PRESENCE, BTAOT_NONE, mock_type(BTAOT_TYPE_KIND_COUNT, 8, 0));
	mock_row(map, NULL, U64(1, 1, 0, 0, 4, 1));
	output_end(&mock_env);
	output_maps(&mock_env);
	expect("order of maps", mock_output(), "\n\n@a: 5\n@b: 0\n");
}

static uint32_t hist_index(int64_t n, unsigned bits)
{
	unsigned e;

	if (n < 0)
		return 0;
	if (n < 1 << bits)
		return 1 + (uint32_t)n;
	e = 63 - (unsigned)__builtin_clzll((uint64_t)n);
	return 1 + ((e - bits + 1) << bits) + (uint32_t)((uint64_t)n >> (e - bits) & ((1u << bits) - 1));
}

static uint32_t hist_map(const char *name, unsigned bits, uint16_t flags, uint32_t key)
{
	uint32_t count = 1 + ((64 - bits + 1) << bits), type = mock_type(BTAOT_TYPE_KIND_HIST, count * 8, 0);

	mock_type_at(type)->p0 = bits;
	mock_type_at(type)->p1 = count;
	return mock_map(name, flags, key, type);
}

static void hist_row(uint32_t map, const void *key, unsigned bits, const int64_t *values, uint32_t count)
{
	uint64_t buckets[4096] = {0};

	for (uint32_t i = 0; i < count; i++)
		buckets[hist_index(values[i], bits)]++;
	mock_row(map, key, buckets);
}

#define BAR52 "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
#define BAR26 "@@@@@@@@@@@@@@@@@@@@@@@@@@                          "
#define BAR00 "                                                    "

static void test_hist(void)
{
	uint32_t map;

	mock_reset(false);
	map = hist_map("@", 0, SCALAR, BTAOT_NONE);
	hist_row(map, NULL, 0, (int64_t[]){-1, 2, 3, 7, 20}, 5);
	check_map("hist", map, 0, 0,
		  "@:\n"
		  "(..., 0)               1 |" BAR26 "|\n"
		  "[0]                    0 |" BAR00 "|\n"
		  "[1]                    0 |" BAR00 "|\n"
		  "[2, 4)                 2 |" BAR52 "|\n"
		  "[4, 8)                 1 |" BAR26 "|\n"
		  "[8, 16)                0 |" BAR00 "|\n"
		  "[16, 32)               1 |" BAR26 "|\n\n");
	map = hist_map("@k", 0, SCALAR, BTAOT_NONE);
	hist_row(map, NULL, 0, (int64_t[]){512, 1024, 3 << 20, (int64_t)10 << 30, INT64_MAX}, 2);
	check_map("hist K", map, 0, 0,
		  "@k:\n[512, 1K)              1 |" BAR52 "|\n[1K, 2K)               1 |" BAR52 "|\n\n");
	map = hist_map("@big", 0, 0, mock_type(BTAOT_TYPE_KIND_INT, 8, 0));
	hist_row(map, U64(1), 0, (int64_t[]){(int64_t)10 << 30}, 1);
	hist_row(map, U64(2), 0, (int64_t[]){INT64_MAX, INT64_MAX}, 2);
	check_map("hist keys", map, 0, 0,
		  "@big[1]:\n[8G, 16G)              1 |" BAR52 "|\n\n"
		  "@big[2]:\n[4E, 8E)               2 |" BAR52 "|\n\n");
	map = hist_map("@fine", 2, SCALAR, BTAOT_NONE);
	hist_row(map, NULL, 2, (int64_t[]){7, 8, 9, 10}, 4);
	check_map("hist bits", map, 0, 0,
		  "@fine:\n[7]                    1 |" BAR26 "|\n[8, 10)                2 |" BAR52 "|\n"
		  "[10, 12)               1 |" BAR26 "|\n\n");
	map_zero(&mock_env, map);
	check_map("hist zero", map, 0, 0, "@fine:\n\n");
}

static void test_hist_json(void)
{
	uint32_t map;

	mock_reset(true);
	map = hist_map("@", 0, 0, mock_type(BTAOT_TYPE_KIND_INT, 8, 0));
	hist_row(map, U64(5), 0, (int64_t[]){-1, 0, 1, 2}, 4);
	check_map("hist", map, 0, 0,
		  "{\"type\": \"hist\", \"data\": {\"@\": {\"5\": [{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 0, "
		  "\"count\": 1},{\"min\": 1, \"max\": 1, \"count\": 1},{\"min\": 2, \"max\": 3, \"count\": 1}]}}}\n");
	map = hist_map("@g", 0, SCALAR, BTAOT_NONE);
	hist_row(map, NULL, 0, (int64_t[]){(int64_t)10 << 30}, 1);
	check_map("hist 10G", map, 0, 0,
		  "{\"type\": \"hist\", \"data\": {\"@g\": [{\"min\": 8589934592, \"max\": 17179869183, \"count\": 1}]}}\n");
	map_zero(&mock_env, map);
	check_map("hist zero", map, 0, 0, "{\"type\": \"hist\", \"data\": {\"@g\": []}}\n");
}

static uint32_t lhist_map(int64_t min, int64_t max, int64_t step)
{
	uint32_t type = mock_type(BTAOT_TYPE_KIND_LHIST, (uint32_t)((max - min) / step + 2) * 8, 0);

	mock_type_at(type)->p0 = min;
	mock_type_at(type)->p1 = max;
	mock_type_at(type)->p2 = step;
	return mock_map("@", SCALAR, BTAOT_NONE, type);
}

static void test_lhist(void)
{
	uint32_t map;

	mock_reset(false);
	map = lhist_map(0, 10, 2);
	mock_row(map, NULL, U64(1, 0, 2, 0, 1, 0, 1));
	check_map("lhist", map, 0, 0,
		  "@:\n"
		  "(..., 0)               1 |" BAR26 "|\n"
		  "[0, 2)                 0 |" BAR00 "|\n"
		  "[2, 4)                 2 |" BAR52 "|\n"
		  "[4, 6)                 0 |" BAR00 "|\n"
		  "[6, 8)                 1 |" BAR26 "|\n"
		  "[8, 10)                0 |" BAR00 "|\n"
		  "[10, ...)              1 |" BAR26 "|\n\n");
	map = lhist_map(0, 4096, 1024);
	mock_row(map, NULL, U64(0, 2, 0, 0, 1, 1));
	check_map("lhist K", map, 0, 0,
		  "@:\n[0, 1K)                2 |" BAR52 "|\n[1K, 2K)               0 |" BAR00 "|\n"
		  "[2K, 3K)               0 |" BAR00 "|\n[3K, 4K)               1 |" BAR26 "|\n"
		  "[4K, ...)              1 |" BAR26 "|\n\n");
	map = lhist_map(-2, 2, 1);
	mock_row(map, NULL, U64(0, 1, 0, 1, 0, 0));
	check_map("lhist 1", map, 0, 0,
		  "@:\n[-2]                   1 |" BAR52 "|\n[-1]                   0 |" BAR00 "|\n"
		  "[0]                    1 |" BAR52 "|\n\n");
	mock_reset(true);
	map = lhist_map(0, 10, 5);
	mock_row(map, NULL, U64(1, 0, 1, 1));
	check_map("lhist JSON", map, 0, 0,
		  "{\"type\": \"hist\", \"data\": {\"@\": [{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 4, \"count\": 0},"
		  "{\"min\": 5, \"max\": 9, \"count\": 1},{\"min\": 10, \"count\": 1}]}}\n");
}

static uint32_t tseries_map(const char *name, uint16_t slots, uint16_t flags, uint32_t key, int64_t agg, uint8_t type_flags)
{
	uint32_t type = mock_type(BTAOT_TYPE_KIND_TSERIES, slots * 24u, type_flags);

	mock_type_at(type)->p0 = 100000000;
	mock_type_at(type)->p1 = slots;
	mock_type_at(type)->p2 = agg;
	return mock_map(name, flags, key, type);
}

static void test_tseries(void)
{
	uint64_t slots[3 * 9] = {0};
	uint32_t map;

	setenv("TZ", "UTC", 1);
	mock_reset(false);
	map = tseries_map("@a", 3, SCALAR | PERCPU, BTAOT_NONE, 1 /* avg */, BTAOT_TYPE_FLAG_SIGNED);
	memcpy(slots, U64(0, 0, 0, (uint64_t)-10, 2, 11, 0, 0, 12), 72);
	memcpy(slots + 9, U64(15, 3, 10, (uint64_t)-5, 1, 11, 5, 1, 12), 72);
	slots[6] = 5, slots[7] = 1;
	mock_row(map, NULL, slots);
	check_map("tseries", map, 0, 0,
		  "@a:\n"
		  "             -5                                                  5\n"
		  "hh:mm:ss.ms  |___________________________________________________|\n"
		  "00:00:00.900 |                         .                         * 5\n"
		  "00:00:01.000 *                         .                         | -5\n"
		  "00:00:01.100 |                         .                         * 5\n"
		  "             v___________________________________________________v\n"
		  "             -5                                                  5\n\n");
	mock_reset(true);
	map = tseries_map("@a", 3, SCALAR, BTAOT_NONE, 0, 0);
	mock_row(map, NULL, U64(9, 1, 7, 0, 0, 0, 8, 1, 6));
	check_map("tseries JSON", map, 0, 0,
		  "{\"type\": \"tseries\", \"data\": {\"@a\": [{\"interval_start\":\"1970-01-01 00:00:00.500000000\",\"value\":8},"
		  "{\"interval_start\":\"1970-01-01 00:00:00.600000000\",\"value\":9}]}}\n");
	map_zero(&mock_env, map);
	check_map("tseries zero", map, 0, 0, "{\"type\": \"tseries\", \"data\": {\"@a\": []}}\n");
}

int main(void)
{
	for (int json = 0; json < 2; json++) {
		test_counts(json);
		test_tuple_keys(json);
		test_aggregates(json);
	}
	test_scalars();
	test_hist();
	test_hist_json();
	test_lhist();
	test_tseries();
	return mock_failures ? 1 : 0;
}
