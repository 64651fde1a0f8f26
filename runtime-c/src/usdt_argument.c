/* usdt_argument.c - parse the specification of a USDT argument.
 *
 * "SIZE@OPERAND", SIZE negative if signed, OPERAND in the syntax of the assembler:
 *   constants    $5, 5, #5
 *   registers    %rax, %eax, x0, w3, r5
 *   memory       8(%rbp), -4(%rbp,%rax,8), sym+4(%rip), [sp, 16], [x0], [x1, x2], [x1, x2, lsl #3]
 * Specifications are separated by blanks, but "[sp, 16]" has blanks of its own.  One parser serves all architectures:
 * register names come from arch.h, and the two syntaxes of memory exclude each other.  Any NUL-terminated text is safe. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "usdt.h"

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* The start of argument `n`, or NULL. */
static const char *find_argument(const char *p, uint32_t n)
{
	bool inside;

	for (p = skip_blanks(p); *p && n; n--) {
		for (inside = false; *p && (inside || *p != ' '); p++)
			inside = *p == '[' || *p == '(' || (inside && *p != ']' && *p != ')');
		p = skip_blanks(p);
	}
	return *p ? p : NULL;
}

/* Read a register's name; its offset in pt_regs, or -EINVAL. */
static int read_register(const char **p)
{
	char name[12];
	size_t length = 0;
	int offset;

	*p = skip_blanks(*p);
	if (**p == '%')
		++*p;
	while (isalnum((unsigned char)**p) && length < sizeof(name) - 1)
		name[length++] = *(*p)++;
	name[length] = 0;
	offset = arch_narrow_register_offset(name);
	return offset < 0 ? -EINVAL : offset;
}

static bool starts_number(const char *p)
{
	if (*p == '-' || *p == '+')
		p++;
	return isdigit((unsigned char)*p);
}

/* "disp(base,index,scale)" from the '(' on. */
static int parse_parentheses(const char *p, struct usdt_argument *out)
{
	out->place = USDT_MEMORY;
	p = skip_blanks(p + 1);
	if (*p != ',') {
		out->base = read_register(&p);
		if (out->base < 0)
			return -EINVAL;
	} else {
		return -EINVAL;  /* an index without a base */
	}
	p = skip_blanks(p);
	if (*p == ',') {
		p++;
		out->index = read_register(&p);
		out->scale = 1;
		p = skip_blanks(p);
		if (*p == ',')
			out->scale = (uint32_t)strtoul(p + 1, (char **)(uintptr_t)&p, 0);
		if (out->index < 0)
			return -EINVAL;
	}
	return *skip_blanks(p) == ')' && out->scale <= 8 ? 0 : -EINVAL;
}

/* "[base, offset]", "[base, index]", "[base, index, lsl #n]". */
static int parse_brackets(const char *p, struct usdt_argument *out)
{
	out->place = USDT_MEMORY;
	p++;
	out->base = read_register(&p);
	if (out->base < 0)
		return -EINVAL;
	p = skip_blanks(p);
	if (*p == ',') {
		p = skip_blanks(p + 1);
		if (*p == '#')
			p++;
		if (starts_number(p)) {
			out->offset = strtoll(p, (char **)(uintptr_t)&p, 0);
		} else {
			out->index = read_register(&p);
			out->scale = 1;
			if (out->index < 0)
				return -EINVAL;
		}
		p = skip_blanks(p);
	}
	if (*p == ',' && out->scale) {
		p = skip_blanks(p + 1);
		if (strncmp(p, "lsl", 3))
			return -EINVAL;
		p = skip_blanks(p + 3);
		out->scale = 1u << (strtoul(p + (*p == '#'), (char **)(uintptr_t)&p, 0) & 3);
		p = skip_blanks(p);
	}
	return *p == ']' ? 0 : -EINVAL;
}

/* "symbol(%rip)", "symbol+8(%rip)", "8+symbol(%rip)". */
static int parse_symbol(const char *p, struct usdt_argument *out)
{
	if (starts_number(p))
		out->offset = strtoll(p, (char **)(uintptr_t)&p, 0);
	if (*p == '+')
		p++;
	out->symbol = p;
	while (isalnum((unsigned char)*p) || *p == '_' || *p == '.' || *p == '@')
		p++;
	out->symbol_length = (uint32_t)(p - out->symbol);
	if (starts_number(p))
		out->offset += strtoll(p, (char **)(uintptr_t)&p, 0);
	return *p == '(' ? parse_parentheses(p, out) : -EINVAL;
}

static int parse_operand(const char *p, struct usdt_argument *out)
{
	const char *start = p, *end = p + strcspn(p, " \t"), *paren;

	if (*p == '[')
		return parse_brackets(p, out);
	if (*p == '$' || *p == '#') {
		out->offset = strtoll(p + 1, NULL, 0);
		return starts_number(p + 1) ? 0 : -EINVAL;
	}
	if (starts_number(p)) {
		out->offset = strtoll(p, (char **)(uintptr_t)&p, 0);
		if (p == end)
			return 0;
		if (*p == '(')
			return parse_parentheses(p, out);
		out->offset = 0;
	}
	paren = memchr(start, '(', (size_t)(end - start));
	if (paren)
		return paren == start ? parse_parentheses(paren, out) : parse_symbol(start, out);
	out->place = USDT_REGISTER;
	out->base = read_register(&p);
	return out->base < 0 || p != end ? -EINVAL : 0;
}

int usdt_argument_parse(const char *args, uint32_t n, struct usdt_argument *out)
{
	const char *p = find_argument(args, n);
	long size;
	char *end;

	memset(out, 0, sizeof(*out));
	out->index = -1;
	if (!p)
		return -ENOENT;
	size = 8;
	if (strchr(p, '@') && starts_number(p)) {
		size = strtol(p, &end, 10);
		if (*end != '@')
			return -EINVAL;  /* "8f@%xmm0": floating point */
		p = end + 1;
	}
	out->is_signed = size < 0;
	out->size = (uint32_t)(size < 0 ? -size : size);
	if (out->size != 1 && out->size != 2 && out->size != 4 && out->size != 8)
		return -EINVAL;
	return parse_operand(p, out);
}
