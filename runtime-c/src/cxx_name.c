/* cxx_name.c - demangle names of C++ functions: the part of the Itanium ABI that names of functions and variables use.
 *
 * Everything that is read becomes a piece of text in one fixed room; a piece has a hole, where declarators of what
 * points to it go ("void (*)(int)").  Substitutions and template arguments are references to pieces.  Expressions and
 * forward references are not understood: the name then stays as it is.  Depth and room are limited, so that any bytes may
 * come. */
#include "cxx_name.h"

#include <stdint.h>
#include <string.h>

#include "util.h"

#define ROOM 8192
#define PIECES 96
#define DEPTH 48

struct piece {
	uint16_t at, length, hole;
	bool declarator;        /* a function or array: what points to it needs parentheses */
};

struct reader {
	const char *s;
	bool failed;
	int depth;
	uint32_t used;
	char room[ROOM];
	struct piece subs[PIECES], args[PIECES];
	uint32_t sub_count, arg_count;
	int in_type;            /* template arguments there are no arguments of the name */
	bool templated, special; /* of the last name: ends in template arguments; is a constructor, destructor, conversion */
	const char *quals;      /* of the last nested name: " const" */
};

static struct piece type_read(struct reader *r);
static struct piece name_read(struct reader *r, bool *is_template);
static struct piece encoding_read(struct reader *r);

static struct piece fail(struct reader *r)
{
	r->failed = true;
	r->s = "";
	return (struct piece){ 0 };
}

static struct piece text(struct reader *r, const char *s, size_t n)
{
	struct piece p = { .at = (uint16_t)r->used, .length = (uint16_t)n, .hole = (uint16_t)n };

	if (n > ROOM - r->used)
		return fail(r);
	memcpy(r->room + r->used, s, n);
	r->used += (uint32_t)n;
	return p;
}

static struct piece word(struct reader *r, const char *s)
{
	return text(r, s, strlen(s));
}

/* a, then `between`, then b. */
static struct piece join(struct reader *r, struct piece a, const char *between, struct piece b)
{
	size_t n = strlen(between), total = a.length + n + b.length;
	struct piece p = { .at = (uint16_t)r->used, .length = (uint16_t)total, .hole = (uint16_t)total };

	if (total > ROOM - r->used)
		return fail(r);
	memcpy(r->room + p.at, r->room + a.at, a.length);
	memcpy(r->room + p.at + a.length, between, n);
	memcpy(r->room + p.at + a.length + n, r->room + b.at, b.length);
	r->used += (uint32_t)total;
	return p;
}

static struct piece append(struct reader *r, struct piece a, const char *s)
{
	return join(r, a, s, (struct piece){ 0 });
}

/* Put a declarator ("*", " const") into the hole of a type. */
static struct piece declare(struct reader *r, struct piece p, const char *mark)
{
	struct piece head = { .at = p.at, .length = p.hole }, tail, done;
	bool opens = p.declarator;
	uint32_t refs = 0;

	tail = (struct piece){ .at = (uint16_t)(p.at + p.hole), .length = (uint16_t)(p.length - p.hole) };
	if (*mark == '&' && !opens) {  /* references to references collapse */
		while (refs < head.length && r->room[head.at + head.length - 1 - refs] == '&')
			refs++;
		if (refs)
			mark = refs == 2 && mark[1] ? "&&" : "&";
		head.length = (uint16_t)(head.length - refs);
	}
	if (opens)
		head = append(r, head, "(");
	head = append(r, head, mark);
	done = opens ? join(r, head, tail.length && r->room[tail.at] == '[' ? ") " : ")", tail) : join(r, head, "", tail);
	done.hole = head.length;
	return done;
}

static bool eat(struct reader *r, const char *s)
{
	size_t n = strlen(s);

	if (strncmp(r->s, s, n))
		return false;
	r->s += n;
	return true;
}

static void remember(struct reader *r, struct piece p)
{
	if (r->sub_count < PIECES)
		r->subs[r->sub_count++] = p;
	else
		fail(r);
}

/* Digits of base 10 or 36 up to '_': "_" is 0, "0_" is 1. */
static uint32_t sequence(struct reader *r, uint32_t base)
{
	uint32_t n = 0, digit;

	if (eat(r, "_"))
		return 0;
	for (; *r->s && *r->s != '_' && n < PIECES; r->s++) {
		digit = *r->s >= '0' && *r->s <= '9' ? (uint32_t)(*r->s - '0') : (uint32_t)(*r->s - 'A') + 10;
		if (digit >= base)
			break;
		n = n * base + digit;
	}
	if (!eat(r, "_"))
		fail(r);
	return n + 1;
}

