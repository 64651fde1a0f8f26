/* parts.h - which optional parts of the runtime this stub has (btaot_tool/variants.py).
 *
 * HAS(PART) is a constant that the linker knows: it leaves out what stands behind it where it is false, so that the
 * variants of a stub differ in parts.c only. */
#ifndef BTAOT_PARTS_H
#define BTAOT_PARTS_H

#include <stdint.h>

#include "payload_layout.h"

extern const uint32_t stub_parts;
#define HAS(part) ((stub_parts & BTAOT_STUB_PART_##part) != 0)

#endif
