/* parts.c - the only source that is compiled anew for each variant of the stub, with BTAOT_PARTS. */
#include "parts.h"

#ifndef BTAOT_PARTS
#define BTAOT_PARTS BTAOT_STUB_PART_ALL
#endif

const uint32_t stub_parts = BTAOT_PARTS;