static uint32_t number(struct reader *r)
{
	uint32_t n = 0;

	while (*r->s >= '0' && *r->s <= '9' && n < ROOM)
		n = n * 10 + (uint32_t)(*r->s++ - '0');
	return n;
}

static struct piece source_name(struct reader *r)
{
	uint32_t n = number(r);
	struct piece p;

	if (!n || strnlen(r->s, n) < n)
		return fail(r);
	p = n >= 10 && !strncmp(r->s, "_GLOBAL__N", 10) ? word(r, "(anonymous namespace)") : text(r, r->s, n);
	if (!r->failed)
		r->s += n;
	while (!r->failed && *r->s == 'B') {  /* ABI tags */
		r->s++;
		p = append(r, p, "[abi:");
		p = append(r, join(r, p, "", source_name(r)), "]");
	}
	return p;
}

static const char *const operators[] = {
	"nw new", "na new[]", "dl delete", "da delete[]", "ps+", "ng-", "ad&", "de*", "co~", "pl+", "mi-", "ml*", "dv/", "rm%",
	"an&", "or|", "eo^", "aS=", "pL+=", "mI-=", "mL*=", "dV/=", "rM%=", "aN&=", "oR|=", "eO^=", "ls<<", "rs>>", "lS<<=",
	"rS>>=", "eq==", "ne!=", "lt<", "gt>", "le<=", "ge>=", "ss<=>", "nt!", "aa&&", "oo||", "pp++", "mm--", "cm,", "pm->*",
	"pt->", "cl()", "ix[]", "qu?", "aw co_await",
};

static struct piece operator_name(struct reader *r)
{
	if (eat(r, "cv")) {
		r->special = true;
		return join(r, word(r, "operator "), "", type_read(r));
	}
	if (eat(r, "li"))
		return join(r, word(r, "operator\"\" "), "", source_name(r));
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (!strncmp(r->s, operators[i], 2)) {
			r->s += 2;
			return append(r, word(r, "operator"), operators[i] + 2);
		}
	return fail(r);
}

/* The last part of a qualified name: for constructors. */
static struct piece last_part(const struct reader *r, struct piece p)
{
	int nested = 0;
	uint32_t i, end;

	while (p.length && r->room[p.at + p.length - 1] == ']') {  /* an ABI tag */
		while (p.length && r->room[p.at + p.length - 1] != '[')
			p.length--;
		p.length -= p.length > 0;
	}
	end = p.length;
	for (i = p.length; i-- > 0;) {
		char c = r->room[p.at + i];

		if (c == '>')
			nested++;
		else if (c == '<' && --nested == 0)
			end = i;  /* without its template arguments */
		else if (c == ':' && !nested)
			break;
	}
	return (struct piece){ .at = (uint16_t)(p.at + i + 1), .length = (uint16_t)(end - i - 1) };
}

static struct piece parameters(struct reader *r);

static struct piece unqualified(struct reader *r, const struct piece *outer)
{
	struct piece p;
	char digits[16];

	r->special = false;
	if (*r->s >= '0' && *r->s <= '9')
		return source_name(r);
	if (*r->s == 'L') {
		r->s++;
		return source_name(r);
	}
	if (outer && (*r->s == 'C' || *r->s == 'D') && r->s[1] >= '0' && r->s[1] <= '5') {
		r->special = true;
		p = last_part(r, *outer);
		p = *r->s == 'D' ? join(r, word(r, "~"), "", p) : p;
		r->s += 2;
		return p;
	}
	if (eat(r, "Ul")) {
		p = join(r, word(r, "{lambda"), "", parameters(r));
		if (!eat(r, "E"))
			return fail(r);
		str_printf(digits, sizeof(digits), "#%u}", *r->s == '_' ? 1 : number(r) + 2);
		return eat(r, "_") ? append(r, p, digits) : fail(r);
	}
	if (eat(r, "Ut")) {
		str_printf(digits, sizeof(digits), "#%u}", *r->s == '_' ? 1 : number(r) + 2);
		return eat(r, "_") ? append(r, word(r, "{unnamed type"), digits) : fail(r);
	}
	return operator_name(r);
}

