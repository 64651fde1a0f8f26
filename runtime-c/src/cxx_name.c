/* cxx_name.c - demangle names of C++ functions: the part of the Itanium ABI that names of functions and variables use.
 *
 * Everything that is read becomes a piece of text (cxx_piece.h).  Substitutions and template arguments are references to
 * pieces.  Expressions and forward references are not understood: the name then stays as it is.  Depth and room are
 * limited, so that any bytes may come. */
#include "cxx_name.h"

#include <stdint.h>
#include <string.h>

#include "cxx_piece.h"
#include "util.h"

#define DEPTH 48

static piece_t type_read(struct reader *r);
static piece_t name_read(struct reader *r, bool *is_template);
static piece_t encoding_read(struct reader *r);

static piece_t source_name(struct reader *r)
{
	uint32_t n = read_number(r);
	piece_t p;

	if (!n || strnlen(r->s, n) < n)
		return piece_fail(r);
	p = n >= 10 && !strncmp(r->s, "_GLOBAL__N", 10) ? piece_word(r, "(anonymous namespace)") : piece_text(r, r->s, n);
	if (!r->failed)
		r->s += n;
	while (!r->failed && *r->s == 'B') {  /* ABI tags */
		r->s++;
		p = piece_append(r, p, "[abi:");
		p = piece_append(r, piece_join(r, p, "", source_name(r)), "]");
	}
	return p;
}

static const char *const operators[] = {
	"nw new", "na new[]", "dl delete", "da delete[]", "ps+", "ng-", "ad&", "de*", "co~", "pl+", "mi-", "ml*", "dv/", "rm%",
	"an&", "or|", "eo^", "aS=", "pL+=", "mI-=", "mL*=", "dV/=", "rM%=", "aN&=", "oR|=", "eO^=", "ls<<", "rs>>", "lS<<=",
	"rS>>=", "eq==", "ne!=", "lt<", "gt>", "le<=", "ge>=", "ss<=>", "nt!", "aa&&", "oo||", "pp++", "mm--", "cm,", "pm->*",
	"pt->", "cl()", "ix[]", "qu?", "aw co_await",
};

static piece_t operator_name(struct reader *r)
{
	if (read_word(r, "cv")) {
		r->special = true;
		return piece_join(r, piece_word(r, "operator "), "", type_read(r));
	}
	if (read_word(r, "li"))
		return piece_join(r, piece_word(r, "operator\"\" "), "", source_name(r));
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (!strncmp(r->s, operators[i], 2)) {
			r->s += 2;
			return piece_append(r, piece_word(r, "operator"), operators[i] + 2);
		}
	return piece_fail(r);
}

/* The last part of a qualified name: for constructors. */
static piece_t last_part(struct reader *r, piece_t p)
{
	const char *text = piece_start(r, p);
	uint32_t length = piece_length(r, p), i, end;
	int nested = 0;

	while (length && text[length - 1] == ']') {  /* an ABI tag */
		while (length && text[length - 1] != '[')
			length--;
		length -= length > 0;
	}
	end = length;
	for (i = length; i-- > 0;) {
		if (text[i] == '>')
			nested++;
		else if (text[i] == '<' && --nested == 0)
			end = i;  /* without its template arguments */
		else if (text[i] == ':' && !nested)
			break;
	}
	return piece_slice(r, p, i + 1, end - i - 1);
}

static piece_t parameters(struct reader *r);

static piece_t unqualified(struct reader *r, piece_t outer)
{
	piece_t p;
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
		p = last_part(r, outer);
		p = *r->s == 'D' ? piece_join(r, piece_word(r, "~"), "", p) : p;
		r->s += 2;
		return p;
	}
	if (read_word(r, "Ul")) {
		p = piece_join(r, piece_word(r, "{lambda"), "", parameters(r));
		if (!read_word(r, "E"))
			return piece_fail(r);
		str_printf(digits, sizeof(digits), "#%u}", *r->s == '_' ? 1 : read_number(r) + 2);
		return read_word(r, "_") ? piece_append(r, p, digits) : piece_fail(r);
	}
	if (read_word(r, "Ut")) {
		str_printf(digits, sizeof(digits), "#%u}", *r->s == '_' ? 1 : read_number(r) + 2);
		return read_word(r, "_") ? piece_append(r, piece_word(r, "{unnamed type"), digits) : piece_fail(r);
	}
	return operator_name(r);
}

