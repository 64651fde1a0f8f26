/* test_format.c - printf of aot-rt: every conversion, flag and type.  Expectations are written by hand after bpftrace's
 * rules (C++ stream formatting). */
#include <stdio.h>
#include <stdlib.h>

#include "mock.h"

static uint32_t i32, i64, u64, u8, vstring, vbuffer, pointer, boolean;

static void setup(bool json)
{
	mock_reset(json);
	i32 = mock_type(BTAOT_TYPE_KIND_INT, 4, BTAOT_TYPE_FLAG_SIGNED);
	i64 = mock_type(BTAOT_TYPE_KIND_INT, 8, BTAOT_TYPE_FLAG_SIGNED);
	u64 = mock_type(BTAOT_TYPE_KIND_INT, 8, 0);
	u8 = mock_type(BTAOT_TYPE_KIND_INT, 1, 0);
	vstring = mock_type(BTAOT_TYPE_KIND_VSTRING, 4, 0);
	vbuffer = mock_type(BTAOT_TYPE_KIND_VBUFFER, 4, 0);
	pointer = mock_type(BTAOT_TYPE_KIND_POINTER, 8, 0);
	boolean = mock_type(BTAOT_TYPE_KIND_BOOL, 1, 0);
}

static void check_int(const char *format, uint32_t type, uint64_t value, const char *want)
{
	struct mock_record r;

	record_start(&r, mock_printf(BTAOT_ACTION_KIND_PRINTF, format, &type, 1));
	record_int(&r, value, mock_type_at(type)->size);
	record_send(&r);
	expect(format, mock_output(), want);
}

static void check_string(const char *format, uint32_t type, const char *s, uint16_t n, bool cut, const char *want)
{
	struct mock_record r;

	record_start(&r, mock_printf(BTAOT_ACTION_KIND_PRINTF, format, &type, 1));
	record_string(&r, s, n, cut);
	record_send(&r);
	expect(format, mock_output(), want);
}

static void test_integers(void)
{
	setup(false);
	check_int("<%d>", i32, (uint64_t)-5, "<-5>");
	check_int("<%d>", i64, (uint64_t)-5, "<-5>");
	check_int("<%ld>", i64, (uint64_t)INT64_MIN, "<-9223372036854775808>");
	check_int("<%lu>", i64, (uint64_t)-1, "<18446744073709551615>");
	check_int("<%d>", u64, 0x100000007, "<7>");
	check_int("<%ld>", u64, 0x100000007, "<4294967303>");
	check_int("<%u>", i32, (uint64_t)-1, "<4294967295>");
	check_int("<%d>", u64, 0xffffffff, "<-1>");
	check_int("<%hhx>", u64, 0x12345678abcdef, "<ef>");
	check_int("<%hx>", u64, 0x12345678abcdef, "<cdef>");
	check_int("<%x>", u64, 0x12345678abcdef, "<78abcdef>");
	check_int("<%lx>", u64, 0x12345678abcdef, "<12345678abcdef>");
	check_int("<%X>", u64, 0xbeef, "<BEEF>");
	check_int("<%o>", u64, 8, "<10>");
	check_int("<%#o>", u64, 8, "<010>");
	check_int("<%#x>", u64, 255, "<0xff>");
	check_int("<%#X>", u64, 255, "<0XFF>");
	check_int("<%#x>", u64, 0, "<0>");
	check_int("<%5d>", i32, 42, "<   42>");
	check_int("<%-5d>", i32, 42, "<42   >");
	check_int("<%05d>", i32, 42, "<00042>");
	check_int("<%05d>", i32, (uint64_t)-42, "<00-42>");
	check_int("<%+d>", i32, 42, "<+42>");
	check_int("<%+u>", u64, 42, "<42>");
	check_int("<%04x>", i32, 2, "<0002>");
	check_int("<%1d>", i32, 1234, "<1234>");
	check_int("<%d>", u8, 200, "<200>");
	check_int("<%d>", boolean, 1, "<1>");
	check_int("<%c>", u8, 0x41, "<A>");
	check_int("<%3c>", i32, 'A', "<  A>");
	check_int("<%p>", pointer, 0xffff8881234, "<0xffff8881234>");
	check_int("<%p>", pointer, 0, "<0>");
	check_int("<%s>", pointer, 0, "<0x0>");
	check_int("<%16p>", u64, 0xab, "<            0xab>");
	check_int("<%s>", boolean, 1, "<true>");
	check_int("<%s>", i64, (uint64_t)-7, "<-7>");
	check_int("<%5s>", u8, 7, "<    7>");
	check_int("<%gr>", i32, 1, "<GFP_DMA>");
	check_int("<%gr>", i32, 0xcc0, "<GFP_KERNEL>");
}