/* L <type> <value> E */
static struct piece literal(struct reader *r)
{
	static const struct { char letter; const char *suffix; } suffixes[] = {
		{ 'i', "" }, { 'j', "u" }, { 'l', "l" }, { 'm', "ul" }, { 'x', "ll" }, { 'y', "ull" },
	};
	const char *end, *suffix = NULL;
	char code = *r->s;
	struct piece type;
	bool negative;

	if (eat(r, "_Z")) {
		type = encoding_read(r);
		return eat(r, "E") ? type : fail(r);
	}
	if (eat(r, "b0E"))
		return word(r, "false");
	if (eat(r, "b1E"))
		return word(r, "true");
	type = type_read(r);
	negative = eat(r, "n");
	end = strchr(r->s, 'E');
	if (!end)
		return fail(r);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !suffix; i++)
		if (code == suffixes[i].letter)
			suffix = suffixes[i].suffix;
	type = suffix ? word(r, negative ? "-" : "") : append(r, join(r, word(r, "("), "", type), negative ? ")-" : ")");
	type = append(r, join(r, type, "", text(r, r->s, (size_t)(end - r->s))), suffix ? suffix : "");
	if (!r->failed)
		r->s = end + 1;
	return type;
}

/* Template arguments or the contents of a pack, up to E, with commas. */
static struct piece arguments(struct reader *r, struct piece list, bool keep, bool *first)
{
	while (!r->failed && !eat(r, "E")) {
		struct piece one;

		if (!*r->s || ++r->depth > DEPTH)
			return fail(r);
		if (eat(r, "J")) {
			list = arguments(r, list, false, first);
			one = (struct piece){ 0 };
			r->depth--;
			continue;
		}
		r->in_type++;
		one = eat(r, "L") ? literal(r) : *r->s == 'X' ? fail(r) : type_read(r);
		r->in_type--;
		r->depth--;
		if (keep && r->arg_count < PIECES)
			r->args[r->arg_count++] = one;
		list = join(r, list, *first ? "" : ", ", one);
		*first = false;
	}
	return list;
}

static struct piece template_args(struct reader *r, struct piece p)
{
	bool first = true;
	struct piece list;

	if (!r->in_type)
		r->arg_count = 0;
	list = arguments(r, append(r, p, "<"), !r->in_type, &first);
	if (r->failed)
		return list;
	return append(r, list, r->room[list.at + list.length - 1] == '>' ? " >" : ">");
}

static struct piece substitution(struct reader *r)
{
	static const struct { char letter; const char *name; } standard[] = {
		{ 't', "std" }, { 'a', "std::allocator" }, { 'b', "std::basic_string" }, { 's', "std::string" },
		{ 'i', "std::istream" }, { 'o', "std::ostream" }, { 'd', "std::iostream" },
	};
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if (*r->s == standard[i].letter) {
			r->s++;
			return word(r, standard[i].name);
		}
	n = sequence(r, 36);
	return n < r->sub_count ? r->subs[n] : fail(r);
}

static struct piece template_param(struct reader *r)
{
	uint32_t n = sequence(r, 10);

	return n < r->arg_count ? r->args[n] : fail(r);
}

/* N [qualifiers] parts E */
static struct piece nested_name(struct reader *r, bool *is_template)
{
	struct piece p = { 0 };
	bool has = false, is_const = false, last = false;
	const char *ref = "";

	while (*r->s == 'r' || *r->s == 'V' || *r->s == 'K')
		is_const |= *r->s++ == 'K';
	if (*r->s == 'R' || *r->s == 'O')
		ref = *r->s++ == 'R' ? " &" : " &&";
	while (!r->failed && !eat(r, "E")) {
		last = false;
		if (*r->s == 'S' && r->s[1] != 't') {
			r->s++;
			p = substitution(r);
			has = true;
			continue;
		}
		if (eat(r, "St")) {
			p = word(r, "std");
			has = true;
			continue;
		}
		if (*r->s == 'I' && has) {
			r->s++;
			p = template_args(r, p);
			last = true;
		} else if (*r->s == 'T' && !has) {
			r->s++;
			p = template_param(r);
		} else {
			struct piece part = unqualified(r, has ? &p : NULL);

			p = has ? join(r, p, "::", part) : part;
		}
		has = true;
		if (*r->s != 'E')
			remember(r, p);
	}
	*is_template = last;
	r->quals = is_const ? *ref == ' ' ? ref[2] ? " const &&" : " const &" : " const" : ref;
	return has ? p : fail(r);
}

