/* regex.h - regular expressions as --probe-filter takes them. */
#ifndef BTAOT_REGEX_H
#define BTAOT_REGEX_H

#include <stdbool.h>

/* NULL if the expression is well-formed, else what is wrong with it. */
const char *regex_check(const char *expression);
/* Whether the expression, which regex_check() has accepted, matches some part of the text. */
bool regex_search(const char *expression, const char *text);

#endif
