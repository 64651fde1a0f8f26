/* test_values.c - values of every kind, messages and symbols of aot-rt, as text and as JSON. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ksyms.h"
#include "ksyms_table.h"
#include "mock.h"
#include "usyms.h"

/* Send a print(value) record and compare what comes out. */
static void check_print(const char *what, uint32_t type, const void *value, uint32_t size, const char *want)
{
	struct mock_field field = {NULL, type};
	struct mock_record r;

	record_start(&r, mock_action(BTAOT_ACTION_KIND_PRINT, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, &field, 1)));
	record_put(&r, value, size, 8);
	record_send(&r);
	expect(what, mock_output(), want);
}

static void check_value(const char *what, uint32_t type, const void *value, uint32_t size, const char *text)
{
	char want[4096];

	if (mock_env.opt.json)
		snprintf(want, sizeof(want), "{\"type\": \"value\", \"data\": %s}\n", text);
	else
		snprintf(want, sizeof(want), "%s\n", text);
	check_print(what, type, value, size, want);
}

static void test_nested(bool json)
{
	uint32_t i32, str, array, inner, tuple, record;
	struct {
		int32_t a, b[3];
		char s[8];
		int32_t x, y;
	} v = {1, {2, 3, 4}, "hi\"", 5, -6};

	mock_reset(json);
	i32 = mock_type(BTAOT_TYPE_KIND_INT, 4, BTAOT_TYPE_FLAG_SIGNED);
	str = mock_type(BTAOT_TYPE_KIND_STRING, 8, 0);
	array = mock_type(BTAOT_TYPE_KIND_ARRAY, 12, 0);
	mock_type_at(array)->elem = i32;
	mock_type_at(array)->p0 = 3;
	inner = mock_fields(BTAOT_TYPE_KIND_STRUCT, 0, (struct mock_field[]){{"x", i32}, {"y", i32}}, 2);
	tuple = mock_fields(BTAOT_TYPE_KIND_TUPLE, 0,
			    (struct mock_field[]){{NULL, i32}, {NULL, i32}, {NULL, i32}, {NULL, i32}, {NULL, str}, {NULL, inner}},
			    6);
	check_value("tuple", tuple, &v, sizeof(v),
		    json ? "[1,2,3,4,\"hi\\\"\",{\"x\": 5, \"y\": -6}]" : "(1, 2, 3, 4, hi\", { .x = 5, .y = -6 })");
	record = mock_fields(BTAOT_TYPE_KIND_RECORD, 0, (struct mock_field[]){{"a", i32}, {"d", tuple}}, 2);
	mock_type_at(record)->size = 48;
	(void)record;
	check_value("array", array, v.b, sizeof(v.b), json ? "[2,3,4]" : "[2,3,4]");
	check_value("empty tuple", mock_type(BTAOT_TYPE_KIND_TUPLE, 0, 0), "", 0, json ? "[]" : "()");
	check_value("empty record", mock_type(BTAOT_TYPE_KIND_RECORD, 0, 0), "", 0, "{}");
}