/* L <type> <value> E */
static piece_t literal(struct reader *r)
{
	static const struct { char letter; const char *suffix; } suffixes[] = {
		{ 'i', "" }, { 'j', "u" }, { 'l', "l" }, { 'm', "ul" }, { 'x', "ll" }, { 'y', "ull" },
	};
	const char *end, *suffix = NULL;
	char code = *r->s;
	piece_t type;
	bool negative;

	if (read_word(r, "_Z")) {
		type = encoding_read(r);
		return read_word(r, "E") ? type : piece_fail(r);
	}
	if (read_word(r, "b0E"))
		return piece_word(r, "false");
	if (read_word(r, "b1E"))
		return piece_word(r, "true");
	type = type_read(r);
	negative = read_word(r, "n");
	end = strchr(r->s, 'E');
	if (!end)
		return piece_fail(r);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !suffix; i++)
		if (code == suffixes[i].letter)
			suffix = suffixes[i].suffix;
	if (suffix)
		type = piece_word(r, negative ? "-" : "");
	else
		type = piece_append(r, piece_join(r, piece_word(r, "("), "", type), negative ? ")-" : ")");
	type = piece_append(r, piece_join(r, type, "", piece_text(r, r->s, (size_t)(end - r->s))), suffix ? suffix : "");
	if (!r->failed)
		r->s = end + 1;
	return type;
}

/* Template arguments or the contents of a pack, up to E, with commas. */
static piece_t arguments(struct reader *r, piece_t list, bool keep, bool *first)
{
	while (!r->failed && !read_word(r, "E")) {
		piece_t one;

		if (!*r->s || ++r->depth > DEPTH)
			return piece_fail(r);
		if (read_word(r, "J")) {
			list = arguments(r, list, false, first);
			one = 0;
			r->depth--;
			continue;
		}
		r->in_type++;
		one = read_word(r, "L") ? literal(r) : *r->s == 'X' ? piece_fail(r) : type_read(r);
		r->in_type--;
		r->depth--;
		if (keep && r->arg_count < CXX_REFS)
			r->args[r->arg_count++] = one;
		list = piece_join(r, list, *first ? "" : ", ", one);
		*first = false;
	}
	return list;
}

static piece_t template_args(struct reader *r, piece_t p)
{
	bool first = true;
	piece_t list;

	if (!r->in_type)
		r->arg_count = 0;
	list = arguments(r, piece_append(r, p, "<"), !r->in_type, &first);
	if (r->failed)
		return list;
	return piece_append(r, list, piece_start(r, list)[piece_length(r, list) - 1] == '>' ? " >" : ">");
}

static piece_t substitution(struct reader *r)
{
	static const struct { char letter; const char *name; } standard[] = {
		{ 't', "std" }, { 'a', "std::allocator" }, { 'b', "std::basic_string" }, { 's', "std::string" },
		{ 'i', "std::istream" }, { 'o', "std::ostream" }, { 'd', "std::iostream" },
	};
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if (*r->s == standard[i].letter) {
			r->s++;
			return piece_word(r, standard[i].name);
		}
	n = read_sequence(r, 36);
	return n < r->sub_count ? r->subs[n] : piece_fail(r);
}

static piece_t template_param(struct reader *r)
{
	uint32_t n = read_sequence(r, 10);

	return n < r->arg_count ? r->args[n] : piece_fail(r);
}

/* N [qualifiers] parts E */
static piece_t nested_name(struct reader *r, bool *is_template)
{
	piece_t p = { 0 };
	bool has = false, is_const = false, last = false;
	const char *ref = "";

	while (*r->s == 'r' || *r->s == 'V' || *r->s == 'K')
		is_const |= *r->s++ == 'K';
	if (*r->s == 'R' || *r->s == 'O')
		ref = *r->s++ == 'R' ? " &" : " &&";
	while (!r->failed && !read_word(r, "E")) {
		last = false;
		if (*r->s == 'S' && r->s[1] != 't') {
			r->s++;
			p = substitution(r);
			has = true;
			continue;
		}
		if (read_word(r, "St")) {
			p = piece_word(r, "std");
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
			piece_t part = unqualified(r, p);

			p = has ? piece_join(r, p, "::", part) : part;
		}
		has = true;
		if (*r->s != 'E')
			piece_remember(r, p);
	}
	*is_template = last;
	r->quals = is_const ? *ref == ' ' ? ref[2] ? " const &&" : " const &" : " const" : ref;
	return has ? p : piece_fail(r);
}

