/* payload_check.h - the contents of the payload's tables. */
#ifndef BTAOT_PAYLOAD_CHECK_H
#define BTAOT_PAYLOAD_CHECK_H

#include "payload.h"

/* Whether the contents hold together.  The pointers and counts of `p` are set and in bounds. */
bool payload_check(const struct payload *p);

/* Whether a type's size and parameters go together. */
bool payload_type_fits(const struct payload *p, const struct btaot_type *t);

#endif