/* Z <encoding> E <name> */
static struct piece local_name(struct reader *r, bool *is_template)
{
	struct piece outer = encoding_read(r), inner;

	if (!eat(r, "E"))
		return fail(r);
	if (eat(r, "s"))
		inner = word(r, "string literal");
	else
		inner = name_read(r, is_template);
	if (eat(r, "_"))
		eat(r, "_"), number(r), eat(r, "_");
	return join(r, outer, "::", inner);
}

static struct piece name_read(struct reader *r, bool *is_template)
{
	struct piece p;

	*is_template = false;
	r->quals = "";
	if (eat(r, "N"))
		return nested_name(r, is_template);
	if (eat(r, "Z"))
		return local_name(r, is_template);
	if (*r->s == 'S' && r->s[1] != 't') {
		r->s++;
		p = substitution(r);
		r->special = false;
	} else {
		bool is_std = eat(r, "St");

		p = unqualified(r, NULL);
		if (is_std)
			p = join(r, word(r, "std"), "::", p);
		if (*r->s == 'I')
			remember(r, p);
	}
	if (eat(r, "I")) {
		p = template_args(r, p);
		*is_template = true;
	}
	return p;
}

static const char *const builtins[26] = {
	['a' - 'a'] = "signed char", ['b' - 'a'] = "bool", ['c' - 'a'] = "char", ['d' - 'a'] = "double",
	['e' - 'a'] = "long double", ['f' - 'a'] = "float", ['g' - 'a'] = "__float128", ['h' - 'a'] = "unsigned char",
	['i' - 'a'] = "int", ['j' - 'a'] = "unsigned int", ['l' - 'a'] = "long", ['m' - 'a'] = "unsigned long",
	['n' - 'a'] = "__int128", ['o' - 'a'] = "unsigned __int128", ['s' - 'a'] = "short", ['t' - 'a'] = "unsigned short",
	['v' - 'a'] = "void", ['w' - 'a'] = "wchar_t", ['x' - 'a'] = "long long", ['y' - 'a'] = "unsigned long long",
	['z' - 'a'] = "...",
};

/* "(int, char)" up to the end of the name, E, or a suffix. */
static struct piece parameters(struct reader *r)
{
	struct piece list = word(r, "(");
	bool first = true;

	if (*r->s == 'v' && (!r->s[1] || r->s[1] == 'E' || r->s[1] == '.')) {
		r->s++;
		return append(r, list, ")");
	}
	while (!r->failed && *r->s && *r->s != 'E' && *r->s != '.') {
		struct piece one = type_read(r);

		list = join(r, list, first ? "" : ", ", one);
		first = false;
	}
	return append(r, list, ")");
}

/* F <return> <parameters> E */
static struct piece function_type(struct reader *r)
{
	struct piece result, p, list;

	eat(r, "Y");
	result = append(r, type_read(r), " ");
	list = parameters(r);
	p = join(r, result, "", list);
	p.hole = result.length;
	p.declarator = true;
	return eat(r, "E") ? p : fail(r);
}

static struct piece array_type(struct reader *r)
{
	const char *digits = r->s;
	struct piece p, size, elem;

	number(r);
	size = text(r, digits, (size_t)(r->s - digits));
	if (!eat(r, "_"))
		return fail(r);
	elem = append(r, type_read(r), " ");
	p = append(r, join(r, elem, "[", size), "]");
	p.hole = elem.length;
	p.declarator = true;
	return p;
}

static struct piece member_pointer(struct reader *r)
{
	struct piece owner = type_read(r), member = type_read(r), mark;
	char name[256];

	mark = append(r, owner, "::*");
	if (r->failed || mark.length >= sizeof(name))
		return fail(r);
	memcpy(name, r->room + mark.at, mark.length);
	name[mark.length] = 0;
	return declare(r, member.declarator ? member : append(r, member, " "), name);
}

