/* regex.c - regular expressions by backtracking, straight from their text.
 *
 * What is written for the names of probes: . [a-z] [^a-z] \d \w \s and other escapes, ( ), |, * + ? (each also with ?
 * behind, which changes nothing where only the match counts), ^ and $.  No {n}: it stands for itself. */
#include "regex.h"

#include <stddef.h>

/* A group that is being matched: what comes once its inside has. */
struct group {
	const char *inside;
	const char *end;            /* behind it: its quantifier */
	const char *from;           /* where this round began */
	const struct group *outer;
};

static bool match(const char *start, const char *p, const char *s, const struct group *g);

/* Behind the atom at p: a character, an escape, a set or a group. */
static const char *atom_end(const char *p)
{
	int depth = 0;

	do {
		if (*p == '[')
			for (p += p[1] == '^' ? 2 : 1; *p && *++p && *p != ']';)
				p += *p == '\\' && p[1];
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		p += *p == '\\' && p[1];
		p += !!*p;
	} while (*p && depth > 0);
	return p;
}

/* \d \w \s; the capital letters mean the opposite.  Other escaped characters stand for themselves. */
static bool in_class(char name, char c)
{
	bool digit = c >= '0' && c <= '9', space = c == ' ' || (c >= '\t' && c <= '\r');
	char kind = name | 32;

	if (kind != 'd' && kind != 's' && kind != 'w')
		return name == c;
	if (kind == 'w')
		digit |= c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z');
	return (kind == 's' ? space : digit) == (name == kind);
}

static bool one(const char *p, const char *end, char c)
{
	bool inverse, found = false;

	if (*p == '.')
		return true;
	if (*p != '[')
		return *p == '\\' ? in_class(p[1], c) : *p == c;
	inverse = *++p == '^';
	for (p += inverse; p < end - 1; p++) {
		if (*p == '\\') {
			found |= in_class(*++p, c);
		} else if (p[1] == '-' && p + 2 < end - 1) {
			found |= c >= *p && c <= p[2];
			p += 2;
		} else {
			found |= *p == c;
		}
	}
	return found != inverse;
}

/* Whether one of the alternatives that begin at p matches. */
static bool any(const char *start, const char *p, const char *s, const struct group *g)
{
	for (;;) {
		if (match(start, p, s, g))
			return true;
		while (*p && *p != '|' && *p != ')')
			p = atom_end(p);
		if (*p++ != '|')
			return false;
	}
}

/* Whether what is left of the expression at p, and then of the groups around it, matches at s of the text at start. */
static bool match(const char *start, const char *p, const char *s, const struct group *g)
{
	const char *end = p, *next, *from = s;
	bool again, round = !*p || *p == '|' || *p == ')';

	if (round) {  /* one round of a group is over */
		if (!g)
			return true;
		p = g->inside - 1;
		end = g->end;
		from = g->from;
		g = g->outer;
	} else if (*p == '^' || *p == '$') {
		return (*p == '^' ? s == start : !*s) && match(start, p + 1, s, g);
	} else {
		end = atom_end(p);
	}
	again = *end == '*' || *end == '+';
	next = end + (again || *end == '?');
	next += next > end && *next == '?';
	if (*p == '(') {
		struct group inner = { p + 1, end, s, g };

		if ((!round || (again && s != from)) && any(start, p + 1, s, &inner))
			return true;
		return (round || *end == '*' || *end == '?') && match(start, next, s, g);
	}
	while (*s && one(p, end, *s) && (s == from || again))
		s++;
	for (; s >= from + !(*end == '*' || *end == '?'); s--)
		if (match(start, next, s, g))
			return true;
	return false;
}

bool regex_search(const char *expression, const char *text)
{
	const char *s = text;

	while (!any(text, expression, s, NULL))
		if (!*s++)
			return false;
	return true;
}

bool regex_valid(const char *p)
{
	int depth = 0;

	while (*p && depth >= 0) {
		const char *end = *p == '(' || *p == ')' ? p + 1 : atom_end(p);

		if (*p == '[' && end[-1] != ']')
			return false;
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		p = end;
	}
	return !depth;
}