/* Z <encoding> E <name> */
static piece_t local_name(struct reader *r, bool *is_template)
{
	piece_t outer = encoding_read(r), inner;

	if (!read_word(r, "E"))
		return piece_fail(r);
	if (read_word(r, "s"))
		inner = piece_word(r, "string literal");
	else
		inner = name_read(r, is_template);
	if (read_word(r, "_"))
		read_word(r, "_"), read_number(r), read_word(r, "_");
	return piece_join(r, outer, "::", inner);
}

static piece_t name_read(struct reader *r, bool *is_template)
{
	piece_t p;

	*is_template = false;
	r->quals = "";
	if (read_word(r, "N"))
		return nested_name(r, is_template);
	if (read_word(r, "Z"))
		return local_name(r, is_template);
	if (*r->s == 'S' && r->s[1] != 't') {
		r->s++;
		p = substitution(r);
		r->special = false;
	} else {
		bool is_std = read_word(r, "St");

		p = unqualified(r, 0);
		if (is_std)
			p = piece_join(r, piece_word(r, "std"), "::", p);
		if (*r->s == 'I')
			piece_remember(r, p);
	}
	if (read_word(r, "I")) {
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
static piece_t parameters(struct reader *r)
{
	piece_t list = piece_word(r, "(");
	bool first = true;

	if (*r->s == 'v' && (!r->s[1] || r->s[1] == 'E' || r->s[1] == '.')) {
		r->s++;
		return piece_append(r, list, ")");
	}
	while (!r->failed && *r->s && *r->s != 'E' && *r->s != '.') {
		piece_t one = type_read(r);

		list = piece_join(r, list, first ? "" : ", ", one);
		first = false;
	}
	return piece_append(r, list, ")");
}

/* F <return> <parameters> E */
static piece_t function_type(struct reader *r)
{
	piece_t result, p, list;

	read_word(r, "Y");
	result = piece_append(r, type_read(r), " ");
	list = parameters(r);
	p = piece_join(r, result, "", list);
	return read_word(r, "E") ? piece_open(r, p, piece_length(r, result)) : piece_fail(r);
}

static piece_t array_type(struct reader *r)
{
	const char *digits = r->s;
	piece_t size, elem;

	read_number(r);
	size = piece_text(r, digits, (size_t)(r->s - digits));
	if (!read_word(r, "_"))
		return piece_fail(r);
	elem = piece_append(r, type_read(r), " ");
	return piece_open(r, piece_append(r, piece_join(r, elem, "[", size), "]"), piece_length(r, elem));
}

static piece_t member_pointer(struct reader *r)
{
	piece_t owner = type_read(r), member = type_read(r), mark;
	char name[256];

	mark = piece_append(r, owner, "::*");
	if (r->failed || piece_length(r, mark) >= sizeof(name))
		return piece_fail(r);
	memcpy(name, piece_start(r, mark), piece_length(r, mark));
	name[piece_length(r, mark)] = 0;
	return piece_declare(r, r->pieces[member].declarator ? member : piece_append(r, member, " "), name);
}

static piece_t d_type(struct reader *r)
{
	static const struct { char letter; const char *name; } types[] = {
		{ 'n', "decltype(nullptr)" }, { 'a', "auto" }, { 'c', "decltype(auto)" }, { 's', "char16_t" }, { 'i', "char32_t" },
		{ 'u', "char8_t" }, { 'h', "half" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (*r->s == types[i].letter) {
			r->s++;
			return piece_word(r, types[i].name);
		}
	return piece_fail(r);
}

/* A function type keeps its hole. */
static piece_t qualified(struct reader *r, piece_t p, const char *mark)
{
	return piece_open(r, piece_append(r, p, mark), r->pieces[p].hole);
}

/* A type that is a new substitution once it was read. */
static piece_t compound_type(struct reader *r)
{
	bool is_template;

	switch (*r->s++) {
	case 'P':
		return piece_declare(r, type_read(r), "*");
	case 'R':
		return piece_declare(r, type_read(r), "&");
	case 'O':
		return piece_declare(r, type_read(r), "&&");
	case 'K':
		if (*r->s == 'F')  /* of a member function */
			return qualified(r, type_read(r), " const");
		return piece_declare(r, type_read(r), " const");
	case 'V':
		return piece_declare(r, type_read(r), " volatile");
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

static piece_t type_read(struct reader *r)
{
	piece_t p;

	if (r->failed || ++r->depth > DEPTH)
		return piece_fail(r);
	r->in_type++;
	if (*r->s >= 'a' && *r->s <= 'z' && builtins[*r->s - 'a']) {
		p = piece_word(r, builtins[*r->s++ - 'a']);
	} else if (read_word(r, "D")) {
		p = d_type(r);
	} else if (*r->s == 'S' && r->s[1] != 't') {
		bool known;

		r->s++;
		p = substitution(r);
		known = *r->s != 'I';
		if (read_word(r, "I"))
			p = template_args(r, p);
		if (!known)
			piece_remember(r, p);
	} else {
		p = compound_type(r);
		piece_remember(r, p);
		if (read_word(r, "I")) {  /* of a template parameter that is a template */
			p = template_args(r, p);
			piece_remember(r, p);
		}
	}
	r->in_type--;
	r->depth--;
	return p;
}

static piece_t special_name(struct reader *r)
{
	static const struct { const char *code, *text; bool is_type; } kinds[] = {
		{ "TV", "vtable for ", true }, { "TT", "VTT for ", true }, { "TI", "typeinfo for ", true },
		{ "TS", "typeinfo name for ", true }, { "GV", "guard variable for ", false },
	};
	bool is_template;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (read_word(r, kinds[i].code))
			return piece_join(r, piece_word(r, kinds[i].text), "", kinds[i].is_type ? type_read(r) : name_read(r, &is_template));
	if (read_word(r, "Th") || read_word(r, "Tv")) {
		bool is_virtual = r->s[-1] == 'v';

		read_word(r, "n"), read_number(r), read_word(r, "_");
		if (is_virtual)
			read_word(r, "n"), read_number(r), read_word(r, "_");
		return piece_join(r, piece_word(r, is_virtual ? "virtual thunk to " : "non-virtual thunk to "), "", encoding_read(r));
	}
	return piece_fail(r);
}

static piece_t encoding_read(struct reader *r)
{
	bool is_template, special;
	const char *quals;
	piece_t p, result = { 0 };

	if (++r->depth > DEPTH)
		return piece_fail(r);
	if (*r->s == 'T' || (*r->s == 'G' && r->s[1] == 'V'))
		return special_name(r);
	p = name_read(r, &is_template);
	special = r->special;
	quals = r->quals;
	if (*r->s && *r->s != 'E' && *r->s != '.' && !r->failed) {
		if (is_template && !special)
			result = piece_append(r, type_read(r), " ");
		p = piece_join(r, result, "", p);
		p = piece_append(r, piece_join(r, p, "", parameters(r)), quals);
	}
	r->depth--;
	return p;
}

bool cxx_name(const char *mangled, char *out, size_t size)
{
	struct reader r;
	piece_t p;

	reader_start(&r, mangled);
	if (!read_word(&r, "_Z"))
		return false;
	p = encoding_read(&r);
	if (!r.failed && *r.s == '.')  /* a part or clone of the function */
		p = piece_append(&r, piece_join(&r, piece_append(&r, p, " ["), "", piece_word(&r, r.s)), "]"), r.s = "";
	if (r.failed || *r.s || piece_length(&r, p) >= size)
		return false;
	memcpy(out, piece_start(&r, p), piece_length(&r, p));
	out[piece_length(&r, p)] = 0;
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
	found = !strcmp(pattern, demangled) || glob_match(pattern, demangled);  /* "operator[]" is no pattern */
	*open = '(';
	return found;
}
