/* payload_check.h - the contents of the payload's tables. */
#ifndef BTAOT_PAYLOAD_CHECK_H
#define BTAOT_PAYLOAD_CHECK_H

#include "payload.h"

/* Whether the contents hold together.  The pointers and counts of `p` are set and in bounds. */
bool payload_check(const struct payload *p);

#endif
