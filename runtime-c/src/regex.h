/* regex.h - regular expressions as --probe-filter takes them. */
#ifndef BTAOT_REGEX_H
#define BTAOT_REGEX_H

#include <stdbool.h>

/* Whether brackets and parentheses are closed. */
bool regex_valid(const char *expression);
/* Whether a valid expression matches some part of the text. */
bool regex_search(const char *expression, const char *text);

#endif
