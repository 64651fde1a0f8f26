/* rights.h - which right is missing where the kernel says no. */
#ifndef BTAOT_RIGHTS_H
#define BTAOT_RIGHTS_H

#include <stdint.h>

#define RIGHTS_MAPS 0xffff  /* a kind: what creating maps needs */

/* " (missing: CAP_BPF, ...)" for the probe kind, or what else may forbid it. */
const char *rights_explain(uint16_t kind);

#endif
