/* regex.c - regular expressions by backtracking, straight from their text.
 *
 * What is written for the names of probes: . [a-z] [^a-z] \d and escaped characters, each with * + ?; ( ) and | for
 * alternatives; ^ and $.  Groups are not repeated. */
#include "regex.h"

#include <stddef.h>

/* What follows the group that is being matched. */
struct rest {
	const char *p;
	const struct rest *outer;
};

/* Behind the atom at p. */
static const char *atom_end(const char *p)
{
	int depth = 0;

	do {
		if (*p == '[')
			while (*p && *++p != ']')
				;
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		p += *p == '\\' && p[1];
		p += !!*p;
	} while (*p && depth > 0);
	return p;
}

static bool one(const char *p, char c)
{
	bool inverse = p[1] == '^', found = false;

	if (*p == '.' || (*p == '\\' && *++p == 'd'))
		return *p == '.' || (c >= '0' && c <= '9');
	if (*p != '[')
		return *p == c;
	for (p += 1 + inverse; *p != ']'; p++) {
		const char *last = p[1] == '-' && p[2] != ']' ? p + 2 : p;

		found |= c >= *p && c <= *last;
		p = last;
	}
	return found != inverse;
}

/* Whether one of the alternatives at p, and then the rest, matches at s of the text at start. */
static bool match(const char *start, const char *p, const char *s, const struct rest *rest);

static bool branch(const char *start, const char *p, const char *s, const struct rest *rest)
{
	const char *end, *from = s;
	bool many, none;

	if (!*p || *p == '|' || *p == ')')
		return !rest || branch(start, rest->p, s, rest->outer);
	if (*p == '^' || *p == '$')
		return (*p == '^' ? s == start : !*s) && branch(start, p + 1, s, rest);
	end = atom_end(p);
	if (*p == '(') {
		struct rest after = { end, rest };

		return match(start, p + 1, s, &after);
	}
	many = *end == '*' || *end == '+';
	none = *end == '*' || *end == '?';
	while (*s && (many || s == from) && one(p, *s))
		s++;
	for (; s >= from + !none; s--)
		if (branch(start, end + (many || none), s, rest))
			return true;
	return false;
}

static bool match(const char *start, const char *p, const char *s, const struct rest *rest)
{
	while (!branch(start, p, s, rest)) {
		while (*p && *p != '|' && *p != ')')
			p = atom_end(p);
		if (*p++ != '|')
			return false;
	}
	return true;
}

bool regex_search(const char *expression, const char *text)
{
	const char *s = text;

	while (!match(text, expression, s, NULL))
		if (!*s++)
			return false;
	return true;
}

bool regex_valid(const char *p)
{
	int depth = 0;

	for (; *p && depth >= 0; p = *p == '(' || *p == ')' ? p + 1 : atom_end(p)) {
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if ((*p == '[' && atom_end(p)[-1] != ']') || (*p == ')' && (p[1] == '*' || p[1] == '+' || p[1] == '?')))
			return false;
	}
	return !depth;
}