static void test_strings(void)
{
	setup(false);
	check_string("<%s>", vstring, "hello", 5, false, "<hello>");
	check_string("<%s>", vstring, "hello", 5, true, "<hello..>");
	check_string("<%8s>", vstring, "hello", 5, false, "<   hello>");
	check_string("<%-8s>", vstring, "hello", 5, false, "<hello   >");
	check_string("<%2s>", vstring, "hello", 5, false, "<hello>");
	check_string("<%05s>", vstring, "ba", 2, false, "<000ba>");
	check_string("<%s>", vstring, "", 0, false, "<>");
	check_string("<%r>", vbuffer, "A\x00\xff~", 4, false, "<A\\x00\\xff~>");
	check_string("<%rx>", vbuffer, "Hello\0", 6, false, "<\\x48\\x65\\x6c\\x6c\\x6f\\x00>");
	check_string("<%rh>", vbuffer, "Hello\0", 6, false, "<48 65 6c 6c 6f 00>");
	check_string("<%s>", vbuffer, "\x01""a", 2, false, "<\\x01a>");
}

static void test_enum(void)
{
	static const char *const names[] = {"A", "B"};
	static const int64_t values[] = {0, -1};
	uint32_t type;

	setup(false);
	type = mock_enum(4, names, values, 2);
	check_int("<%s>", type, 0, "<A>");
	check_int("<%s>", type, 0xffffffff, "<B>");
	check_int("<%s>", type, 100, "<100>");
	check_int("<%d>", type, 100, "<100>");
	check_int("<%-3s>", type, 0, "<A  >");
}

/* Records that lie about their strings or are too short print nothing that is not theirs. */
static void test_damage(void)
{
	struct mock_record r;
	uint32_t size = 10;

	setup(false);
	record_start(&r, mock_printf(BTAOT_ACTION_KIND_PRINTF, "<%s>", &vstring, 1));
	record_put(&r, (uint16_t[]){4000, 100}, 4, 4);
	record_send(&r);
	EXPECT(mock_output(), "<>");
	memcpy(r.bytes + 4, &size, 4);
	output_event(&mock_env, r.bytes, 12);
	EXPECT(mock_output(), "");
	output_event(&mock_env, r.bytes, 4);
	memset(r.bytes, 0xff, 8);
	output_event(&mock_env, r.bytes, 64);
	EXPECT(mock_output(), "");
}

static void test_json(void)
{
	setup(true);
	check_string("%s", vstring, "a \r \n \t \\ \" b", 13, false,
		     "{\"type\": \"printf\", \"data\": \"a \\r \\n \\t \\\\ \\\" b\"}\n");
	check_string("%s\n", vstring, "\x01\xc3\xa9", 3, false, "{\"type\": \"printf\", \"data\": \"\\u0001\xc3\xa9\\n\"}\n");
}

static void test_digits(void)
{
	struct textbuf b = {0};
	uint64_t v = 1;
	char want[32];

	for (int i = 0; i < 2000; i++) {
		v = v * 6364136223846793005u + 1442695040888963407u;
		b.len = 0;
		text_u64(&b, v >> i % 64);
		text_char(&b, '\0');
		snprintf(want, sizeof(want), "%llu", (unsigned long long)(v >> i % 64));
		expect("text_u64", b.data, want);
	}
	text_free(&b);
}

int main(void)
{
	test_integers();
	test_strings();
	test_enum();
	test_damage();
	test_json();
	test_digits();
	return mock_failures ? 1 : 0;
}