static void test_leaves(bool json)
{
	static const char *const names[] = {"FOO"};
	static const int64_t numbers[] = {333};
	uint64_t big = ((uint64_t)1 << 53) + 1;
	uint8_t inet6[20] = {0}, inet4[20] = {0}, mac[8] = {5, 4, 3, 2, 1, 0xab};
	uint32_t family = 10, type;

	mock_reset(json);
	check_value("bool", mock_type(BTAOT_TYPE_KIND_BOOL, 1, 0), "\1", 1, "true");
	check_value("void", mock_type(BTAOT_TYPE_KIND_VOID, 0, 0), "", 0, "null");
	check_value("pointer", mock_type(BTAOT_TYPE_KIND_POINTER, 8, 0), &(uint64_t){50}, 8, json ? "50" : "0x32");
	check_value("enum", mock_enum(8, names, numbers, 1), &(uint64_t){333}, 8, json ? "333" : "FOO");
	type = mock_type(BTAOT_TYPE_KIND_INT, 8, 0);
	check_value("2**53 + 1", type, &big, 8, json ? "\"9007199254740993\"" : "9007199254740993");
	check_value("2**63", type, &(uint64_t){(uint64_t)1 << 63}, 8, "9223372036854775808");
	type = mock_type(BTAOT_TYPE_KIND_BUFFER, 12, 0);
	check_value("buffer", type, "\3\0\0\0A\1B\0\0\0\0", 12, json ? "[65,1,66]" : "A\\x01B");
	memcpy(inet6, &family, 4);
	inet6[19] = 1;
	family = 2;
	memcpy(inet4, &family, 4);
	memcpy(inet4 + 4, (uint8_t[]){127, 0, 0, 1}, 4);
	type = mock_type(BTAOT_TYPE_KIND_INET, 20, 0);
	check_value("inet6", type, inet6, 20, json ? "\"::1\"" : "::1");
	check_value("inet4", type, inet4, 20, json ? "\"127.0.0.1\"" : "127.0.0.1");
	memcpy(inet6 + 4, (uint8_t[16]){0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 16);
	check_value("inet6 run at the end", type, inet6, 20, json ? "\"2001:db8:0:1::\"" : "2001:db8:0:1::");
	memcpy(inet6 + 4, (uint8_t[16]){0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3}, 16);
	check_value("inet6 longest run", type, inet6, 20, json ? "\"1:0:0:2::3\"" : "1:0:0:2::3");
	memcpy(inet6 + 4, (uint8_t[16]){0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7}, 16);
	check_value("inet6 one zero", type, inet6, 20, json ? "\"1:0:2:3:4:5:6:7\"" : "1:0:2:3:4:5:6:7");
	memcpy(inet6 + 4, (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 1, 2, 3, 4}, 16);
	check_value("inet6 mapped", type, inet6, 20, json ? "\"::ffff:1.2.3.4\"" : "::ffff:1.2.3.4");
	memset(inet6 + 4, 0, 16);
	check_value("inet6 any", type, inet6, 20, json ? "\"::\"" : "::");
	check_value("mac", mock_type(BTAOT_TYPE_KIND_MAC, 8, 0), mac, 8,
		    json ? "\"05:04:03:02:01:AB\"" : "05:04:03:02:01:AB");
	check_value("probe", mock_type(BTAOT_TYPE_KIND_PROBE_NAME, 4, 0), &(uint32_t){0}, 4,
		    json ? "\"tracepoint:a:b\"" : "tracepoint:a:b");
	check_value("root", mock_type(BTAOT_TYPE_KIND_USERNAME, 4, 0), &(uint32_t){0}, 4, json ? "\"root\"" : "root");
}

static void test_bitfield(void)
{
	uint32_t i32, type;

	mock_reset(false);
	i32 = mock_type(BTAOT_TYPE_KIND_INT, 4, 0);
	type = mock_fields(BTAOT_TYPE_KIND_STRUCT, 0, (struct mock_field[]){{"low", i32}, {"high", i32}}, 2);
	struct btaot_field *f = (struct btaot_field *)(uintptr_t)&mock_env.payload.fields[mock_type_at(type)->first];
	f[0].bit_size = 4;
	f[1].offset = 0;
	f[1].bit_off = 4;
	f[1].bit_size = 5;
	mock_type_at(type)->size = 4;
	check_value("bitfields", type, &(uint32_t){0xfff}, 4, "{ .low = 15, .high = 31 }");
	type = mock_fields(BTAOT_TYPE_KIND_STRUCT, 0, (struct mock_field[]){{"low", i32}, {"high", i32}}, 2);
	f = (struct btaot_field *)(uintptr_t)&mock_env.payload.fields[mock_type_at(type)->first];
	mock_type_at(type)->size = 8;
	f[0].bit_size = 7;
	f[1].offset = 0;
	f[1].bit_off = 7;
	f[1].bit_size = 32;
	check_value("bitfield across words", type, (uint8_t[]){0x83, 0xff, 0xff, 0xff, 0x3f, 0, 0, 0}, 8,
		    "{ .low = 3, .high = 2147483647 }");
}

static void test_timestamp(void)
{
	struct { uint64_t ns; uint32_t clock, fmt; } v = {1000123000, BTAOT_CLOCK_KIND_TAI, 0};
	uint32_t type;

	setenv("TZ", "UTC", 1);
	mock_reset(false);
	type = mock_type(BTAOT_TYPE_KIND_TIMESTAMP, 16, 0);
	v.fmt = mock_str("%Y-%m-%d %H:%M:%S.%f %l %k %%f");
	check_value("strftime", type, &v, 16, "1970-01-01 00:00:01.000123 000 000123000 %f");
	v.ns = 5;
	check_value("no time", type, &v, 16, "(?)");
	v.fmt = 0xffffff;
	check_value("bad format", type, &v, 16, "");
}

/* What a function writes to stderr. */
static const char *capture_stderr(void (*run)(void))
{
	static char text[4096];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	if (pipe(fds) < 0)
		abort();
	dup2(fds[1], STDERR_FILENO);
	run();
	dup2(saved, STDERR_FILENO);
	close(fds[1]);
	n = read(fds[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	close(saved);
	return text;
}

static void send_errorf(void)
{
	uint32_t types[2] = {mock_type(BTAOT_TYPE_KIND_INT, 4, BTAOT_TYPE_FLAG_SIGNED), mock_type(BTAOT_TYPE_KIND_VSTRING, 4, 0)};
	uint32_t action = mock_printf(BTAOT_ACTION_KIND_ERRORF, "bad args: %d, %s", types, 2);
	struct mock_record r;

	record_start(&r, action);
	record_int(&r, 10, 4);
	record_string(&r, "arg2", 4, false);
	record_send(&r);
}

static void send_helper_error(void)
{
	struct mock_field field = {NULL, mock_type(BTAOT_TYPE_KIND_INT, 4, BTAOT_TYPE_FLAG_SIGNED)};
	uint32_t action = mock_action(BTAOT_ACTION_KIND_HELPER_ERROR, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, &field, 1));
	struct mock_record r;

	mock_action_at(action)->fmt = mock_str("probe_read_user");
	mock_action_at(action)->aux = mock_str("a source line\n  ~~~~");
	record_start(&r, action);
	record_int(&r, (uint64_t)-14, 4);
	record_send(&r);
}

static void send_runtime_error(void)
{
	uint32_t action = mock_action(BTAOT_ACTION_KIND_HELPER_ERROR, BTAOT_NONE);
	struct mock_record r;

	mock_action_at(action)->fmt = mock_str("Error reading kstack.");
	mock_action_at(action)->end_line = 3;
	record_start(&r, action);
	record_send(&r);
}

static void test_messages(void)
{
	mock_reset(false);
	EXPECT(capture_stderr(send_errorf), "t.bt:1:9-62: ERROR: bad args: 10, arg2\n");
	EXPECT(capture_stderr(send_helper_error), "t.bt:1:9-62: WARNING: Bad address\n"
						  "Additional Info - helper: probe_read_user, retcode: -14\n"
						  "a source line\n  ~~~~\n");
	EXPECT(capture_stderr(send_runtime_error), "t.bt:1-3: WARNING: Error reading kstack.\n");
	mock_reset(true);
	send_errorf();
	send_helper_error();
	EXPECT(mock_output(), "{\"type\": \"errorf\", \"msg\": \"bad args: 10, arg2\", \"filename\": \"t.bt\", \"line\": 1, "
			      "\"col\": 9}\n"
			      "{\"type\": \"helper_error\", \"msg\": \"Bad address\", \"helper\": \"probe_read_user\", "
			      "\"retcode\": -14, \"filename\": \"t.bt\", \"line\": 1, \"col\": 9}\n");
}

static void send_join(void)
{
	struct mock_field list[4];
	struct mock_record r;
	uint32_t action;

	for (int i = 0; i < 4; i++)
		list[i] = (struct mock_field){NULL, mock_type(BTAOT_TYPE_KIND_VSTRING, 4, 0)};
	action = mock_action(BTAOT_ACTION_KIND_JOIN, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, list, 4));
	mock_action_at(action)->fmt = mock_str(",");
	record_start(&r, action);
	record_string(&r, "/bin/echo", 9, false);
	record_string(&r, "A", 1, false);
	record_string(&r, "", 0, false);
	record_string(&r, "not", 3, false);
	record_send(&r);
}

static void send_text(uint16_t kind, const char *text)
{
	struct mock_record r;

	record_start(&r, mock_printf(kind, text, NULL, 0));
	record_send(&r);
}

static void test_actions(bool json)
{
	struct mock_record r;
	uint32_t action;

	mock_reset(json);
	send_join();
	EXPECT(mock_output(), json ? "{\"type\": \"join\", \"data\": \"/bin/echo,A\"}\n" : "/bin/echo,A\n");
	send_text(BTAOT_ACTION_KIND_SYSTEM, "echo a b c");
	EXPECT(mock_output(), json ? "{\"type\": \"syscall\", \"data\": \"a b c\\n\"}\n" : "a b c\n\n");
	send_text(BTAOT_ACTION_KIND_CAT, "/etc/passwd");
	EXPECT(mock_output(), json ? "{\"type\": \"cat\", \"data\": \"root:x:0:0\"}\n" : "root:x:0:0");
	action = mock_action(BTAOT_ACTION_KIND_TIME, BTAOT_NONE);
	mock_action_at(action)->fmt = mock_str("now\n");
	record_start(&r, action);
	record_send(&r);
	EXPECT(mock_output(), json ? "{\"type\": \"time\", \"data\": \"now\\n\"}\n" : "now\n");
	output_attached(&mock_env, 1);
	EXPECT(mock_output(), json ? "{\"type\": \"attached_probes\", \"count\": 1, \"data\": {\"probes\": 1}}\n" : "");
}

static void test_exit(void)
{
	struct mock_field field;
	struct mock_record r;

	mock_reset(false);
	field = (struct mock_field){NULL, mock_type(BTAOT_TYPE_KIND_INT, 1, 0)};
	record_start(&r, mock_action(BTAOT_ACTION_KIND_EXIT, mock_fields(BTAOT_TYPE_KIND_TUPLE, 8, &field, 1)));
	record_int(&r, 69, 1);
	record_send(&r);
	EXPECT(mock_env.stop && output_exited(&mock_env) && mock_env.exit_code == 69 ? "yes" : "no", "yes");
}

static void test_symbols(void)
{
	char text[] = "do_sys_open+0x1f/0x80 [mod]", bare[] = "0xffffffff81000000";
	const char *maps = "55d000-55e000 r-xp 00001000 fd:01 1234    /bin/a b\n7f00-7f10 rw-p 00000000 00:00 0 \nrubbish\n";
	const char *p = maps, *end = maps + strlen(maps);
	struct ksyms_table *t = ksyms_table_new();
	char kallsyms[][16] = { "ff20 T b", "ff10 t a", "ff18 d data", "ff30 W c\t[m]", "broken" };
	struct mapping m;
	uint64_t offset = 0;

	EXPECT(ksyms_parse_ps(text, &offset) && offset == 31 ? text : "", "do_sys_open");
	EXPECT(ksyms_parse_ps(bare, &offset) ? "yes" : "no", "no");
	EXPECT(mapping_parse(&p, end, &m) && m.start == 0x55d000 && m.end == 0x55e000 && m.offset == 0x1000 &&
		       m.major == 0xfd && m.minor == 1 && m.inode == 1234 && m.path_len == 8 ? "yes" : "no", "yes");
	EXPECT(mapping_parse(&p, end, &m) ? "yes" : "no", "no");
	EXPECT(mapping_parse(&p, end, &m) ? "yes" : "no", "no");
	EXPECT(p == end ? "end" : p, "end");
	for (size_t i = 0; i < ARRAY_SIZE(kallsyms); i++)
		ksyms_table_line(t, kallsyms[i]);
	ksyms_table_sort(t);
	EXPECT(ksyms_table_find(t, 0xff1f, &offset), "a");
	EXPECT(offset == 15 ? "15" : "", "15");
	EXPECT(ksyms_table_find(t, 0xff30, &offset), "c");
	EXPECT(ksyms_table_find(t, 0xff0f, &offset) ? "some" : "none", "none");
	ksyms_table_free(t);
}

int main(void)
{
	for (int json = 0; json < 2; json++) {
		test_nested(json);
		test_leaves(json);
		test_actions(json);
	}
	test_bitfield();
	test_timestamp();
	test_messages();
	test_exit();
	test_symbols();
	return mock_failures ? 1 : 0;
}
