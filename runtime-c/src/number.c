/* number.c - integers and booleans given on the command line, by the rules of the language's literals. */
#include "number.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "util.h"

static int digit_of(char c, unsigned int base)
{
	int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;

	return d < (int)base ? d : -1;
}

static bool multiply(uint64_t *value, uint64_t by)
{
	return !__builtin_mul_overflow(*value, by, value);
}

/* Digits and underscores; *text is moved behind them. */
static int digits_parse(const char **text, unsigned int base, uint64_t *value)
{
	bool any = false;

	*value = 0;
	for (; **text; ++*text) {
		int d = digit_of(**text, base);

		if (**text == '_' && any)
			continue;
		if (d < 0)
			break;
		any = true;
		if (!multiply(value, base) || __builtin_add_overflow(*value, (uint64_t)d, value))
			return -ERANGE;
	}
	return any ? 0 : -EINVAL;
}

static int exponent_apply(const char **text, uint64_t *value)
{
	uint64_t exponent;
	int ret;

	if ((**text != 'e' && **text != 'E') || (*text)[1] < '1' || (*text)[1] > '9')
		return 0;
	if (*value < 1 || *value > 9)
		return -EINVAL;
	++*text;
	ret = digits_parse(text, 10, &exponent);
	for (; !ret && exponent; exponent--)
		if (!multiply(value, 10))
			ret = -ERANGE;
	return ret;
}

static int suffix_apply(const char *suffix, uint64_t *value)
{
	static const struct { const char *text; uint64_t limit, unit; } suffixes[] = {
		{ "", UINT64_MAX, 1 }, { "u", UINT32_MAX, 1 }, { "ul", UINT64_MAX, 1 }, { "ull", UINT64_MAX, 1 },
		{ "l", INT64_MAX, 1 }, { "ll", INT64_MAX, 1 }, { "ns", UINT64_MAX, 1 }, { "us", UINT64_MAX, 1000 },
		{ "ms", UINT64_MAX, 1000000 }, { "s", UINT64_MAX, 1000000000 }, { "m", UINT64_MAX, 60000000000 },
		{ "h", UINT64_MAX, 3600000000000 }, { "d", UINT64_MAX, 86400000000000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (strcmp(suffix, suffixes[i].text))
			continue;
		if (*value > suffixes[i].limit / suffixes[i].unit)
			return -ERANGE;
		*value *= suffixes[i].unit;
		return 0;
	}
	return -EINVAL;
}

int number_parse(const char *text, bool negative, uint64_t *value)
{
	bool minus = negative && *text == '-';
	unsigned int base = 10;
	int ret;

	text += minus;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		base = 16;
	else if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B'))
		base = 2;
	else if (text[0] == '0' && text[1] >= '0' && text[1] <= '7')
		base = 8;
	text += base == 16 || base == 2 ? 2 : base == 8 ? 1 : 0;
	ret = digits_parse(&text, base, value);
	if (!ret && base == 10)
		ret = exponent_apply(&text, value);
	if (!ret)
		ret = suffix_apply(text, value);
	if (!ret && minus) {
		if (*value > (uint64_t)INT64_MAX + 1)
			return -ERANGE;
		*value = -*value;
	}
	return ret;
}

int bool_parse(const char *text, bool *value)
{
	static const char *const words[2][4] = { { "0", "false", "off", "no" }, { "1", "true", "on", "yes" } };

	for (int truth = 0; truth < 2; truth++)
		for (int i = 0; i < 4; i++)
			if (!strcasecmp(text, words[truth][i])) {
				*value = truth;
				return 0;
			}
	return -EINVAL;
}
