/* parts.h - which optional parts of the runtime this stub has (btaot_tool/variants.py).
 *
 * HAS(PART) is a constant: what stands behind it is compiled in every stub and left out by the linker where it is false. */
#ifndef BTAOT_PARTS_H
#define BTAOT_PARTS_H

#include "payload_layout.h"

#ifndef BTAOT_PARTS
#define BTAOT_PARTS BTAOT_STUB_PART_ALL
#endif
#define HAS(part) ((BTAOT_PARTS & BTAOT_STUB_PART_##part) != 0)

#endif