static struct piece d_type(struct reader *r)
{
	static const struct { char letter; const char *name; } types[] = {
		{ 'n', "decltype(nullptr)" }, { 'a', "auto" }, { 'c', "decltype(auto)" }, { 's', "char16_t" }, { 'i', "char32_t" },
		{ 'u', "char8_t" }, { 'h', "half" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (*r->s == types[i].letter) {
			r->s++;
			return word(r, types[i].name);
		}
	return fail(r);
}

/* A function type keeps its hole. */
static struct piece qualified(struct reader *r, struct piece p, const char *mark)
{
	struct piece done = append(r, p, mark);

	done.hole = p.hole;
	done.declarator = p.declarator;
	return done;
}

/* A type that is a new substitution once it was read. */
static struct piece compound_type(struct reader *r)
{
	bool is_template;

	switch (*r->s++) {
	case 'P':
		return declare(r, type_read(r), "*");
	case 'R':
		return declare(r, type_read(r), "&");
	case 'O':
		return declare(r, type_read(r), "&&");
	case 'K':
		if (*r->s == 'F')  /* of a member function */
			return qualified(r, type_read(r), " const");
		return declare(r, type_read(r), " const");
	case 'V':
		return declare(r, type_read(r), " volatile");
	case 'F':
		return function_type(r);
	case 'A':
		return array_type(r);
	case 'M':
		return member_pointer(r);
	case 'T':
		return template_param(r);
	default:
		r->s--;
		return name_read(r, &is_template);
	}
}

static struct piece type_read(struct reader *r)
{
	struct piece p;

	if (r->failed || ++r->depth > DEPTH)
		return fail(r);
	r->in_type++;
	if (*r->s >= 'a' && *r->s <= 'z' && builtins[*r->s - 'a']) {
		p = word(r, builtins[*r->s++ - 'a']);
	} else if (eat(r, "D")) {
		p = d_type(r);
	} else if (*r->s == 'S' && r->s[1] != 't') {
		bool known;

		r->s++;
		p = substitution(r);
		known = *r->s != 'I';
		if (eat(r, "I"))
			p = template_args(r, p);
		if (!known)
			remember(r, p);
	} else {
		p = compound_type(r);
		remember(r, p);
		if (eat(r, "I")) {  /* of a template parameter that is a template */
			p = template_args(r, p);
			remember(r, p);
		}
	}
	r->in_type--;
	r->depth--;
	return p;
}

static struct piece special_name(struct reader *r)
{
	static const struct { const char *code, *text; bool is_type; } kinds[] = {
		{ "TV", "vtable for ", true }, { "TT", "VTT for ", true }, { "TI", "typeinfo for ", true },
		{ "TS", "typeinfo name for ", true }, { "GV", "guard variable for ", false },
	};
	bool is_template;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (eat(r, kinds[i].code))
			return join(r, word(r, kinds[i].text), "", kinds[i].is_type ? type_read(r) : name_read(r, &is_template));
	if (eat(r, "Th") || eat(r, "Tv")) {
		bool is_virtual = r->s[-1] == 'v';

		eat(r, "n"), number(r), eat(r, "_");
		if (is_virtual)
			eat(r, "n"), number(r), eat(r, "_");
		return join(r, word(r, is_virtual ? "virtual thunk to " : "non-virtual thunk to "), "", encoding_read(r));
	}
	return fail(r);
}

static struct piece encoding_read(struct reader *r)
{
	bool is_template, special;
	const char *quals;
	struct piece p, result = { 0 };

	if (++r->depth > DEPTH)
		return fail(r);
	if (*r->s == 'T' || (*r->s == 'G' && r->s[1] == 'V'))
		return special_name(r);
	p = name_read(r, &is_template);
	special = r->special;
	quals = r->quals;
	if (*r->s && *r->s != 'E' && *r->s != '.' && !r->failed) {
		if (is_template && !special)
			result = append(r, type_read(r), " ");
		p = join(r, result, "", p);
		p = append(r, join(r, p, "", parameters(r)), quals);
	}
	r->depth--;
	return p;
}

bool cxx_name(const char *mangled, char *out, size_t size)
{
	struct reader r = { .s = mangled, .quals = "" };
	struct piece p;

	if (!eat(&r, "_Z"))
		return false;
	p = encoding_read(&r);
	if (!r.failed && *r.s == '.')  /* a part or clone of the function */
		p = append(&r, join(&r, append(&r, p, " ["), "", word(&r, r.s)), "]"), r.s = "";
	if (r.failed || *r.s || p.length >= size)
		return false;
	memcpy(out, r.room + p.at, p.length);
	out[p.length] = 0;
	return true;
}

bool cxx_name_matches(const char *pattern, char *demangled)
{
	char *open = strchr(demangled, '(');
	bool found;

	if (open && !strncmp(open, "(anonymous", 10))
		open = strchr(open + 1, '(');
	if (glob_match(pattern, demangled))
		return true;
	if (!open)
		return false;
	*open = 0;
	found = glob_match(pattern, demangled);
	*open = '(';
	return found;
}
