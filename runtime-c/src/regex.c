/* regex.c - regular expressions by backtracking, straight from their text.
 *
 * What is written for the names of probes: . [a-z] [^a-z] \d \w \s and other escapes, ( ), |, * + ? {n} {n,} {n,m} (each
 * also with ? behind, which changes nothing where only the match counts), ^ and $. */
#include "regex.h"

#include <stddef.h>

#define FOREVER 0xffffu

/* A group that is being repeated: what comes once its inside has matched. */
struct group {
	const char *inside;
	const char *next;           /* behind the group and its quantifier */
	unsigned int min, max, done;
	const char *from;           /* where this round began */
	const struct group *outer;
};

/* Whether what is left of the expression at p, and then of the groups around it, matches at s of the text at start. */
static bool match(const char *start, const char *p, const char *s, const struct group *g);

/* Behind the atom at p: a character, an escape, a set or a group. */
static const char *atom_end(const char *p)
{
	int depth = 0;

	do {
		if (*p == '\\' && p[1]) {
			p++;
		} else if (*p == '[') {
			p += p[1] == '^' ? 2 : 1;
			do
				p += *p == '\\' && p[1] ? 2 : 1;
			while (*p && *p != ']');
		}
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if (*p)
			p++;
	} while (*p && depth > 0);
	return p;
}

/* Whether c is one of `count` characters from `first` on. */
static bool within(int c, int first, int count)
{
	return c >= first && c < first + count;
}

static const char *number(const char *p, unsigned int *n)
{
	for (*n = 0; within(*p, '0', 10); p++)
		*n = *n * 10 + (unsigned int)(*p - '0');
	return p;
}

static const char *quantifier(const char *p, unsigned int *min, unsigned int *max)
{
	*min = *p != '*' && *p != '?';
	*max = *p == '*' || *p == '+' ? FOREVER : 1;
	if (*p == '{') {
		p = number(p + 1, min);
		*max = *min;
		if (*p == ',') {
			const char *digits = p + 1;

			p = number(digits, max);
			if (p == digits)
				*max = FOREVER;
		}
	} else if (*p != '*' && *p != '?' && *p != '+') {
		return p;
	}
	p += *p != 0;
	return p + (*p == '?');
}

/* \d \w \s; the capital letters mean the opposite.  Other escaped characters stand for themselves. */
static bool in_class(char name, unsigned char c)
{
	bool found = within(c, '0', 10);

	switch (name | 32) {
	case 'd':
		break;
	case 'w':
		found |= within(c | 32, 'a', 26) || c == '_';
		break;
	case 's':
		found = c == ' ' || within(c, '\t', 5);
		break;
	default:
		return name == (char)c;
	}
	return found == !!(name & 32);
}

static bool one(const char *p, const char *end, unsigned char c)
{
	bool inverse, found = false;

	if (*p == '.')
		return true;
	if (*p == '\\')
		return in_class(p[1], c);
	if (*p != '[')
		return *p == (char)c;
	inverse = *++p == '^';
	for (p += inverse; p < end - 1; p++) {
		if (*p == '\\')
			found |= in_class(*++p, c);
		else if (p[1] == '-' && p + 2 < end - 1)
			found |= (unsigned char)*p <= c && c <= (unsigned char)p[2], p += 2;
		else
			found |= *p == (char)c;
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

/* One more round of a group, as many as it may have, then what follows it. */
static bool rounds(const char *start, const struct group *g, const char *s)
{
	struct group round = *g;

	round.done++;
	round.from = s;
	if (g->done < g->max && (s != g->from || g->done < g->min) && any(start, g->inside, s, &round))
		return true;
	return g->done >= g->min && match(start, g->next, s, g->outer);
}

static bool match(const char *start, const char *p, const char *s, const struct group *g)
{
	unsigned int min, max, n = 0;
	const char *end, *next;

	if (!*p || *p == '|' || *p == ')')
		return !g || rounds(start, g, s);
	if (*p == '^')
		return s == start && match(start, p + 1, s, g);
	if (*p == '$')
		return !*s && match(start, p + 1, s, g);
	end = atom_end(p);
	next = quantifier(end, &min, &max);
	if (*p == '(') {
		struct group inner = { p + (p[1] == '?' && p[2] == ':' ? 3 : 1), next, min, max, 0, NULL, g };

		return rounds(start, &inner, s);
	}
	while (n < max && s[n] && one(p, end, (unsigned char)s[n]))
		n++;
	for (;; n--) {
		if (n < min)
			return false;
		if (match(start, next, s + n, g))
			return true;
		if (!n)
			return false;
	}
}

bool regex_search(const char *expression, const char *text)
{
	for (const char *s = text;; s++) {
		if (any(text, expression, s, NULL))
			return true;
		if (!*s)
			return false;
	}
}

const char *regex_check(const char *p)
{
	int depth = 0;

	while (*p && depth >= 0) {
		if (*p == '(' || *p == ')') {
			depth += *p++ == '(' ? 1 : -1;
			continue;
		}
		if (*p == '[' && atom_end(p)[-1] != ']')
			return "Unexpected character within '[...]' in regular expression";
		p = atom_end(p);
	}
	return depth ? "Mismatched '(' and ')' in regular expression" : NULL;
}
